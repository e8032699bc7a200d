"""One writer per person, a newer snapshot than the events', and time that brings people back."""

import threading
import time
from collections.abc import Mapping
from datetime import UTC, datetime, timedelta

import pytest
from django.db import connection, transaction

from profiles import card, lanes, metrics, tasks
from profiles.identity import resolve
from profiles.ingest import leases, pipeline
from profiles.lanes import LaneBatch
from profiles.queries import find_card
from tests.profiles.stream import apply, identify, one, person, rows, send, track, work
from tests.profiles.threads import together

pytestmark = pytest.mark.django_db(transaction=True)
WINDOW = timedelta(seconds=1.5)
seen: list[LaneBatch] = []


@pytest.fixture(autouse=True)
def _profiles_alone(settings) -> None:
    settings.INGEST_GATES = settings.LANE_STEPS = settings.MERGE_STEPS = settings.READ_GATES = []
    resolve.forget()
    seen.clear()


def remember(batch: LaneBatch) -> Mapping[int, datetime]:
    seen.append(batch)
    return {}


def count_events(batch: LaneBatch) -> Mapping[int, datetime]:
    """Write how many events the people have: the smallest state that a lost update would spoil."""
    _write_counts(_counts(list(batch.people)))
    return {}


def _counts(people: list[int]) -> list[tuple[int, int]]:
    return rows(
        "SELECT root_id, count(*) FROM events JOIN origin ON origin.id = origin_id WHERE root_id = ANY(%s) GROUP BY 1",
        people,
    )


def _write_counts(found: list[tuple[int, int]]) -> None:
    card.write_section("count", [(profile, {"events": count}, None) for profile, count in found])


def count_recent(batch: LaneBatch) -> Mapping[int, datetime]:
    """Count the events of the last moments, and say when the oldest of them falls out."""
    people = list(batch.people)
    found = {
        profile: (count, oldest)
        for profile, count, oldest in rows(
            "SELECT root_id, count(*), min(ts) FROM events JOIN origin ON origin.id = origin_id"
            " WHERE root_id = ANY(%s) AND ts > %s AND ts <= %s GROUP BY 1",
            people,
            batch.now - WINDOW,
            batch.now,
        )
    }
    card.write_section("recent", [(profile, {"events": found.get(profile, (0, None))[0]}, None) for profile in people])
    return {profile: oldest + WINDOW for profile, (_, oldest) in found.items()}


def counted(profile: int, section: str = "count") -> int:
    return one("SELECT (body->>'events')::int FROM card WHERE profile_id = %s AND section = %s", profile, section)


def _somebody_with_two_devices() -> int:
    apply(identify(userId="u1", anonymousId="a1"), identify(userId="u1", anonymousId="a2"))
    for name in ("Left", "Right"):
        apply(track(name, userId="other"))
    return person("user_id", "u1")


def test_events_of_two_claims_that_never_saw_each_other_are_both_counted(settings) -> None:
    settings.LANE_STEPS = [f"{__name__}.count_events"]
    profile = _somebody_with_two_devices()
    stored = threading.Barrier(2, timeout=20)

    def claim_then_evaluate() -> None:
        assert pipeline.claim_once(limit=1) == 1
        stored.wait()
        while lanes.run_once():
            pass

    send([track("Left", anonymousId="a1")])
    send([track("Right", anonymousId="a2")])
    together(claim_then_evaluate, claim_then_evaluate)
    work()
    assert counted(profile) == 4


def test_without_lanes_one_of_them_is_lost(settings) -> None:
    """The same, evaluated inside the claim: if this found both, the test above would prove nothing."""
    settings.LANE_STEPS = [f"{__name__}.count_events"]
    profile = _somebody_with_two_devices()
    stored, read = threading.Barrier(2, timeout=20), threading.Barrier(2, timeout=20)

    def claim_and_evaluate() -> None:
        lease, leased = leases.take(events=1)
        with transaction.atomic():
            pipeline.store(leased, lease=lease)
            stored.wait()
            found = _counts([profile])
            read.wait()  # neither has committed when the other reads
            _write_counts(found)

    send([track("Left", anonymousId="a1")])
    send([track("Right", anonymousId="a2")])
    together(claim_and_evaluate, claim_and_evaluate)
    assert counted(profile) == 3


