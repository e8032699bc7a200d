"""Segments over HTTP: what is live, who is in, why; and the verbs."""

from datetime import timedelta
from typing import Any

import pytest
from django.contrib.auth.models import Group
from django.utils import timezone
from rest_framework.test import APIClient

from cdp import api_keys, person_tokens
from cdp.ids import to_public
from cdp.models import AccessRecord, KeyKind, Scope, User
from consent import ledger
from profiles.models import Profile
from tests.segments.world import World

GERMAN = {"trait": "country", "op": "=", "value": "DE"}
BUYERS = {"all": [GERMAN, {"event": "Order Completed", "measure": "count", "op": ">=", "value": 1, "within": "1h"}]}


def key_for(
    world: World, *, purpose: str = "service", scopes: tuple[Scope, ...] = (Scope.SEGMENTS_READ,), **more: Any
) -> APIClient:
    _, token = api_keys.issue(
        kind=KeyKind.SECRET, name=f"app {purpose}", scopes=scopes, purpose=purpose, by=None, now=timezone.now(), **more
    )
    return _bearing(token)


def client_of(user: User) -> APIClient:
    now = timezone.now()
    _, token = person_tokens.issue(user=user, name="test", now=now, expires_at=now + timedelta(days=1))
    return _bearing(token)


def _bearing(token: str) -> APIClient:
    client = APIClient()
    client.credentials(HTTP_AUTHORIZATION=f"Bearer {token}")
    return client


@pytest.fixture
def app(world: World) -> APIClient:
    world.purpose("service", legal_basis="contract")
    return key_for(world)


def why(client: APIClient, profile_id: int, key: str, query: str = "") -> Any:
    return client.get(f"/v1/profiles/id:{to_public(profile_id)}/segments/{key}/why{query}")


def test_the_list_says_rule_version_size_and_state(world: World, app: APIClient) -> None:
    world.person(country="DE")
    world.publish("germans", GERMAN)
    world.segment("planned")
    world.backfill()
    germans, planned = app.get("/v1/segments").json()
    assert (germans["key"], germans["status"], germans["version"], germans["size"]) == ("germans", "ready", 1, 1)
    assert "country" in germans["sentence"]
    assert (planned["status"], planned["version"], planned["sentence"]) == ("draft", None, "")
    assert app.get("/v1/segments/germans").json() == germans
    assert app.get("/v1/segments/nobody").json()["code"] == "not_found"


def test_members_come_in_pages_and_a_cursor_belongs_to_its_segment(world: World, app: APIClient) -> None:
    people = [world.person(country="DE") for _ in range(5)]
    world.publish("germans", GERMAN)
    world.publish("others", GERMAN)
    world.backfill()
    seen, cursor = [], ""
    while cursor is not None:
        page = app.get(f"/v1/segments/germans/members?limit=2&cursor={cursor}").json()
        seen += [member["id"] for member in page["members"]]
        assert all(member["version"] == 1 and member["entered_at"] for member in page["members"])
        other, cursor = cursor, page["next"]
    assert seen == [to_public(person) for person in people]
    refused = app.get(f"/v1/segments/others/members?cursor={other}")
    assert (refused.status_code, refused.json()["errors"][0]["field"]) == (400, "cursor")
    assert app.get("/v1/segments/germans/members?cursor=zzz").status_code == 400
    assert app.get("/v1/segments/germans/members?limit=0").status_code == 400
    assert AccessRecord.objects.filter(action="segment.members").count() == 5


def test_members_who_did_not_consent_to_the_keys_purpose_are_withheld(world: World) -> None:
    world.purpose("marketing")
    anna, ben = world.person(country="DE"), world.person(country="DE")
    world.consent(anna, "marketing", ledger.grant, at=timezone.now())
    world.publish("germans", GERMAN)
    world.backfill()
    app = key_for(world, purpose="marketing")
    answer = app.get("/v1/segments/germans/members").json()
    assert [member["id"] for member in answer["members"]] == [to_public(anna)]
    assert (answer["withheld"], answer["next"]) == (1, None)
    hidden = why(app, ben, "germans").json()
    assert (hidden["is_member"], hidden["explanation"], hidden["stay"]) == (None, None, None)
    assert {one["code"] for one in hidden["withheld"]} == {"no_record"}
    assert app.get("/v1/segments/germans/members?purpose=service").json()["code"] == "purpose_not_allowed"


