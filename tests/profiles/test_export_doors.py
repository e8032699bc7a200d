"""Exports over REST and in the admin: who may, for which purpose, and what is told."""

import io
import zipfile
from datetime import timedelta
from typing import Any

import pytest
from django.test import Client
from django.urls import reverse
from django.utils import timezone
from rest_framework.test import APIClient

from cdp import api_keys
from cdp.models import AccessRecord, KeyKind, Scope, User
from profiles.exports import jobs
from tests.segments.world import World

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture
def world(transactional_db: None) -> World:
    world = World()
    world.purpose("analytics", legal_basis="contract")
    return world


def key(
    *,
    purpose: str = "analytics",
    scopes: tuple[Scope, ...] = (Scope.DATA_EXPORT,),
    fields: tuple[str, ...] = (),
    name: str = "",
) -> Any:
    rights: dict[str, Any] = {"scopes": scopes, "purpose": purpose, "fields": fields}
    _, token = api_keys.issue(kind=KeyKind.SECRET, name=name or purpose, **rights, by=None, now=timezone.now())
    client = APIClient()
    client.credentials(HTTP_AUTHORIZATION=f"Bearer {token}")
    return client


def test_a_key_exports_for_its_own_purpose_and_downloads_it(world: World) -> None:
    world.event(world.person(country="DE"), "Order Completed", at=timezone.now() - timedelta(days=2))
    app = key()
    asked = app.post("/v1/exports", {}, format="json")
    assert (asked.status_code, asked.json()["download"]) == (202, None)
    assert app.get("/v1/exports/1/download").json()["code"] == "export_not_ready"
    assert jobs.run_next(now=timezone.now())

    told = app.get("/v1/exports/1").json()
    assert (told["state"], told["manifest"]["people"]["permitted"]) == ("done", 1)
    packed = b"".join(app.get(told["download"]).streaming_content)
    assert any(name.startswith("events/date=") for name in zipfile.ZipFile(io.BytesIO(packed)).namelist())
    assert AccessRecord.objects.filter(action="data.export.download", actor_kind="key").count() == 1


def test_what_is_not_permitted_is_refused_with_its_field(world: World) -> None:
    app = key()
    told = app.post("/v1/exports", {"purpose": "marketing"}, format="json").json()
    assert (told["status"], told["errors"][0]["field"]) == (403, "purpose")
    told = app.post("/v1/exports", {"from": "2026-01-02", "to": "2026-01-01"}, format="json").json()
    assert (told["status"], told["errors"][0]["field"]) == (422, "from")
    assert app.post("/v1/exports", {"from": "yesterday"}, format="json").json()["errors"][0]["field"] == "from"
    assert app.post("/v1/exports", {"to": "0001-01-02"}, format="json").status_code == 422
    other = key(purpose="nothing", scopes=(Scope.PROFILES_READ,))
    assert other.post("/v1/exports", {}, format="json").json()["code"] == "scope_missing"


def test_a_key_does_not_see_what_another_purpose_exported(world: World) -> None:
    world.purpose("research", legal_basis="contract")
    key().post("/v1/exports", {}, format="json")
    assert key(purpose="research").get("/v1/exports/1").status_code == 404


def test_a_key_takes_no_more_away_than_its_field_list_names(world: World) -> None:
    key().post("/v1/exports", {}, format="json")
    narrow = key(fields=("segments", "traits.plan"), name="narrow")
    for wanted in ({}, {"tables": ["people"]}, {"tables": ["events"]}):
        told = narrow.post("/v1/exports", wanted, format="json").json()
        assert (told["status"], told["code"], told["errors"][0]["field"]) == (403, "field_not_allowed", "tables")
    assert narrow.get("/v1/exports/1").status_code == 404
    assert narrow.post("/v1/exports", {"tables": ["memberships"]}, format="json").status_code == 202
    assert narrow.get("/v1/exports/2").status_code == 200


def test_an_export_is_called_off(world: World) -> None:
    app = key()
    app.post("/v1/exports", {}, format="json")
    assert app.delete("/v1/exports/1").json()["state"] == "cancelled"
    assert app.delete("/v1/exports/1").json()["code"] == "export_finished"
    assert not jobs.run_next(now=timezone.now())


def test_compliance_exports_in_the_admin_and_others_do_not(world: World) -> None:
    world.person(country="DE")
    User.objects.filter(pk=world.author.pk).update(is_staff=True)
    client = Client()
    client.force_login(world.author, backend="django.contrib.auth.backends.ModelBackend")
    assert client.get(reverse("admin:profiles_dataexport_add")).status_code == 403
    world.author.groups.set([*world.author.groups.all(), *_compliance()])
    given = {"purpose": "analytics", "start": "2026-01-01", "end": "2026-01-02"}
    page = client.post(reverse("admin:profiles_dataexport_add"), {**given, "purpose": "nix"}).content.decode()
    assert "There is no live purpose" in page
    assert "queued" in client.post(reverse("admin:profiles_dataexport_add"), given, follow=True).content.decode()
    jobs.run_next(now=timezone.now())
    page = client.get(reverse("admin:profiles_dataexport_change", args=[1])).content.decode()
    assert "1 of 1 people" in page and "Download the ZIP" in page
    assert client.get(reverse("admin:profiles_dataexport_download", args=[1])).status_code == 200
    assert "Export 1" in client.get(reverse("admin:profiles_dataexport_changelist")).content.decode()


def _compliance() -> Any:
    from django.contrib.auth.models import Group

    return Group.objects.filter(name="compliance")
