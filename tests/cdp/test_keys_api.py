import pytest
from django.conf import settings
from django.test import override_settings
from django.utils import timezone
from django_otp.oath import TOTP
from drf_spectacular.drainage import GENERATOR_STATS
from drf_spectacular.generators import SchemaGenerator
from rest_framework.test import APIClient

from cdp import api_keys
from tests.cdp.conftest import person
from tests.cdp.test_governance_api import client_of

pytestmark = [pytest.mark.django_db, pytest.mark.urls("tests.cdp.urls")]

KEY = {"kind": "pk", "name": "web shop", "scopes": ["ingest:write"], "source": "web"}


@pytest.fixture
def administering(administrator):
    return client_of(administrator)


def test_an_administrator_issues_rotates_lists_and_revokes(administering):
    issued = administering.post("/v1/keys", KEY, format="json")
    assert issued.status_code == 201, issued.content
    first = issued.json()
    second = administering.post(f"/v1/keys/{first['key']['id']}/rotate").json()
    administering.post(f"/v1/keys/{first['key']['id']}/revoke")

    listed = administering.get("/v1/keys").json()
    assert [(key["id"], key["revoked_at"] is None) for key in listed] == [
        (second["key"]["id"], True),
        (first["key"]["id"], False),
    ]
    assert api_keys.authenticate(first["token"], now=timezone.now()) is None
    assert api_keys.authenticate(second["token"], now=timezone.now()).source == "web"


def test_no_list_tells_a_token(administering):
    token = administering.post("/v1/keys", KEY, format="json").json()["token"]

    assert token[-20:] not in administering.get("/v1/keys").content.decode()


@pytest.mark.parametrize("role", ["author", "approver", "compliance", "viewer"])
def test_nobody_else_sees_or_makes_keys(role):
    client = client_of(person("other", role))

    for answer in (client.get("/v1/keys"), client.post("/v1/keys", KEY, format="json")):
        assert (answer.status_code, answer.json()["code"]) == (403, "role_missing")


def test_a_public_key_that_would_read_is_refused_with_the_field(administering):
    answer = administering.post("/v1/keys", {**KEY, "scopes": ["profiles:read"]}, format="json")

    assert answer.status_code == 400
    assert answer.json()["errors"][0]["field"] == "scopes"


def test_a_third_live_key_of_a_name_is_a_conflict(administering):
    administering.post("/v1/keys", KEY, format="json")
    administering.post("/v1/keys", KEY, format="json")

    assert administering.post("/v1/keys", KEY, format="json").status_code == 409


def test_a_person_exchanges_a_password_for_a_token(administrator):
    administrator.set_password("correct horse battery")
    administrator.save()

    answer = APIClient().post("/v1/tokens", {"username": "root", "password": "correct horse battery"}, format="json")

    client = APIClient()
    client.credentials(HTTP_AUTHORIZATION=f"Bearer {answer.json()['token']}")
    assert client.get("/v1/keys").status_code == 200


def test_a_wrong_password_gets_no_token(administrator):
    answer = APIClient().post("/v1/tokens", {"username": "root", "password": "wrong"}, format="json")

    assert (answer.status_code, answer.json()["code"]) == (401, "not_signed_in")


def test_after_many_wrong_passwords_it_answers_with_a_problem_and_when_to_come_back(administrator):
    wrong = {"username": "root", "password": "wrong"}
    answers = [APIClient().post("/v1/tokens", wrong, format="json") for _ in range(settings.AXES_FAILURE_LIMIT + 1)]
    assert (answers[0].status_code, answers[0].json()["code"]) == (401, "not_signed_in")
    assert (answers[-1].status_code, answers[-1].json()["code"]) == (429, "locked_out")
    assert int(answers[-1]["Retry-After"]) > 0


@override_settings(CDP_REQUIRE_OTP=True)
def test_outside_the_demo_a_token_needs_a_one_time_password(administrator):
    administrator.set_password("correct horse battery")
    administrator.save()
    device = administrator.totpdevice_set.create(name="phone")
    given = {"username": "root", "password": "correct horse battery"}

    assert APIClient().post("/v1/tokens", given, format="json").json()["code"] == "one_time_password_required"
    code = f"{TOTP(device.bin_key).token():06d}"
    assert APIClient().post("/v1/tokens", {**given, "one_time_password": code}, format="json").status_code == 201


def test_the_token_of_a_person_who_was_locked_out_opens_nothing(administrator):
    client = client_of(administrator)
    administrator.is_active = False
    administrator.save()

    assert client.get("/v1/keys").json()["code"] == "invalid_token"


def test_a_session_needs_its_csrf_token(administrator):
    client = APIClient(enforce_csrf_checks=True)
    client.force_login(administrator, backend="django.contrib.auth.backends.ModelBackend")

    assert client.get("/v1/keys").status_code == 200
    assert client.post("/v1/keys", KEY, format="json").status_code == 403


@override_settings(CDP_REQUIRE_OTP=True)
def test_a_session_without_its_one_time_password_opens_nothing(administrator):
    client = APIClient()
    client.force_login(administrator, backend="django.contrib.auth.backends.ModelBackend")

    answer = client.get("/v1/keys")
    assert (answer.status_code, answer.json()["code"]) == (401, "one_time_password_required")


def test_an_address_that_does_not_exist_is_a_problem():
    answer = APIClient().get("/v1/nothing")

    assert (answer.status_code, answer["Content-Type"]) == (404, "application/problem+json")
    assert answer.json()["code"] == "not_found"


def test_the_description_of_these_addresses_raises_no_warning():
    GENERATOR_STATS.reset()
    document = SchemaGenerator(urlconf="tests.cdp.urls").get_schema(request=None, public=True)

    assert (dict(GENERATOR_STATS._warn_cache), dict(GENERATOR_STATS._error_cache)) == ({}, {})
    assert "/v1/notes/{key}/versions/{number}/approve" in document["paths"]
    assert document["components"]["securitySchemes"].keys() >= {"apiKey", "personToken", "session"}