def test_a_key_without_the_scope_reads_no_segments(world: World, app: APIClient) -> None:
    other = key_for(world, scopes=(Scope.PROFILES_READ,), purpose="other")
    assert other.get("/v1/segments").json()["code"] == "scope_missing"
    assert APIClient().get("/v1/segments").status_code == 401


def test_why_tells_every_part_with_what_it_observed(world: World, app: APIClient) -> None:
    anna = world.person(country="DE")
    ordered = timezone.now() - timedelta(minutes=10)
    world.event(anna, "Order Completed", at=ordered, revenue=20)
    world.publish("buyers", BUYERS)
    world.backfill()
    told = why(app, anna, "buyers").json()
    assert (told["is_member"], told["version"], told["approved"]["by"], told["approved"]["comment"]) == (
        True,
        1,
        "grace",
        "fine",
    )
    country, orders = told["explanation"]["children"]
    assert (country["holds"], country["observed"], orders["holds"], orders["observed"]) == (True, "DE", True, 1)
    assert told["stay"]["cause"] == "backfill"
    assert [leaf["observed"] for leaf in told["stay"]["evidence"]] == ["DE", 1]
    assert told["changes_at"].startswith((ordered + timedelta(hours=1)).isoformat()[:19])
    record = AccessRecord.objects.get(action="segment.why")
    assert (record.profile_id, record.fields) == (anna, ["events.Order Completed", "segments", "traits.country"])
    (event,) = orders["events"]
    assert (event["name"], event["at"][:19], orders["events_total"]) == ("Order Completed", ordered.isoformat()[:19], 1)
    assert (told["smallest"], told["status"], told["known"]) == ([["$.all[0]"], ["$.all[1]"]], "ready", None)


def test_why_not_tells_the_part_that_fails(world: World, app: APIClient) -> None:
    ben = world.person(country="FR")
    world.publish("buyers", BUYERS)
    world.backfill()
    told = why(app, ben, "buyers").json()
    assert (told["is_member"], told["stay"]) == (False, None)
    assert [child["holds"] for child in told["explanation"]["children"]] == [False, False]
    assert [child["in_the_way"] for child in told["explanation"]["children"]] == [True, True]
    assert told["smallest"] == [["$.all[0]", "$.all[1]"]]


@pytest.mark.parametrize(
    ("query", "field"),
    [("?known=then", "at"), ("?at=yesterday", "at"), ("?at=2026-03-03T12:00:00", "at"),
     ("?at=2999-01-01T00:00:00Z", "at"), ("?at=2020-01-01T00:00:00Z&known=perhaps", "known")],
)  # fmt: skip
def test_a_moment_that_makes_no_sense_is_refused(world: World, app: APIClient, query: str, field: str) -> None:
    anna = world.person(country="DE")
    world.publish("germans", GERMAN)
    refused = why(app, anna, "germans", query)
    assert (refused.status_code, refused.json()["errors"][0]["field"]) == (400, field)


def test_events_are_told_only_where_the_key_may_read_them(world: World, app: APIClient) -> None:
    anna = world.person(country="DE")
    world.event(anna, "Order Completed", at=timezone.now() - timedelta(minutes=10), revenue=20)
    world.publish("buyers", BUYERS)
    world.backfill()
    told = why(key_for(world, fields=("segments", "traits")), anna, "buyers").json()
    orders = told["explanation"]["children"][1]
    assert (orders["observed"], "events" in orders) == (1, False)
    assert [one["field"] for one in told["withheld"]] == ["events.Order Completed"]
    whole = why(app, anna, "buyers").json()
    assert [one["name"] for one in whole["explanation"]["children"][1]["events"]] == ["Order Completed"]


def test_why_never_contradicts_the_membership_it_reports(world: World, app: APIClient) -> None:
    """The event is stored, its lane has not run: the person is evaluated before the answer."""
    anna = world.person(country="DE")
    world.publish("buyers", BUYERS)
    world.backfill()
    world.event(anna, "Order Completed", at=timezone.now() - timedelta(minutes=1), revenue=20)
    told = why(app, anna, "buyers").json()
    assert told["is_member"] is True
    assert told["stay"]["entered_at"] is not None
    assert world.members("buyers") == {anna}


