"""The consent API over HTTP: telling, reading, exporting, and everything that is refused."""

import io
import json
import zipfile
from datetime import timedelta

import pytest
from django.test import Client
from django.utils import timezone

from cdp import api_keys
from cdp.models import AccessRecord, KeyKind, Scope
from consent import export_jobs
from consent.models import ConsentState, Entry
from profiles.models import Identifier, Profile
from tests.consent.conftest import person, profile_of

pytestmark = pytest.mark.django_db

ANN = {"type": "user_id", "value": "ann"}
GRANT = {"identifier": ANN, "operation": "grant", "purpose": "marketing"}


def key(*scopes, kind=KeyKind.SECRET, source="shop"):
    name = f"{kind}{len(scopes)}{'.'.join(scopes)}"
    _, token = api_keys.issue(kind=kind, name=name, scopes=scopes, source=source, by=None, now=timezone.now())
    return token


def call(method, path, body=None, *, token="", **headers):
    if token:
        headers["Authorization"] = f"Bearer {token}"
    content = body if isinstance(body, bytes) else json.dumps(body).encode()
    return Client(raise_request_exception=False).generic(
        method, path, content if body is not None else b"", content_type="application/json", headers=headers
    )


@pytest.fixture
def writer(db):
    return key(Scope.CONSENT_WRITE)


@pytest.fixture
def reader(db):
    return key(Scope.CONSENT_READ)


@pytest.fixture
def exporter(db):
    return key(Scope.CONSENT_EXPORT)


def test_a_grant_is_answered_with_a_receipt(writer, marketing):
    answer = call("POST", "/v1/consent", GRANT, token=writer)

    assert answer.status_code == 201
    receipt = answer.json()
    entry = Entry.objects.get()
    assert (receipt["sha256"], receipt["entry"].encode()) == (bytes(entry.hash).hex(), bytes(entry.bytes))
    told = json.loads(receipt["entry"])
    assert (told["channel"], told["source"], told["assurance"]) == ("api", "shop", "server")


def test_somebody_nobody_knows_can_refuse(writer, marketing):
    call("POST", "/v1/consent", {**GRANT, "operation": "deny"}, token=writer)

    origin = Identifier.objects.get(type="user_id", value="ann").origin_id
    assert ConsentState.objects.get(profile_id=profile_of(origin)).granted is False


def test_a_public_keys_word_is_a_clients(marketing):
    call("POST", "/v1/consent", GRANT, token=key(Scope.CONSENT_WRITE, kind=KeyKind.PUBLIC))

    assert Entry.objects.get().assurance == "client"


def test_the_answer_to_a_public_key_tells_nothing_about_the_person(marketing):
    answer = call("POST", "/v1/consent", GRANT, token=key(Scope.CONSENT_WRITE, kind=KeyKind.PUBLIC))

    assert "p_" not in answer.content.decode()
    assert set(answer.json()) == {"id", "sha256", "entry", "repeat"}


@pytest.mark.parametrize("header", ["k-1", '"k-1"'])
def test_an_idempotency_key_gives_the_same_receipt(writer, marketing, header):
    first = call("POST", "/v1/consent", GRANT, token=writer, **{"Idempotency-Key": "k-1"})
    again = call("POST", "/v1/consent", GRANT, token=writer, **{"Idempotency-Key": header})

    assert (again.status_code, again.json()["sha256"], again.json()["repeat"]) == (200, first.json()["sha256"], True)
    other = call("POST", "/v1/consent", {**GRANT, "operation": "deny"}, token=writer, **{"Idempotency-Key": "k-1"})
    assert (other.status_code, other.json()["code"]) == (409, "idempotency_key_reused")


@pytest.mark.parametrize(
    ("change", "status", "field"),
    [
        ({"operation": "expire"}, 400, "operation"),
        ({"identifier": {"type": "fax", "value": "1"}}, 400, "identifier.type"),
        ({"identifier": {"type": "email", "value": "nobody"}}, 422, "identifier"),
        ({"identifier": {"type": "id", "value": "p_nobody"}}, 422, "identifier"),
        ({"identifier": {"type": "user_id", "value": "a\u0000b"}}, 400, "identifier.value"),
        ({"identifier": "ann"}, 400, "identifier"),
        ({"purpose": None}, 400, "purpose"),
        ({"purposes": ["marketing"]}, 400, "purpose"),
        ({"purpose": "resale"}, 422, "purposes"),
        ({"occurred_at": "yesterday"}, 400, "occurred_at"),
        ({"occurred_at": "1970-01-01T00:00:00Z"}, 422, "occurred_at"),
        ({"occurred_at": "2200-01-01T00:00:00Z"}, 422, "occurred_at"),
        ({"notice": {"id": "nowhere"}}, 422, "notice"),
        ({"method": "x" * 201}, 400, "method"),
    ],
)
def test_what_cannot_be_recorded_is_refused_with_the_field_named(writer, marketing, change, status, field):
    answer = call("POST", "/v1/consent", {**GRANT, **change}, token=writer)

    assert (answer.status_code, answer["Content-Type"]) == (status, "application/problem+json")
    assert [error["field"] for error in answer.json()["errors"]] == [field]
    assert not Entry.objects.exists()
    assert not Identifier.objects.exists() and not Profile.objects.exists()


