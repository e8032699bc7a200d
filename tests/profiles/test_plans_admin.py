"""The admin's pages about sources, plans and violations."""

import io
import json

import pytest
from django.core.files.uploadedfile import SimpleUploadedFile
from django.test import Client

from cdp.models import ApiKey
from profiles.identity import resolve
from profiles.models import Event, RejectedEvent, Source, SourceVersion, TrackingPlan, TrackingPlanVersion
from tests.profiles.planning import AMOUNT, TEXT, needed, person, plan, rule, source
from tests.profiles.stream import apply, track, work

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture(autouse=True)
def _nothing_remembered():
    resolve.forget()
    yield
    resolve.forget()


def signed_in(name: str, *roles: str) -> Client:
    client = Client()
    client.force_login(person(name, *roles), backend="django.contrib.auth.backends.ModelBackend")
    return client


def author() -> Client:
    return signed_in("ada", "author")


def page(client: Client, address: str) -> str:
    answer = client.get(address)
    assert answer.status_code == 200, address
    return answer.content.decode()


def test_a_source_that_made_itself_gets_its_first_version_through_the_form_and_four_eyes():
    apply(track("Order Completed", userId="ann"))
    made = Source.objects.get()
    plan(rule())
    at = f"/admin/profiles/source/{made.pk}"
    shown = page(author(), f"{at}/versions/new/")
    assert 'value="shop"' in shown
    given = {
        "name": "Shop", "kind": "browser", "priority": "150", "enabled": "on", "tracking_plan": "web",
        "unplanned_event": "block", "unplanned_property": "omit", "violation": "block",
    }  # fmt: skip
    assert author().post(f"{at}/versions/new/", given).status_code == 302
    version = SourceVersion.objects.get()
    assert version.content["enforcement"] == {
        "unplanned_event": "block", "unplanned_property": "omit", "violation": "block",
    }  # fmt: skip
    assert author().post(f"{at}/versions/1/submit/").status_code == 302
    version.refresh_from_db()
    assert version.evidence["sources"][0]["looked_at"] == 1
    approver = signed_in("grace", "approver")
    assert "would not have followed the plan" in page(approver, f"{at}/versions/1/")
    answer = approver.post(f"{at}/versions/1/approve/", {"comment": "Good.", "seen_hash": version.content_hash})
    assert answer.status_code == 302
    made.refresh_from_db()
    assert (made.name, made.kind, made.priority) == ("Shop", "browser", 150)
    assert made.live_version_id == version.pk
    assert made.history.first().history_user.username == "grace"
    apply(track("Nope", userId="ann"))
    assert RejectedEvent.objects.get().code == "unplanned_event"


def test_the_sources_page_tells_its_last_hour_and_administrators_issue_and_revoke_its_keys():
    apply(track("Order Completed", userId="ann"))
    at = f"/admin/profiles/source/{Source.objects.get().pk}"
    assert "Issue a key" not in page(author(), f"{at}/change/")
    assert author().post(f"{at}/keys/issue/", {"name": "till"}).status_code == 403
    root = signed_in("root", "administrator")
    answer = root.post(f"{at}/keys/issue/", {"name": "till"})
    assert "cdp_sk_" in answer.content.decode() and "no-store" in answer["Cache-Control"]
    key = ApiKey.objects.get()
    assert (key.source, key.scopes, key.name) == ("shop", ["ingest:write"], "till")
    assert "till" in page(root, f"{at}/change/")
    assert root.post(f"{at}/keys/{key.pk}/revoke/").status_code == 302
    key.refresh_from_db()
    assert key.revoked_at is not None
    shown = page(root, f"{at}/change/")
    assert "revoked" in shown and "<dd>1</dd>" in shown


def test_a_key_of_another_source_is_not_revoked_from_here():
    apply(track("Order Completed", userId="ann"))
    root = signed_in("root", "administrator")
    shop = Source.objects.get()
    root.post(f"/admin/profiles/source/{shop.pk}/keys/issue/", {"name": "till"})
    other = Source.objects.create(key="other", name="Other")
    key = ApiKey.objects.get()
    assert root.post(f"/admin/profiles/source/{other.pk}/keys/{key.pk}/revoke/").status_code == 404


def test_a_plan_is_learned_imported_and_handed_out_on_its_page():
    apply(*(track("Order Completed", userId=f"u{n}", properties={"total": n, "id": str(n)}) for n in range(3)))
    client = author()
    assert client.post("/admin/profiles/trackingplan/add/", {"key": "web", "name": "Web"}).status_code == 302
    head = TrackingPlan.objects.get()
    at = f"/admin/profiles/trackingplan/{head.pk}"
    answer = client.post(f"{at}/learn/", {"source": Source.objects.get().pk, "required_share": "100"})
    assert answer.url == f"{at}/versions/1/change/".replace("change/", "")
    learned = TrackingPlanVersion.objects.get()
    inside = learned.content["rules"][0]["jsonSchema"]["properties"]["properties"]
    assert inside["required"] == ["id", "total"] and inside["properties"]["total"] == {"type": "integer"}
    assert "Order Completed" in page(client, f"{at}/versions/1/")
    assert "data-plan-for" in page(client, f"{at}/versions/1/edit/")
    for form in ("segment", "iglu", "iglu-zip"):
        body = client.get(f"{at}/versions/1/export/{form}/").content
        answer = client.post(f"{at}/import/", {"file": SimpleUploadedFile("plan", body)})
        assert answer.status_code == 302
        newest = TrackingPlanVersion.objects.order_by("-number").first()
        assert newest.content == learned.content, form
    assert TrackingPlanVersion.objects.count() == 4
    assert client.get(f"{at}/versions/1/export/nothing/").status_code == 404