def test_a_withheld_trait_is_not_told_by_the_explanation(world: World, app: APIClient) -> None:
    ends = timezone.now() - timedelta(minutes=1)
    anna = world.person(country="DE", age=40, trial_ends=ends.isoformat())
    adult = {"trait": "age", "op": ">", "value": 18}
    trial = {"trait": "trial_ends", "op": "within_last", "value": "1h"}
    world.publish("trials", {"all": [{"any": [trial, GERMAN]}, adult]})
    world.backfill()
    narrow = key_for(world, fields=("segments", "traits.age"))
    told = why(narrow, anna, "trials").json()
    assert (told["is_member"], told["changes_at"], told["stay"]["evidence"]) == (True, None, None)
    assert told["stay"]["entered_at"] is not None
    either, old = told["explanation"]["children"]
    assert set(told["explanation"]) == set(either) == {"path", "children"}
    assert [set(leaf) for leaf in either["children"]] == [{"path"}, {"path"}]
    assert (old["holds"], old["observed"]) == (True, 40)
    assert {one["code"] for one in told["withheld"]} == {"field_not_allowed"}
    assert why(app, anna, "trials").json()["stay"]["evidence"][1]["observed"] == "DE"


def test_the_evidence_of_an_older_version_does_not_tell_a_withheld_trait(world: World, app: APIClient) -> None:
    anna = world.person(country="DE", age=40)
    world.publish("chosen", GERMAN)
    world.backfill()
    world.publish("chosen", {"trait": "age", "op": ">", "value": 18})
    world.backfill()
    told = why(key_for(world, fields=("segments", "traits.age")), anna, "chosen").json()
    assert (told["explanation"]["observed"], told["stay"]["evidence"]) == (40, None)
    assert [one["field"] for one in told["withheld"]] == ["traits.country"]


def test_a_keys_list_that_does_not_name_segments_tells_none(world: World, app: APIClient) -> None:
    anna = world.person(country="DE")
    world.publish("germans", GERMAN)
    world.backfill()
    narrow = key_for(world, fields=("traits.country",))
    page = narrow.get("/v1/segments/germans/members").json()
    assert (page["members"], page["withheld"]) == ([], 1)
    told = why(narrow, anna, "germans").json()
    assert (told["is_member"], told["explanation"], told["stay"]) == (None, None, None)
    assert [one["field"] for one in told["withheld"]] == ["segments"]


def test_a_keys_list_may_name_all_traits_at_once(world: World, app: APIClient) -> None:
    anna = world.person(country="DE")
    world.publish("germans", GERMAN)
    world.backfill()
    whole = why(key_for(world, fields=("segments", "traits")), anna, "germans")
    assert whole.json()["explanation"]["observed"] == "DE"


@pytest.mark.parametrize(
    ("address", "status", "code"),
    [
        ("/v1/profiles/fax:1/segments/germans/why", 400, "unknown_identifier_type"),
        ("/v1/profiles/user_id:nobody/segments/germans/why", 404, "not_found"),
    ],
)
def test_why_of_nobody(world: World, app: APIClient, address: str, status: int, code: str) -> None:
    answer = app.get(address)
    assert (answer.status_code, answer.json()["code"]) == (status, code)


def test_why_of_a_segment_that_is_not_live(world: World, app: APIClient) -> None:
    world.segment("planned")
    assert why(app, world.person(), "planned").json()["code"] == "segment_not_live"


def test_a_rule_is_drafted_previewed_submitted_and_approved_over_http(world: World) -> None:
    world.person(country="DE")
    world.person(country="FR")
    writing, deciding = client_of(world.author), client_of(world.approver)
    made = writing.post(
        "/v1/governance/segments", {"key": "germans", "name": "Germans", "content": {"rule": GERMAN}}, format="json"
    )
    assert made.status_code == 201, made.content
    at = "/v1/governance/segments/germans/versions/1"
    seen = writing.post(f"{at}/preview").json()
    assert (seen["people"], seen["size"], seen["entering"], seen["leaving"]) == (2, 1, 1, 0)
    assert len(seen["entering_sample"]) == 1
    unsaved = writing.post(
        "/v1/governance/segments/germans/preview", {"content": {"rule": {"not": GERMAN}}}, format="json"
    )
    assert unsaved.json()["size"] == 1
    submitted = writing.post(f"{at}/submit").json()
    assert (submitted["evidence"]["entering"], submitted["evidence"]["warnings"]) == (1, [])
    refused = writing.post(f"{at}/approve", {"comment": "mine"}, format="json")
    assert refused.status_code == 403
    approved = deciding.post(
        f"{at}/approve", {"comment": "good", "content_hash": submitted["content_hash"]}, format="json"
    )
    assert approved.json()["state"] == "live"
    world.backfill()
    assert len(world.members("germans")) == 1


