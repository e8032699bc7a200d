"""From the inbox to stored events: what is stored, what is a duplicate, what is refused, and who pays for a bad row."""

import json
import random
from datetime import timedelta

import pytest
from django.db import transaction

from profiles.identity import resolve
from profiles.ingest import accounting, dialects, leases, pipeline
from profiles.ingest.gates import Claim, Verdict
from tests.conftest import empty_database
from tests.profiles.stream import alias, apply, at, identify, one, people, person, rows, send, state, track, work

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture(autouse=True)
def _profiles_alone(settings) -> None:
    settings.INGEST_GATES = settings.LANE_STEPS = settings.MERGE_STEPS = settings.READ_GATES = []
    resolve.forget()


def test_an_event_is_stored_with_what_it_said() -> None:
    apply(track("Order Completed", userId="u1", properties={"revenue": 0.1, "path": "C:\\new\ttab"}, minutes=3))
    stored = rows("SELECT name, ts, amount::text, properties::text, kind, bucket, source_id FROM events")
    ((name, ts, amount, properties, kind, bucket, source),) = stored
    assert (name, ts, amount, kind) == ("Order Completed", at(3), "0.100000000", 1)
    assert json.loads(properties) == {"revenue": 0.1, "path": "C:\\new\ttab"}
    assert bucket == person("user_id", "u1") % 1024
    assert source == one("SELECT id FROM source WHERE key = 'shop'")


def test_a_message_id_is_stored_once_however_it_is_batched() -> None:
    first, second = track(userId="u1", message_id="one"), track(userId="u1", message_id="two")
    send([first, first])
    send([second, first])
    work()
    apply(first, second)
    assert one("SELECT count(*) FROM events") == 2
    assert one("SELECT sum(event_count) FROM profile") == 2
    totals = accounting.totals()
    assert (totals.accepted, totals.stored, totals.duplicate, totals.pending) == (6, 2, 4, 0)
    assert one("SELECT sum(conflicts) FROM inbox") == 0


def test_of_two_bodies_with_one_message_id_the_first_stands_and_the_conflict_is_counted() -> None:
    apply(track("First", userId="u1", message_id="one"))
    apply(track("Second", userId="u2", message_id="one"))
    assert rows("SELECT name FROM events") == [("First",)]
    assert people() == {frozenset({("user_id", "u1")})}
    assert one("SELECT sum(conflicts) FROM inbox") == 1


def test_a_retry_across_a_month_boundary_and_after_a_merge_is_one_event() -> None:
    late = track(anonymousId="a1", message_id="one", minutes=44_639)  # the last minute of the month
    apply(late, sentAt=at(44_639).isoformat())
    apply(identify(userId="u1", anonymousId="a1"))
    apply(late, sentAt=at(44_600).isoformat())
    assert one("SELECT count(*) FROM events WHERE message_id = 'one'") == 1
    assert accounting.totals().duplicate == 1


def test_a_holder_whose_lease_was_taken_over_changes_nothing() -> None:
    send([track(userId="u1"), track(userId="u1")])
    lease, leased = leases.take(events=100)
    rows("UPDATE inbox SET leased_until = now() - interval '1 second' RETURNING 1")
    assert pipeline.claim_once() == 1
    with pytest.raises(leases.LeaseLost):
        pipeline.store(leased, lease=lease)
    assert one("SELECT count(*) FROM events") == 2
    assert accounting.totals().balanced
    assert accounting.totals().stored == 2


def test_a_paused_worker_that_resumes_before_the_other_has_finished_doubles_nothing() -> None:
    send([track(userId="u1")])
    slow_lease, slow = leases.take(events=100)
    rows("UPDATE inbox SET leased_until = now() - interval '1 second' RETURNING 1")
    fast_lease, fast = leases.take(events=100)
    with pytest.raises(leases.LeaseLost):
        pipeline.store(slow, lease=slow_lease)
    pipeline.store(fast, lease=fast_lease)
    work()
    assert one("SELECT count(*) FROM events") == 1
    assert one("SELECT sum(event_count) FROM profile") == 1


def test_a_bad_row_is_parked_alone_and_the_rest_is_stored(monkeypatch: pytest.MonkeyPatch) -> None:
    original = dialects.events

    def explode(row):
        if b"poison" in bytes(row.body):
            raise ZeroDivisionError("told to nobody: secret@example.com")
        return original(row)

    monkeypatch.setattr(dialects, "events", explode)
    for number in range(6):
        send([track("poison" if number == 2 else "Product Viewed", userId=f"u{number}")])
    for _ in range(30):
        work()
    assert one("SELECT count(*) FROM events") == 5
    ((attempts, state_, error),) = rows("SELECT attempts, state, error FROM inbox WHERE state <> 1")
    assert (attempts, state_) == (5, 2)
    assert "ZeroDivisionError" in error
    assert "example.com" not in error
    assert accounting.totals().parked == 1
    assert accounting.totals().balanced


def test_a_row_that_killed_its_workers_is_parked_by_the_sweep() -> None:
    send([track(userId="u1")])
    for _ in range(leases.MOST_ATTEMPTS):
        assert leases.take(events=100)[1]
        rows("UPDATE inbox SET leased_until = now() - interval '1 second' RETURNING 1")
    assert leases.take(events=100)[1] == []
    assert leases.park_the_dead() == 1
    assert accounting.totals().parked == 1


def refuse_returns(claim: Claim) -> dict[int, Verdict]:
    return {
        event.position: Verdict(keep=False, code="refused", reason="Not today.")
        for event in claim.events
        if event.name == "Returned"
    }