def test_many_workers_on_few_people_lose_nothing(settings) -> None:
    settings.LANE_STEPS = [f"{__name__}.count_events"]
    sent = 160
    for number in range(sent):
        user = f"u{number % 5}"
        send([track(userId=user), identify(userId=user, anonymousId=f"a{number % 7}", traits={"n": number})])
    together(*[work] * 4)
    work()
    assert one("SELECT count(*) FROM events") == 2 * sent
    assert one("SELECT sum(event_count) FROM profile WHERE merged_into IS NULL") == 2 * sent
    assert one("SELECT sum((body->>'events')::int) FROM card WHERE section = 'count'") == 2 * sent


def test_a_new_person_is_looked_at_as_a_whole(settings) -> None:
    settings.LANE_STEPS = [f"{__name__}.remember"]
    apply(track("Viewed", userId="u1"))
    ((_, touch),) = seen[0].people.items()
    assert "*" in touch.keys
    seen.clear()
    apply(track("Viewed", userId="u1"), identify(userId="u1", traits={"plan": "pro"}))
    ((_, touch),) = seen[0].people.items()
    assert touch.keys == {"event:Viewed", "event:$identify", "trait:plan"}
    assert touch.causes == ("event",)


def test_now_never_goes_back_for_a_person(settings) -> None:
    settings.LANE_STEPS = [f"{__name__}.remember"]
    apply(track(userId="u1"))
    ahead = datetime.now(UTC) + timedelta(hours=1)
    rows("UPDATE profile SET evaluated_at = %s RETURNING 1", ahead)
    apply(track(userId="u1"))
    assert seen[-1].now > ahead


def test_a_window_is_left_when_it_ends_and_not_looked_at_again(settings) -> None:
    settings.LANE_STEPS = [f"{__name__}.count_recent"]
    happened = datetime.now(UTC)
    apply({**track(userId="u1"), "timestamp": happened.isoformat()})
    profile = person("user_id", "u1")
    assert counted(profile, "recent") == 1
    assert one("SELECT due_at FROM due") == happened + WINDOW
    assert lanes.sweep_due() == 0
    _sleep_until(happened + WINDOW)
    assert lanes.sweep_due() == 1
    assert lanes.sweep_due() == 0, "one touch is enough until the lane has taken it"
    work()
    assert counted(profile, "recent") == 0
    assert rows("SELECT * FROM due") == []
    assert lanes.sweep_due() == 0


def test_everybody_whose_time_has_come_is_looked_at_in_one_sweep(settings, monkeypatch: pytest.MonkeyPatch) -> None:
    settings.LANE_STEPS = [f"{__name__}.remember"]
    monkeypatch.setattr(lanes, "DUE_PER_SWEEP", 2)
    monkeypatch.setitem(lanes.sweep_due.__kwdefaults__, "limit", 2)
    apply(*[track(userId=f"u{number}") for number in range(7)])
    rows("INSERT INTO due SELECT id, bucket, now() - interval '1 second' FROM profile RETURNING 1")
    seen.clear()
    tasks.sweep()
    assert sum(len(batch.people) for batch in seen) == 7
    assert rows("SELECT * FROM due") == []


def test_no_lane_waits_for_ever_behind_busier_ones() -> None:
    rows("INSERT INTO touched (lane, profile_id, keys, cause) VALUES (1023, 1023, '{*}', 'event') RETURNING 1")
    for _ in range(50):
        rows("INSERT INTO touched (lane, profile_id, keys, cause) VALUES (0, 0, '{*}', 'event') RETURNING 1")
        lanes.run_once(limit=1)
    assert one("SELECT count(*) FROM touched WHERE lane = 1023") == 0


def test_a_reader_does_not_wait_for_the_sweep(settings) -> None:
    settings.LANE_STEPS = [f"{__name__}.count_recent"]
    happened = datetime.now(UTC)
    apply({**track(userId="u1"), "timestamp": happened.isoformat()})
    found = find_card(type="user_id", value="u1")
    assert found is not None
    assert not found.is_due
    _sleep_until(happened + WINDOW)
    found = find_card(type="user_id", value="u1")
    assert found is not None
    assert found.is_due
    lanes.refresh(found.profile_id)
    assert counted(found.profile_id, "recent") == 0
    found = find_card(type="user_id", value="u1")
    assert found is not None
    assert not found.is_due


