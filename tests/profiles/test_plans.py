"""Tracking plans at work: what a plan blocks, omits and counts, and what its blocks never teach."""

from datetime import timedelta

import pytest
from django.db import connection
from django.utils import timezone

from profiles.identity import resolve
from profiles.ingest import accounting, rejections
from profiles.models import Event, Profile, RejectedEvent, Source, Trait, Violation, ViolationCount
from profiles.plans import violations
from tests.profiles.planning import AMOUNT, TEXT, needed, person, plan, rule, source
from tests.profiles.stream import apply, identify, one, people, send, track, work

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture(autouse=True)
def _nothing_remembered():
    resolve.forget()
    yield
    resolve.forget()


def order(**properties):
    return track("Order Completed", userId="ann", properties=properties)


def counted() -> dict[tuple[str, str, str], int]:
    return {(row.field, row.type, row.consequence): row.count for row in ViolationCount.objects.all()}


def balanced() -> None:
    assert accounting.totals().balanced
    assert accounting.totals().pending == 0


def test_an_event_that_follows_its_plan_is_stored_as_it_was_sent():
    plan(rule(order_id=needed(TEXT), total=AMOUNT))
    source(unplanned_event="block", unplanned_property="omit", violation="block")
    apply(order(order_id="1", total=5))
    stored = Event.objects.get()
    assert stored.properties == {"order_id": "1", "total": 5}
    assert "protocols" not in stored.context
    assert not Violation.objects.exists() and not RejectedEvent.objects.exists()


def test_a_source_without_a_version_and_one_without_a_plan_take_everything():
    apply(track("Whatever", userId="ann"))
    source(plan="")
    apply(track("Whatever", userId="ann"))
    assert Event.objects.count() == 2 and not Violation.objects.exists()


def test_an_unplanned_event_is_allowed_and_counted_or_blocked_with_its_payload():
    plan(rule())
    source()
    apply(track("Order Cancelled", userId="ann"))
    assert counted() == {("event", "Unplanned Event", "allowed"): 1}
    source(unplanned_event="block")
    apply(track("Order Cancelled", userId="ann"))
    assert Event.objects.count() == 1
    refused = RejectedEvent.objects.get()
    assert (refused.code, refused.event, refused.field) == ("unplanned_event", "Order Cancelled", "event")
    assert b"Order Cancelled" in bytes(refused.payload)
    assert counted()["event", "Unplanned Event", "blocked"] == 1
    balanced()


def test_an_unplanned_property_is_left_out_of_what_is_stored_and_told_with_the_event():
    plan(rule(total=AMOUNT))
    source(unplanned_property="omit")
    apply(order(total=5, card="4111"))
    stored = Event.objects.get()
    assert stored.properties == {"total": 5}
    assert stored.context["protocols"] == {"omitted": ["card"], "tracking_plan": {"key": "web", "version": 1}}
    assert counted() == {("properties.card", "Unplanned Property", "omitted"): 1}


def test_an_omitted_trait_is_no_trait_and_touches_no_rule():
    plan(rule(call="IDENTIFY", plan=TEXT))
    source(unplanned_property="omit")
    send([identify(userId="ann", traits={"plan": "free", "card": "4111"})])
    from profiles.ingest import pipeline

    pipeline.claim_once()
    assert one("SELECT array_agg(key ORDER BY key) FROM touched, unnest(keys) AS key WHERE key <> '*'") == [
        "event:$identify",
        "trait:plan",
    ]
    work()
    assert list(Trait.objects.values_list("name", flat=True)) == ["plan"]
    assert one("SELECT count(*) FROM trait_value") == 1


def test_an_omitted_trait_identifies_nobody():
    plan(rule(call="IDENTIFY", plan=TEXT))
    source(unplanned_property="omit")
    apply(identify(userId="ann", traits={"plan": "free", "email": "ann@example.com"}))
    assert people() == {frozenset({("user_id", "ann")})}


@pytest.mark.parametrize(
    ("violation", "stored", "consequence"),
    [("allow", {"total": "5", "id": "1"}, "allowed"), ("omit", {"id": "1"}, "omitted"), ("block", None, "blocked")],
)
def test_a_value_that_breaks_the_schema_is_allowed_omitted_or_blocks_its_event(violation, stored, consequence):
    plan(rule(total=AMOUNT, id=TEXT))
    source(violation=violation)
    apply(order(total="5", id="1"))
    assert [event.properties for event in Event.objects.all()] == ([stored] if stored else [])
    assert counted() == {("properties.total", "Invalid Type", consequence): 1}
    if violation == "omit":
        assert Event.objects.get().context["protocols"]["omitted_on_violation"] == ["total"]
    balanced()