def mark_gaps(claim: Claim) -> dict[int, Verdict]:
    return {event.position: Verdict(gap=True) for event in claim.events}


def test_a_gate_refuses_an_event_with_its_reason_and_it_may_be_sent_again(settings) -> None:
    settings.INGEST_GATES = [f"{__name__}.refuse_returns"]
    refused = track("Returned", userId="u1")
    apply(track("Bought", userId="u1"), refused)
    assert rows("SELECT name FROM events") == [("Bought",)]
    assert rows("SELECT code, reason, message_id FROM rejected_event") == [
        ("refused", "Not today.", refused["messageId"])
    ]
    settings.INGEST_GATES = []
    apply(refused)
    assert one("SELECT count(*) FROM events WHERE name = 'Returned'") == 1
    assert accounting.totals().balanced


def test_what_was_refused_is_not_proposed_to_the_catalogue(settings) -> None:
    settings.INGEST_GATES = [f"{__name__}.refuse_returns"]
    apply(
        track("Bought", userId="u1", properties={"revenue": 3}),
        track("Returned", userId="u1", properties={"illness": "told"}),
    )
    assert rows("SELECT name, count FROM event_definition") == [("Bought", 1)]
    assert rows("SELECT name FROM property_definition") == [("revenue",)]


def test_a_gap_is_stored_and_marked(settings) -> None:
    settings.INGEST_GATES = [f"{__name__}.mark_gaps"]
    apply(track(userId="u1"))
    assert one("SELECT consent_gap FROM events") is True


def test_a_rejected_event_costs_only_itself() -> None:
    apply(track(userId="u1"), {"type": "track", "event": "Nobody", "messageId": "x"})
    totals = accounting.totals()
    assert (totals.stored, totals.rejected, totals.balanced) == (1, 1, True)


def test_traits_fold_by_event_time_whatever_the_order() -> None:
    newer = identify(userId="u1", traits={"plan": "pro", "city": "Graz"}, minutes=10)
    older = identify(userId="u1", traits={"plan": "free", "age": 40}, minutes=5)
    apply(newer)
    apply(older)
    assert one("SELECT traits::text FROM profile") == '{"age": 40, "city": "Graz", "plan": "pro"}'
    apply(identify(userId="u1", traits={"plan": None}, minutes=20))
    assert "plan" not in one("SELECT traits::text FROM profile")
    assert one("SELECT count(*) FROM trait_value") == 5


def test_the_catalogue_learns_names_and_types() -> None:
    apply(
        track("Order Completed", userId="u1", properties={"revenue": 3, "items": [], "at": "2026-01-01T10:00:00Z"}),
        identify(userId="u1", traits={"vip": True, "name": "Ada"}),
    )
    assert one("SELECT count FROM event_definition WHERE name = 'Order Completed'") == 1
    assert dict(rows("SELECT name, type FROM property_definition")) == {
        "revenue": "number",
        "items": "list",
        "at": "datetime",
    }
    assert dict(rows("SELECT name, type FROM trait_definition")) == {"vip": "boolean", "name": "text"}


def test_a_failing_claim_leaves_nothing_behind() -> None:
    send([track(userId="u1"), identify(userId="u1", traits={"plan": "pro"})])
    lease, leased = leases.take(events=100)
    with pytest.raises(ZeroDivisionError), transaction.atomic():
        pipeline.store(leased, lease=lease)
        raise ZeroDivisionError
    assert one("SELECT count(*) FROM events") == 0
    assert one("SELECT count(*) FROM touched") == 0
    rows("UPDATE inbox SET leased_until = now() - interval '1 second' RETURNING 1")
    work()
    assert one("SELECT count(*) FROM events") == 2


def _history() -> list[dict]:
    return [
        track("Viewed", anonymousId="a1", minutes=1, message_id="h1"),
        identify(anonymousId="a1", traits={"email": "Ada@example.com", "plan": "free"}, minutes=2, message_id="h2"),
        identify(userId="u1", anonymousId="a1", traits={"plan": "pro", "n": 0.1}, minutes=3, message_id="h3"),
        track("Bought", userId="u1", minutes=4, message_id="h4", properties={"revenue": 1e16}),
        track("Viewed", userId="u2", anonymousId="a1", minutes=2.5, message_id="h5"),
        identify(userId="u3", traits={"email": " ada@EXAMPLE.com", "plan": "team"}, minutes=3, message_id="h6"),
        alias(userId="u4", previousId="u2", minutes=6, message_id="h7"),
        track("Viewed", anonymousId="a2", minutes=7, message_id="h8"),
        identify(userId="u5", anonymousId="a2", traits={"plan": None, "city": "Graz"}, minutes=8, message_id="h9"),
        track("Viewed", userId="u6", anonymousId="a2", minutes=9, message_id="h10"),
    ]


@pytest.mark.parametrize("seed", range(6))
def test_neither_order_nor_repetition_nor_batching_changes_the_state(seed: int, owner_cursor) -> None:
    drawn = random.Random(seed)
    apply(*_history())
    expected = state()
    assert len(expected) == 5
    empty_database()
    shuffled = _history() + drawn.sample(_history(), 4)
    drawn.shuffle(shuffled)
    while shuffled:
        size = drawn.randint(1, 5)
        batch, shuffled = shuffled[:size], shuffled[size:]
        send(batch)
        if drawn.random() < 0.6:
            work()
    work()
    assert state() == expected
    assert accounting.totals().stored == len(_history())


def test_times_are_kept_apart() -> None:
    apply(track(userId="u1", minutes=5), sentAt=(at(5) + timedelta(seconds=1)).isoformat())
    received, applied = rows("SELECT received_at, applied_at FROM events")[0]
    assert applied > received