def test_a_preview_takes_an_author_or_approver_and_leaves_a_record(world: World) -> None:
    """Its counts tell of any rule how many it is true for, its samples of whom."""
    anna = world.person(country="DE")
    version = world.publish("germans", GERMAN)
    viewer = User.objects.create_user("vera")
    viewer.groups.set(Group.objects.filter(name="viewer"))
    at = "/v1/governance/segments/germans"
    for address, body in ((f"{at}/preview", {"content": {"rule": GERMAN}}), (f"{at}/versions/1/preview", None)):
        refused = client_of(viewer).post(address, body, format="json")
        assert (refused.status_code, refused.json()["code"]) == (403, "role_missing")
        assert not AccessRecord.objects.filter(action="segment.preview").exists()
    assert client_of(world.approver).post(f"{at}/versions/1/preview").json()["size"] == 1
    (record,) = AccessRecord.objects.filter(action="segment.preview")
    assert (record.profile_id, record.actor_id) == (anna, str(world.approver.pk))
    assert record.basis == {"segment": "germans", "content_hash": version.content_hash}
    nobody = {"content": {"rule": {"trait": "country", "op": "=", "value": "XX"}}}
    client_of(world.author).post(f"{at}/preview", nobody, format="json")
    assert AccessRecord.objects.filter(action="segment.preview", profile_id=None).count() == 1


def test_a_rule_that_the_catalogue_does_not_know_is_refused_with_a_path(world: World) -> None:
    answer = client_of(world.author).post(
        "/v1/governance/segments",
        {
            "key": "lost",
            "name": "Lost",
            "content": {"rule": {"all": [GERMAN, {"trait": "cuntry", "op": "=", "value": "DE"}]}},
        },
        format="json",
    )
    assert answer.status_code == 422
    assert answer.json()["errors"][0]["field"] == "rule.all[1].trait"
    assert "country" in answer.json()["errors"][0]["detail"]


def test_a_rule_true_without_data_waits_for_its_author_to_say_so(world: World) -> None:
    writing = client_of(world.author)
    everybody = {"not": {"event": "Order Completed", "measure": "count", "op": ">=", "value": 1}}
    writing.post(
        "/v1/governance/segments", {"key": "idle", "name": "Idle", "content": {"rule": everybody}}, format="json"
    )
    at = "/v1/governance/segments/idle/versions/1"
    refused = writing.post(f"{at}/submit")
    assert (refused.status_code, refused.json()["errors"][0]["field"]) == (422, "acknowledged")
    content = {"rule": everybody, "acknowledged": ["true_without_data"]}
    writing.patch(at, {"content": content}, format="json")
    submitted = writing.post(f"{at}/submit").json()
    assert submitted["evidence"]["warnings"][0]["code"] == "true_without_data"


def test_a_key_cannot_approve(world: World, app: APIClient) -> None:
    world.segment("germans")
    refused = app.post("/v1/governance/segments/germans/versions/1/approve", {"comment": "me"}, format="json")
    assert refused.json()["code"] == "person_required"


def test_the_document_describes_it_without_a_warning(capsys: pytest.CaptureFixture[str]) -> None:
    from drf_spectacular.generators import SchemaGenerator

    document = SchemaGenerator().get_schema(request=None, public=True)
    told = capsys.readouterr().err
    assert "segments" not in told
    assert "/v1/segments/{key}/members" in document["paths"]
    assert "/v1/profiles/{type}:{value}/segments/{key}/why" in document["paths"]


def test_reading_needs_no_profile_row_to_change(world: World, app: APIClient) -> None:
    anna = world.person(country="DE")
    world.publish("germans", GERMAN)
    world.backfill()
    before = Profile.objects.get(pk=anna).revision
    why(app, anna, "germans")
    assert Profile.objects.get(pk=anna).revision == before