def test_a_due_time_that_has_passed_widens_what_an_event_touches(settings) -> None:
    settings.LANE_STEPS = [f"{__name__}.remember"]
    apply(track("Viewed", userId="u1"))
    rows("INSERT INTO due SELECT id, bucket, now() - interval '1 second' FROM profile RETURNING 1")
    seen.clear()
    apply(track("Viewed", userId="u1"))
    ((_, touch),) = seen[0].people.items()
    assert "*" in touch.keys
    assert touch.causes == ("event", "sweep")
    assert rows("SELECT * FROM due") == []


def test_a_due_time_is_only_written_when_it_is_earlier(settings) -> None:
    settings.LANE_STEPS = [f"{__name__}.count_recent"]
    apply(track(userId="u1"))
    soon = datetime.now(UTC) + timedelta(seconds=0.5)
    rows("INSERT INTO due SELECT id, bucket, %s FROM profile RETURNING 1", soon)
    apply({**track(userId="u1"), "timestamp": datetime.now(UTC).isoformat()})
    assert one("SELECT due_at FROM due") == soon


def test_what_still_waits_for_a_merged_person_reaches_the_winner(settings) -> None:
    settings.LANE_STEPS = [f"{__name__}.remember"]
    apply(track(anonymousId="a1"))
    apply(track(userId="u1"))
    apply(identify(userId="u1", anonymousId="a1"))
    loser = one("SELECT loser_id FROM merge")
    winner = one("SELECT winner_id FROM merge")
    seen.clear()
    lanes.touch(profile_ids=[loser], keys=["event:Late"], cause="event")
    work()
    assert [set(batch.people) for batch in seen] == [{winner}]


def test_one_person_who_cannot_be_evaluated_stops_nobody_else(settings) -> None:
    apply(*[track(userId=f"u{number}") for number in range(9)])
    settings.LANE_STEPS = [f"{__name__}.remember", f"{__name__}.fail_for_one"]
    _failing[:] = [person("user_id", "u4")]
    send([track('A "quoted", name', userId=f"u{number}") for number in range(9)])
    work()
    assert one("SELECT count(*) FROM touched") == 0
    assert one("SELECT count(*) FROM profile WHERE event_count = 2") == 8
    ((profile, keys, cause, error),) = rows("SELECT profile_id, keys, cause, error FROM parked_touch")
    assert (profile, keys, cause) == (_failing[0], ['event:A "quoted", name'], "event")
    assert error.startswith("ZeroDivisionError")
    assert "secret" not in error
    (parked,) = [gauge for gauge in metrics.collect(datetime.now(UTC)) if gauge.name == "cdp_touches_parked"]
    assert [sample.value for sample in parked.samples] == [1]


def test_a_parked_person_is_tried_again_later_and_not_before(settings) -> None:
    apply(track(userId="u1"))
    settings.LANE_STEPS = [f"{__name__}.fail_for_one"]
    _failing[:] = [person("user_id", "u1")]
    rows("INSERT INTO due SELECT id, bucket, now() - interval '1 second' FROM profile RETURNING 1")
    apply(track(userId="u1"))
    assert (lanes.sweep_due(), lanes.release_parked()) == (0, 0)
    _failing.clear()
    rows("UPDATE parked_touch SET parked_at = now() - interval '1 hour' RETURNING 1")
    assert lanes.release_parked() == 1
    work()
    assert one("SELECT event_count FROM profile") == 2
    assert one("SELECT count(*) FROM parked_touch") == 0


def test_a_step_that_fails_for_everybody_keeps_all_touches_where_they_are(settings, monkeypatch) -> None:
    monkeypatch.setattr(lanes, "MOST_PARKED_AT_ONCE", 2)
    settings.LANE_STEPS = [f"{__name__}.fail"]
    send([track(userId=f"u{number}") for number in range(6)])
    pipeline.claim_once()
    waiting = one("SELECT count(*) FROM touched")
    with pytest.raises(ZeroDivisionError):
        lanes.run_once()
    assert one("SELECT count(*) FROM touched") == waiting


_failing: list[int] = []


def fail_for_one(batch: LaneBatch) -> Mapping[int, datetime]:
    if not batch.people.keys().isdisjoint(_failing):
        raise ZeroDivisionError("secret@example.com")
    return {}


def fail(batch: LaneBatch) -> Mapping[int, datetime]:
    raise ZeroDivisionError


def _sleep_until(moment: datetime) -> None:
    connection.close()
    time.sleep(max(0.0, (moment - datetime.now(UTC)).total_seconds()) + 0.02)