def test_what_is_missing_cannot_be_omitted():
    plan(rule(total=needed(AMOUNT)))
    source(violation="omit")
    apply(order())
    assert Event.objects.get().properties == {}
    assert counted() == {("properties.total", "Required", "allowed"): 1}


def test_the_event_version_chooses_the_rule_and_without_one_the_oldest_counts():
    plan(rule(version=2, total=needed(AMOUNT)), rule(version=1, sum=needed(AMOUNT)))
    source(violation="block")

    def versioned(version, **properties):
        return {**order(**properties), "context": {"protocols": {"event_version": version}}}

    apply(versioned(2, total=1), versioned(1, sum=1), versioned("2", sum=1), versioned(7, sum=1), order(sum=1))
    assert Event.objects.count() == 5
    apply(versioned(2, sum=1), order(total=1))
    assert Event.objects.count() == 5 and RejectedEvent.objects.count() == 2


def test_the_common_rule_is_about_every_call():
    common = {
        "type": "COMMON", "key": "", "version": 1,
        "jsonSchema": {"type": "object", "required": ["userId"], "properties": {"context": {"required": ["app"]}}},
    }  # fmt: skip
    plan(rule(), common)
    source(violation="block")
    app = {"app": {"version": "1.2"}}
    apply(
        {**order(), "context": app},
        order(),
        {**identify(anonymousId="phone"), "context": app},
    )
    assert [event.name for event in Event.objects.all()] == ["Order Completed"]
    fields = sorted(RejectedEvent.objects.values_list("field", flat=True))
    assert fields == ["context.app", "userId"]


def test_a_page_is_matched_by_its_name_and_its_own_name_is_planned():
    home = {
        "type": "PAGE", "key": "Home", "version": 1,
        "jsonSchema": {"properties": {"properties": {"properties": {"url": TEXT}}}},
    }  # fmt: skip
    plan(rule(), home)
    source(unplanned_event="block", unplanned_property="omit")
    page = {"type": "page", "userId": "ann", "name": "Home", "category": "Shop", "properties": {"url": "/", "x": 1}}
    other = {"type": "page", "userId": "ann", "name": "Other"}
    apply({**page, "messageId": "p1"}, {**other, "messageId": "p2"})
    assert Event.objects.get().properties == {"url": "/", "name": "Home", "category": "Shop"}
    assert RejectedEvent.objects.get().message_id == "p2"


def test_a_blocked_event_teaches_nothing():
    plan(rule())
    source(unplanned_event="block")
    apply(track("Nope", userId="null", anonymousId="a"), track("Nope", userId="null", anonymousId="b"))
    assert not Profile.objects.exists()
    assert one("SELECT count(*) FROM identifier") == 0
    assert one("SELECT count(*) FROM event_definition") == 0
    balanced()


def test_a_blocked_event_joins_nobody_who_is_known():
    apply(track("Order Completed", userId="ann"), track("Order Completed", anonymousId="phone"))
    plan(rule())
    source(unplanned_event="block")
    apply(track("Nope", userId="ann", anonymousId="phone"))
    assert people() == {frozenset({("user_id", "ann")}), frozenset({("anonymous_id", "phone")})}


def test_a_disabled_source_is_refused_and_counted_and_nothing_of_its_events_is_kept():
    source(plan="", enabled=False)
    apply(track("Order Completed", userId="ann"), track("Order Completed", userId="bob"))
    assert {row.code for row in RejectedEvent.objects.all()} == {"source_disabled"}
    assert all(bytes(row.payload) == b"" for row in RejectedEvent.objects.all())
    assert not Profile.objects.exists() and not Event.objects.exists()
    assert accounting.totals().rejected == 2
    balanced()


def test_a_retry_of_an_event_that_lost_a_property_is_a_duplicate_and_no_conflict():
    plan(rule(total=AMOUNT))
    source(unplanned_property="omit")
    sent = order(total=5, card="4111")
    apply(sent)
    apply(sent)
    assert Event.objects.count() == 1
    assert one("SELECT sum(duplicates) FROM inbox") == 1 and one("SELECT sum(conflicts) FROM inbox") == 0