def test_a_reused_idempotency_key_keeps_no_name(writer, marketing):
    call("POST", "/v1/consent", GRANT, token=writer, **{"Idempotency-Key": "k-1"})
    bob = {**GRANT, "identifier": {"type": "email", "value": "bob@example.com"}}

    assert call("POST", "/v1/consent", bob, token=writer, **{"Idempotency-Key": "k-1"}).status_code == 409
    assert not Identifier.objects.filter(type="email").exists()


@pytest.mark.parametrize("body", [b"{", b"[]", b'"x"', b"[" * 100_000, b'{"method": "\\ud800"}', b'{"a": 1e999}', b""])
def test_no_body_breaks_it(writer, marketing, body):
    answer = call("POST", "/v1/consent", body, token=writer)

    assert answer.status_code == 400
    assert {"code", "message"} <= set(answer.json())


@pytest.mark.parametrize("evidence", [{"n": 2**63 - 1}, ["x"], {"deep": {"er": 1.5}}, None, "letter"])
def test_any_evidence_is_kept(writer, marketing, evidence):
    assert call("POST", "/v1/consent", {**GRANT, "evidence": evidence}, token=writer).status_code == 201


def test_a_person_reads_where_somebody_stands_and_why(writer, reader, marketing):
    call("POST", "/v1/consent", GRANT, token=writer)
    call("POST", "/v1/consent", {**GRANT, "operation": "withdraw"}, token=writer)

    told = call("GET", "/v1/consent/user_id:ann", token=reader).json()
    assert told["consent"]["marketing"]["state"] == "withdrawn"
    assert [entry["operation"] for entry in told["history"]] == ["withdraw", "grant"]
    assert told["history"][0]["id"] == told["consent"]["marketing"]["entry"]
    by_id = call("GET", f"/v1/consent/id:{told['id']}", token=reader).json()
    assert by_id["history"] == told["history"]
    assert AccessRecord.objects.filter(action="consent.read").count() == 2


@pytest.mark.parametrize("name", ["user_id:nobody", "email:nobody@example.org", "id:p_0000000000000", "id:x"])
def test_nobody_is_404(reader, db, name):
    answer = call("GET", f"/v1/consent/{name}", token=reader)

    assert (answer.status_code, answer.json()["code"]) == (404, "not_found")


def test_a_key_does_what_its_scopes_say_and_nothing_else(writer, reader, exporter, marketing):
    calls = {
        "write": ("POST", "/v1/consent", GRANT),
        "read": ("GET", "/v1/consent/user_id:ann", None),
        "export": ("POST", "/v1/consent/exports", {}),
    }
    allowed = {
        (may, name)
        for may, token in (("write", writer), ("read", reader), ("export", exporter), ("nothing", ""))
        for name, (method, path, body) in calls.items()
        if call(method, path, body, token=token).status_code < 300
    }
    assert allowed == {("write", "write"), ("read", "read"), ("export", "export")}


def test_an_export_is_asked_for_written_and_downloaded(writer, exporter, marketing):
    call("POST", "/v1/consent", GRANT, token=writer)
    asked = call("POST", "/v1/consent/exports", {"purpose": "marketing"}, token=exporter)
    assert (asked.status_code, asked.json()["state"], asked.json()["download"]) == (202, "queued", None)

    early = call("GET", f"{asked['Location']}/download", token=exporter)
    assert (early.status_code, early.json()["code"]) == (409, "export_not_ready")

    export_jobs.run_next(now=timezone.now() + timedelta(seconds=3))
    told = call("GET", asked["Location"], token=exporter).json()
    assert (told["state"], told["manifest"]["counts"]["entries"]) == ("done", 1)
    answer = call("GET", told["download"], token=exporter)
    with zipfile.ZipFile(io.BytesIO(b"".join(answer.streaming_content))) as packed:
        assert json.loads(packed.read("manifest.json")) == told["manifest"]
    assert AccessRecord.objects.filter(action="consent.export.download").exists()


