"""Imports over REST and in the admin: who may, what is refused with which field, what is told."""

import json
from typing import Any

import pytest
from django.core.files.uploadedfile import SimpleUploadedFile
from django.test import Client
from django.urls import reverse
from django.utils import timezone
from rest_framework.test import APIClient

from cdp import api_keys
from cdp.models import Job, KeyKind, Scope, User
from profiles.imports import uploads
from profiles.models import Source
from tests.profiles import stream
from tests.segments.world import World

pytestmark = pytest.mark.django_db(transaction=True)

MAPPING = json.dumps({
    "name": "crm", "identifiers": {"user_id": "id"}, "traits": {"age": {"column": "age", "kind": "integer"}},
})  # fmt: skip
ROWS = b"id,age\nann,30\nben,many\n"


def key(*, kind: KeyKind = KeyKind.SECRET, scopes: tuple[Scope, ...] = (Scope.INGEST_WRITE,), name: str = "a") -> Any:
    _, token = api_keys.issue(kind=kind, name=name, scopes=scopes, source="shop", by=None, now=timezone.now())
    client = APIClient()
    client.credentials(HTTP_AUTHORIZATION=f"Bearer {token}")
    return client


def sent(client: APIClient, *, content: bytes = ROWS, **fields: Any) -> Any:
    given = {"kind": "people", "mapping": MAPPING} | fields
    return client.post("/v1/imports", {**given, "file": SimpleUploadedFile("a.csv", content)}, format="multipart")


def test_a_file_is_taken_worked_off_and_told_row_by_row(transactional_db: None) -> None:
    app = key()
    answer = sent(app, source="somebody else's")
    assert (answer.status_code, answer.json()["state"], answer["Location"]) == (202, "queued", "/v1/imports/1")
    assert uploads.run_next(now=timezone.now())
    stream.work()

    told = app.get("/v1/imports/1").json()
    assert (told["state"], told["source"]) == ("done", "shop")
    assert (told["totals"]["rows"], told["totals"]["stored"], told["totals"]["unreadable"]) == (2, 1, 1)
    (fault,) = told["faults"]
    assert (fault["row"], fault["column"], fault["value_class"]) == (2, "age", "text of 4 characters")
    report = b"".join(app.get(told["report"]).streaming_content).decode()
    assert report.splitlines()[1].startswith('"2","age","text of 4 characters"') and "many" not in report
    assert Source.objects.get().kind == "import"
    assert app.delete("/v1/imports/1").json()["code"] == "import_finished"


def test_what_cannot_be_begun_is_refused_with_its_field(transactional_db: None, settings: Any) -> None:
    app = key()
    told = sent(app, mapping='{"name": "crm", "identifiers": {"emial": "id"}}').json()
    assert (told["status"], told["errors"][0]["field"]) == (422, "mapping.identifiers.emial")
    assert "Did you mean email?" in told["message"]
    assert sent(app, content=b"").status_code == 400
    assert sent(app, kind="cats").json()["errors"][0]["field"] == "kind"
    settings.CDP_MOST_IMPORT_BYTES = 5
    assert sent(app).json()["errors"][0]["field"] == "file"
    assert not Job.objects.exists()


def test_files_take_a_secret_key_that_may_send_and_each_key_sees_its_own(transactional_db: None) -> None:
    sent(key())
    assert sent(key(kind=KeyKind.PUBLIC, name="b")).json()["code"] == "secret_key_required"
    assert sent(key(scopes=(Scope.SEGMENTS_READ,), name="c")).json()["code"] == "scope_missing"
    assert key(name="d").get("/v1/imports/1").status_code == 404
    assert sent(APIClient()).status_code == 401


@pytest.fixture
def author(transactional_db: None) -> Client:
    world = World()
    User.objects.filter(pk=world.author.pk).update(is_staff=True)
    client = Client()
    client.force_login(world.author, backend="django.contrib.auth.backends.ModelBackend")
    return client


def test_the_admin_proposes_a_mapping_and_then_imports(author: Client) -> None:
    address = reverse("admin:profiles_importjob_add")
    page = author.post(address, {"kind": "people", "file": SimpleUploadedFile("crm.csv", b"id,E-Mail\n1,a@b.c\n")})
    assert "This is what the header suggests" in page.content.decode()
    assert "&quot;email&quot;: &quot;E-Mail&quot;" in page.content.decode()
    given = {"kind": "people", "mapping": MAPPING, "file": SimpleUploadedFile("crm.csv", ROWS)}
    shown = author.post(address, given, follow=True).content.decode()
    assert "queued" in shown and 'hx-trigger="every 2s"' in shown
    uploads.run_next(now=timezone.now())
    page = author.get(reverse("admin:profiles_importjob_change", args=[1])).content.decode()
    assert "text of 4 characters" in page and "many" not in page
    assert "crm" in author.get(reverse("admin:profiles_importjob_changelist")).content.decode()
    refused = author.post(address, {**given, "mapping": "{}", "file": SimpleUploadedFile("crm.csv", ROWS)})
    assert "missing required field" in refused.content.decode()


def test_an_import_is_called_off_from_its_page(author: Client) -> None:
    given = {"kind": "people", "mapping": MAPPING, "file": SimpleUploadedFile("crm.csv", ROWS)}
    author.post(reverse("admin:profiles_importjob_add"), given)
    author.post(reverse("admin:profiles_importjob_cancel", args=[1]))
    assert Job.objects.get().state == "cancelled"
    assert not uploads.run_next(now=timezone.now())
