"""The lifecycle as a script meets it over HTTP."""

from datetime import timedelta

import pytest
from django.utils import timezone
from rest_framework.test import APIClient

from cdp import api_keys, person_tokens
from cdp.models import KeyKind, Scope
from tests.cdp.conftest import person

pytestmark = [pytest.mark.django_db, pytest.mark.urls("tests.cdp.urls")]


def client_of(user):
    now = timezone.now()
    _, token = person_tokens.issue(user=user, name="test", now=now, expires_at=now + timedelta(days=1))
    client = APIClient()
    client.credentials(HTTP_AUTHORIZATION=f"Bearer {token}")
    return client


@pytest.fixture
def writing(author):
    return client_of(author)


@pytest.fixture
def deciding(approver):
    return client_of(approver)


@pytest.fixture
def note(writing):
    answer = writing.post(
        "/v1/notes", {"key": "greeting", "name": "Greeting", "content": {"text": "hello"}}, format="json"
    )
    assert answer.status_code == 201, answer.content
    return answer.json()


def post(client, address, body=None):
    return client.post(f"/v1/notes/greeting{address}", body or {}, format="json")


def test_a_version_goes_from_draft_to_live_and_is_read_back(note, writing, deciding):
    assert post(writing, "/versions/1/submit").json()["state"] == "review"
    seen = deciding.get("/v1/notes/greeting/versions/1").json()["content_hash"]
    answer = post(deciding, "/versions/1/approve", {"comment": "reads well", "content_hash": seen})

    assert (answer.status_code, answer.json()["state"]) == (200, "live")
    head = writing.get("/v1/notes/greeting").json()
    assert (head["live_version"], head["versions"][0]["decisions"][0]["comment"]) == (1, "reads well")


def test_the_author_cannot_approve(note, writing):
    both = person("both", "author", "approver")
    client = client_of(both)
    client.patch("/v1/notes/greeting/versions/1", {"content": {"text": "mine"}}, format="json")
    post(client, "/versions/1/submit")

    answer = post(client, "/versions/1/approve", {"comment": "mine"})

    assert (answer.status_code, answer.json()["code"]) == (403, "four_eyes")
    assert post(writing, "/versions/1/approve", {"comment": "x"}).json()["code"] == "not_allowed"


def test_a_key_approves_nothing_whatever_its_scopes(note, writing, author):
    _, token = api_keys.issue(
        kind=KeyKind.SECRET, name="app", scopes=set(Scope), source="s", by=author, now=timezone.now()
    )
    client = APIClient()
    client.credentials(HTTP_AUTHORIZATION=f"Bearer {token}")
    post(writing, "/versions/1/submit")

    for answer in (post(client, "/versions/1/approve", {"comment": "robot"}), client.get("/v1/notes")):
        assert (answer.status_code, answer.json()["code"]) == (403, "person_required")
        assert answer["Content-Type"] == "application/problem+json"


def test_without_a_token_nothing_is_told(note):
    answer = APIClient().get("/v1/notes/greeting")

    assert (answer.status_code, answer["WWW-Authenticate"]) == (401, "Bearer")
    assert answer.json()["code"] == "not_authenticated"


def test_a_person_without_a_role_sees_nothing(note):
    answer = client_of(person("nobody")).get("/v1/notes")

    assert (answer.status_code, answer.json()["code"]) == (403, "role_missing")


def test_an_edit_since_one_looked_is_a_conflict(note, writing, deciding):
    post(writing, "/versions/1/submit")
    seen = deciding.get("/v1/notes/greeting/versions/1").json()["content_hash"]
    writing.patch("/v1/notes/greeting/versions/1", {"content": {"text": "other"}}, format="json")
    post(writing, "/versions/1/submit")

    answer = post(deciding, "/versions/1/approve", {"comment": "as seen", "content_hash": seen})

    assert (answer.status_code, answer.json()["code"]) == (409, "wrong_state")


@pytest.mark.parametrize("verb", ["approve", "reject"])
def test_a_decision_without_a_comment_says_so(note, writing, deciding, verb):
    post(writing, "/versions/1/submit")
    answer = post(deciding, f"/versions/1/{verb}", {})

    assert (answer.status_code, answer.json()["code"]) == (400, "comment_required")


def test_content_that_means_nothing_names_the_field(note, writing):
    answer = post(writing, "/versions", {"content": {}})

    assert answer.status_code == 422
    assert answer.json()["errors"] == [{"field": "text", "detail": "is missing"}]
    assert answer.json()["message"]


def test_retire_and_roll_back(note, writing, deciding):
    post(writing, "/versions/1/submit")
    post(deciding, "/versions/1/approve", {"comment": "fine"})
    assert post(deciding, "/retire", {"comment": "over"}).json()["live_version"] is None

    answer = post(writing, "/versions/1/roll-back", {"comment": "needed again"})

    assert answer.status_code == 201
    assert (answer.json()["number"], answer.json()["copied_from"], answer.json()["state"]) == (2, 1, "review")


def test_the_difference_of_two_versions_is_a_list_of_places(note, writing):
    post(writing, "/versions", {"content": {"text": "bye", "tags": ["a"]}})

    answer = writing.get("/v1/notes/greeting/diff?from=1&to=2")

    assert answer.json() == [
        {"path": "/tags", "change": "added", "before": None, "after": ["a"]},
        {"path": "/text", "change": "changed", "before": "hello", "after": "bye"},
    ]


def test_a_key_that_is_taken_is_a_conflict(note, writing):
    answer = writing.post("/v1/notes", {"key": "greeting", "name": "Again"}, format="json")

    assert (answer.status_code, answer.json()["code"]) == (409, "key_taken")


@pytest.mark.parametrize(
    "body",
    [
        b"{",
        b'{"content": ' + b"[" * 100_000 + b"]" * 100_000 + b"}",
        b'{"content": ' + b"[" * 500 + b"]" * 500 + b"}",
        b'{"content": {"text": "\\u0000"}}',
        b'{"content": {"text": "\\ud800"}}',
        b'{"content": {"text": 1e999}}',
        b'{"content": {"text": 9007199254740993}}',
        b'{"content": NaN}',
        b"[]",
        b"null",
        b"\xff\xfe",
        b"",
        b'{"content": "' + b"a" * 2_000_000 + b'"}',
    ],
)
def test_a_bad_body_is_refused_and_never_an_error_of_ours(note, writing, body):
    answer = writing.post("/v1/notes/greeting/versions", body, content_type="application/json")

    assert 400 <= answer.status_code < 500
    assert answer.json()["code"] and answer.json()["message"]


@pytest.mark.parametrize(
    "address",
    ["/v1/notes/nothing", "/v1/notes/greeting/versions/9", "/v1/notes/greeting/versions/999999999", "/v1/notes/%00"],
)
def test_what_is_not_there_is_a_problem_too(note, writing, address):
    answer = writing.get(address)

    assert (answer.status_code, answer.json()["code"]) == (404, "not_found")


def test_a_list_of_objects_takes_a_fixed_number_of_queries(note, writing, django_assert_max_num_queries):
    for number in range(5):
        body = {"key": f"note-{number}", "name": "Note", "content": {"text": "x"}}
        writing.post("/v1/notes", body, format="json")

    with django_assert_max_num_queries(4):
        assert len(writing.get("/v1/notes").json()) == 6
    with django_assert_max_num_queries(5):
        writing.get("/v1/notes/greeting")