def test_an_export_of_a_time_that_is_not_over_is_refused(exporter):
    answer = call("POST", "/v1/consent/exports", {"to": "2200-01-01T00:00:00Z"}, token=exporter)

    assert (answer.status_code, answer.json()["errors"][0]["field"]) == (422, "to")


def test_the_compliance_officer_exports_with_a_session_and_an_author_does_not(marketing):
    for role, status in (("compliance", 200), ("author", 403)):
        client = Client()
        client.force_login(person(f"the {role}", role), backend="django.contrib.auth.backends.ModelBackend")
        answer = client.get("/admin/consent/entry/exports/")
        assert answer.status_code == status


# -- the admin --------------------------------------------------------------------------------------------------------
@pytest.fixture
def officer(db):
    client = Client()
    client.force_login(person("mary", "compliance"), backend="django.contrib.auth.backends.ModelBackend")
    return client


def test_the_log_is_listed_without_counting_and_an_entry_shows_its_bytes(officer, writer, marketing):
    call("POST", "/v1/consent", GRANT, token=writer)
    entry = Entry.objects.get()

    listed = officer.get("/admin/consent/entry/?purpose=marketing&operation=grant&recorded=week").content.decode()
    assert "c_" in listed and "marketing" in listed
    shown = officer.get(f"/admin/consent/entry/{entry.seq}/change/").content.decode()
    assert bytes(entry.hash).hex() in shown
    assert "&quot;operation&quot;:&quot;grant&quot;" in shown


def test_who_looks_into_the_log_is_on_record_with_whom_it_showed(officer, writer, marketing):
    call("POST", "/v1/consent", GRANT, token=writer)
    entry = Entry.objects.get()
    officer.get("/admin/consent/entry/")
    officer.get(f"/admin/consent/entry/{entry.seq}/change/")

    records = AccessRecord.objects.order_by("id").values_list("action", "profile_id", "fields")
    shown = profile_of(entry.origin_id)
    assert list(records) == [("consent.list", shown, ["consent"]), ("consent.read", shown, ["consent"])]


def test_nobody_edits_the_log(officer, writer, marketing):
    call("POST", "/v1/consent", GRANT, token=writer)
    entry = Entry.objects.get()

    assert officer.get("/admin/consent/entry/add/").status_code == 403
    assert officer.post(f"/admin/consent/entry/{entry.seq}/delete/", {"post": "yes"}).status_code == 403
    officer.post(f"/admin/consent/entry/{entry.seq}/change/", {"operation": "deny"})
    assert Entry.objects.get().operation == "grant"


def test_an_export_is_asked_for_and_fetched_in_the_admin(officer, writer, marketing):
    call("POST", "/v1/consent", GRANT, token=writer)
    assert officer.post("/admin/consent/entry/exports/", {"purpose": "marketing"}).status_code == 302
    export_jobs.run_next(now=timezone.now() + timedelta(seconds=3))

    page = officer.get("/admin/consent/entry/exports/").content.decode()
    address = page.split('href="/admin/consent/entry/exports/')[1].split('"')[0]
    answer = officer.get(f"/admin/consent/entry/exports/{address}")
    assert answer["Content-Type"] == "application/zip"


def test_a_purpose_is_drafted_with_a_form(db, notice):
    author = Client()
    author.force_login(person("ann", "author"), backend="django.contrib.auth.backends.ModelBackend")
    author.post("/admin/consent/purpose/add/", {"key": "insight", "name": "Insight", "description": ""})
    from consent.models import Purpose

    head = Purpose.objects.get(key="insight")
    given = {
        "title": "Insight", "legal_basis": "consent", "assurance": "server", "categories": "statistics, C0002",
        "expires_after": "365d", "notice": notice,
    }  # fmt: skip
    answer = author.post(f"/admin/consent/purpose/{head.pk}/versions/new/", given)
    assert answer.status_code == 302, answer.content.decode()[-3000:]
    assert head.versions.get().content == {
        "title": "Insight", "legal_basis": "consent", "accepted_assurance": ["server"],
        "categories": ["statistics", "C0002"], "expires_after": "365d", "notice": notice,
    }  # fmt: skip
    again = author.get(f"/admin/consent/purpose/{head.pk}/versions/1/edit/").content.decode()
    assert "statistics, C0002" in again
    assert author.get(f"/admin/consent/purpose/{head.pk}/versions/1/").status_code == 200

    wrong = author.post(f"/admin/consent/purpose/{head.pk}/versions/new/", {**given, "expires_after": "soon"})
    assert "365d" in wrong.content.decode() and head.versions.count() == 1