def test_blocked_events_are_stored_whole_after_the_plan_is_mended_and_all_are_accounted_for():
    plan(rule(total=AMOUNT))
    source(unplanned_event="block", violation="block")
    good = [order(total=n) for n in range(5)]
    broken = [order(total=str(n)) for n in range(40)]
    unplanned = [track("Order Cancelled", userId="ann", properties={"n": n}) for n in range(30)]
    apply(*good, *broken, *unplanned)
    assert Event.objects.count() == 5 and RejectedEvent.objects.count() == 70
    balanced()

    plan(rule(total={"type": ["number", "string"]}), rule("Order Cancelled", n=AMOUNT))
    by, now, shop = person("ada", "author"), timezone.now(), Source.objects.get(key="shop")
    sent = rejections.replay_all(source=shop, code="schema_violation", event="Order Completed", by=by, now=now)
    assert (sent.events, sent.left) == (40, 0)
    sent = rejections.replay_all(source=shop, code="unplanned_event", event=None, by=by, now=now)
    assert (sent.events, sent.left) == (30, 0)
    work()
    stored = set(Event.objects.values_list("message_id", flat=True))
    assert stored == {event["messageId"] for event in [*good, *broken, *unplanned]}
    assert not RejectedEvent.objects.filter(replayed_at=None).exists()
    assert accounting.totals().stored == 75 and accounting.totals().rejected == 70
    balanced()
    again = rejections.replay_all(source=shop, code="unplanned_event", event=None, by=by, now=now)
    assert (again.events, again.left) == (0, 0)


def test_what_is_still_off_the_plan_is_refused_once_more_and_can_be_sent_again():
    plan(rule())
    source(unplanned_event="block")
    apply(track("Nope", userId="ann"))
    row = RejectedEvent.objects.get()
    rejections.replay(rejected=row, by=person("ada", "author"), now=timezone.now())
    work()
    assert RejectedEvent.objects.filter(replayed_at=None).count() == 1
    balanced()


def test_counts_are_the_same_before_and_after_they_are_folded():
    plan(rule(total=AMOUNT))
    source(violation="omit")
    for n in range(4):
        apply(order(total=str(n)), order(total="x"))
    before = [(row.field, row.count, row.first_at, row.last_at) for row in violations.counted()]
    assert Violation.objects.count() == 4
    violations.fold(today=timezone.now().date())
    assert Violation.objects.count() == 1
    assert [(row.field, row.count, row.first_at, row.last_at) for row in violations.counted()] == before
    assert before[0][1] == 8
    assert len(Violation.objects.get().message_ids) == violations.MOST_MESSAGE_IDS


def test_counts_past_keeping_are_dropped(settings):
    plan(rule())
    source()
    apply(track("Nope", userId="ann"))
    violations.fold(today=timezone.now().date() + timedelta(days=settings.CDP_VIOLATION_DAYS))
    assert Violation.objects.exists()
    violations.fold(today=timezone.now().date() + timedelta(days=settings.CDP_VIOLATION_DAYS + 1))
    assert not Violation.objects.exists()


def test_no_end_of_names_makes_no_end_of_counts():
    plan(rule())
    source()
    apply(*(track(f"Made up {n}", userId="ann") for n in range(violations.MOST_PER_CLAIM + 50)))
    assert Violation.objects.count() == violations.MOST_PER_CLAIM + 1
    assert sum(row.count for row in violations.counted()) == violations.MOST_PER_CLAIM + 50


def test_nothing_told_about_a_violation_holds_a_value_that_was_sent():
    secret = "4111-1111-1111-1111"
    plan(rule(total=AMOUNT, currency={"enum": ["EUR"]}, code={"pattern": "^[A-Z]+$"}, at={"format": "date-time"},
              tags={"uniqueItems": True, "items": {"maxLength": 3}}))  # fmt: skip
    source(violation="block")
    apply(order(total=secret, currency=secret, code=secret, at=secret, tags=[secret, secret]))
    told = [row.description for row in Violation.objects.all()] + [RejectedEvent.objects.get().reason]
    assert len(told) >= 6
    assert not [text for text in told if "4111" in text]


def test_a_large_event_is_judged_in_bounded_time_and_only_what_breaks_the_plan_is_left_out():
    plan(rule(bad={"items": TEXT}, good={"items": AMOUNT}, id=TEXT))
    source(violation="omit")
    apply(order(bad=list(range(2000)), good=list(range(2000)), id="1"))
    stored = Event.objects.get().properties
    assert stored == {"good": list(range(2000)), "id": "1"}
    assert counted() == {("properties.bad", "Invalid Value", "omitted"): 1}


def test_columns_that_statements_join_follow_the_live_version_and_nothing_else():
    live = source(plan="")
    from django.db import DatabaseError, transaction

    with pytest.raises(DatabaseError, match="follow its live version"), transaction.atomic():
        Source.objects.filter(pk=live.pk).update(priority=7)
    with connection.cursor() as cursor:
        cursor.execute("SELECT priority FROM source WHERE id = %s", [live.pk])
        assert cursor.fetchone() == (100,)