@pytest.mark.parametrize(
    ("body", "told"),
    [
        (b"{", "This is not JSON"),
        (b"PK\x03\x04nonsense", "no zip"),
        (b'{"a": 1}', "Give a list of rules"),
        (b'[{"type": "TRACK", "key": "A", "version": 1, "jsonSchema": {"requird": []}}]', "jsonSchema.requird"),
    ],
)
def test_a_file_that_holds_no_plan_is_told_so_and_makes_no_draft(body, told):
    plan(rule())
    client = author()
    at = f"/admin/profiles/trackingplan/{TrackingPlan.objects.get().pk}"
    answer = client.post(f"{at}/import/", {"file": SimpleUploadedFile("plan", body)}, follow=True)
    assert told in answer.content.decode()
    assert TrackingPlanVersion.objects.count() == 1


def test_what_is_wrong_with_a_plan_is_said_with_its_place():
    plan(rule())
    client = author()
    at = f"/admin/profiles/trackingplan/{TrackingPlan.objects.get().pk}"
    bad = {
        "rules": [{"type": "TRACK", "key": "", "version": 0, "jsonSchema": {"properties": {"a": {"pattern": "(?!x)"}}}}]
    }
    shown = client.post(f"{at}/versions/new/", {"content": json.dumps(bad)}).content.decode()
    assert "rules[0].key" in shown and "rules[0].version" in shown
    assert "rules[0].jsonSchema.properties.a.pattern" in shown


def test_violations_are_listed_filtered_drilled_down_to_and_their_events_sent_again():
    plan(rule(total=needed(AMOUNT)))
    shop = source(violation="block", unplanned_event="block")
    apply(*(track("Order Completed", userId="ann", properties={}) for _ in range(3)), track("Nope", userId="ann"))
    client = author()
    assert "Order Completed" in page(client, "/admin/")
    listed = page(client, f"/admin/profiles/violationcount/?source={shop.pk}&type=Required&consequence=blocked")
    assert "properties.total" in listed and "Nope" not in listed
    assert "Nope" in page(client, "/admin/profiles/violationcount/?q=No")
    from profiles.models import ViolationCount

    row = ViolationCount.objects.get(type="Required")
    shown = page(client, f"/admin/profiles/violationcount/{row.pk}/change/")
    address = f"/admin/profiles/rejectedevent/?source={shop.pk}&code=schema_violation&event=Order+Completed&replayed=no"
    assert address.replace("&", "&amp;") in shown
    listed = page(client, address)
    assert "3 events of" in listed and "Send all of them through again" in listed
    plan(rule(total=AMOUNT))
    asked = {"source": shop.pk, "code": "schema_violation", "event": "Order Completed"}
    assert signed_in("vera", "viewer").post("/admin/profiles/rejectedevent/replay-all/", asked).status_code == 403
    assert client.post("/admin/profiles/rejectedevent/replay-all/", asked).status_code == 302
    work()
    assert Event.objects.count() == 3
    assert RejectedEvent.objects.filter(replayed_at=None).get().event == "Nope"


def test_violations_are_exported_as_segment_spells_them():
    plan(rule(total=AMOUNT), key="web")
    source()
    sent = {**track("Order Completed", userId="ann", properties={"total": "x"}), "context": {"app": {"version": "1.2"}}}
    apply(sent)
    answer = author().get("/admin/profiles/violationcount/export/")
    (line,) = io.BytesIO(b"".join(answer.streaming_content)).readlines()
    told = json.loads(line)
    assert (told["event"], told["userId"]) == ("Violation Generated", "schema-violations")
    said = told["properties"]
    assert said["appVersion"] == "1.2" and said["eventMessageID"] == sent["messageId"]
    assert (said["eventName"], said["eventType"]) == ("Order Completed", "track")
    assert (said["sourceName"], said["sourceSlug"], said["trackingPlanID"]) == ("Shop", "shop", "web")
    assert (said["violationField"], said["violationType"]) == ("properties.total", "Invalid Type")
    assert said["violationCount"] == 1


def test_lists_ask_as_often_for_many_rows_as_for_few(django_assert_max_num_queries):
    plan(*(rule(f"E{n}", total=AMOUNT, id=TEXT) for n in range(30)))
    source()
    apply(*(track(f"E{n}", userId="ann", properties={"total": "x", "id": 1}) for n in range(30)))
    client = author()
    for address in ("violationcount", "source", "trackingplan", "rejectedevent"):
        page(client, f"/admin/profiles/{address}/")
        with django_assert_max_num_queries(16):
            page(client, f"/admin/profiles/{address}/")
