"""A claim that is overtaken: somebody learns who is who while its events are on their way."""

import threading
from collections.abc import Callable, Iterator, Mapping, Sequence
from datetime import datetime

import pytest
from django.db import connection, connections, transaction

from profiles import touches
from profiles.identity import resolve
from profiles.identity.resolve import Merge
from profiles.ingest import leases, pipeline
from profiles.ingest.gates import Arrival, Claim, Findings, Verdict
from profiles.lanes import LaneBatch
from tests.profiles.stream import apply, identify, one, person, rows, send, track, work

pytestmark = pytest.mark.django_db(transaction=True)
_HEAD_START_SECONDS = 0.7
_SUBJECT = "SELECT pg_advisory_xact_lock(4711)"


class Meanwhile:
    """Something that another connection begins while the claim of an event named Slow asks its gates."""

    work: Callable[[], object] | None = None
    thread: threading.Thread | None = None

    def __init__(self) -> None:
        self.failures: list[BaseException] = []

    def forget(self) -> None:
        self.work = self.thread = None
        self.failures.clear()

    def begin(self) -> None:
        self.thread = threading.Thread(target=self._run)
        self.thread.start()
        self.thread.join(_HEAD_START_SECONDS)

    def _run(self) -> None:
        try:
            assert self.work is not None
            self.work()
        except BaseException as error:  # told to the test below
            self.failures.append(error)
        finally:
            connections.close_all()

    def end(self) -> None:
        assert self.thread is not None
        self.thread.join(30)
        assert self.failures == []


meanwhile = Meanwhile()


@pytest.fixture(autouse=True)
def _profiles_alone(settings) -> Iterator[None]:
    settings.INGEST_GATES = [f"{__name__}.be_overtaken"]
    settings.LANE_STEPS = settings.MERGE_STEPS = settings.READ_GATES = []
    resolve.forget()
    meanwhile.forget()
    yield
    if meanwhile.thread is not None:
        meanwhile.thread.join(30)


def be_overtaken(claim: Claim) -> Mapping[int, Verdict]:
    if any(event.name == "Slow" for event in claim.events):
        _lock_subject()
        meanwhile.begin()
    return {}


def be_overtaken_unseen(arrivals: Sequence[Arrival]) -> Findings:
    if any(arrival.event.name == "Slow" for arrival in arrivals):
        meanwhile.begin()
    return Findings()


def lock_in_merge(merge: Merge) -> None:
    _lock_subject()


def _lock_subject() -> None:
    with connection.cursor() as cursor:
        cursor.execute(_SUBJECT)


evaluated: dict[int, int] = {}


def count_events(batch: LaneBatch) -> Mapping[int, datetime]:
    found = rows("SELECT root_id, count(*) FROM events JOIN origin ON origin.id = origin_id GROUP BY 1")
    evaluated.update(dict.fromkeys(batch.people, 0) | {root: n for root, n in found if root in batch.people})
    return {}


def _store_everything() -> None:
    lease, leased = leases.take(events=100)
    pipeline.store(leased, lease=lease)


def test_a_device_that_changes_hands_during_a_claim_has_its_new_owner_looked_at(settings) -> None:
    settings.LANE_STEPS = [f"{__name__}.count_events"]
    apply(identify(userId="u1", anonymousId="a1", minutes=5), track(userId="u2", minutes=1))
    first, second = person("user_id", "u1"), person("user_id", "u2")

    def change_hands() -> None:
        send([track(userId="u2", anonymousId="a1", minutes=2)])
        work()

    meanwhile.work = change_hands
    send([track("Slow", anonymousId="a1")])
    _store_everything()
    meanwhile.end()
    work()
    assert person("anonymous_id", "a1") == second
    assert (evaluated[first], evaluated[second]) == (1, 3)
    assert rows("SELECT id, event_count FROM profile WHERE id = ANY(%s) ORDER BY event_count", [first, second]) == [
        (first, 1),
        (second, 3),
    ]


def test_what_another_claim_stores_between_a_claim_s_look_and_its_keys_is_a_duplicate(settings) -> None:
    settings.INGEST_SCREENS = [f"{__name__}.be_overtaken_unseen"]
    settings.INGEST_GATES = []
    resent = track("Seen", userId="u1", message_id="one")

    def store_first() -> None:
        send([resent, track("Seen", userId="u2", message_id="two")])
        _store_everything()

    meanwhile.work = store_first
    send([track("Slow", userId="u1"), resent, track("Else", userId="u2", message_id="two")])
    _store_everything()
    meanwhile.end()
    work()
    assert sorted(rows("SELECT name FROM events")) == [("Seen",), ("Seen",), ("Slow",)]
    assert rows("SELECT stored, duplicates, conflicts FROM inbox ORDER BY id") == [(1, 2, 1), (2, 0, 0)]
    assert one("SELECT sum(event_count) FROM profile") == 3


def test_a_merge_does_not_wait_for_a_claim_and_the_claim_s_events_are_counted_for_the_winner() -> None:
    apply(track(anonymousId="a1"))
    apply(track(userId="u1"))
    seen: list[int] = []

    def merge() -> None:
        send([identify(userId="u1", anonymousId="a1")])
        work()
        seen.append(one("SELECT sum(event_count) FROM profile WHERE merged_into IS NULL"))

    meanwhile.work = merge
    send([track("Slow", anonymousId="a1")])
    _store_everything()
    meanwhile.end()
    assert seen == [3]
    work()
    assert rows("SELECT event_count FROM profile WHERE merged_into IS NULL") == [(4,)]


def test_a_claim_and_a_merge_of_its_people_never_wait_for_each_other_in_a_circle(settings) -> None:
    settings.MERGE_STEPS = [f"{__name__}.lock_in_merge"]
    apply(track(anonymousId="a1"))
    apply(track(userId="u1"))

    def merge() -> None:
        send([identify(userId="u1", anonymousId="a1")])
        _store_everything()

    meanwhile.work = merge
    send([track("Slow", userId="u1")])
    _store_everything()
    meanwhile.end()
    work()
    assert person("user_id", "u1") == person("anonymous_id", "a1")
    assert one("SELECT sum(event_count) FROM profile WHERE merged_into IS NULL") == 4


def test_whoever_a_lane_takes_is_locked_at_once_or_a_merge_could_stand_half_way_in_its_way() -> None:
    apply(*[track(userId=f"u{number}") for number in range(4)])
    everybody = [profile for (profile,) in rows("SELECT id FROM profile ORDER BY id")]
    touches.touch(profile_ids=everybody[:2], keys=["*"], cause="sweep")
    send([track(userId=f"u{number}") for number in range(4) if person("user_id", f"u{number}") in everybody[2:]])
    _store_everything()
    free: list[list[tuple[int]]] = []
    meanwhile.work = lambda: free.append(_free("profile"))
    with transaction.atomic(), connection.cursor() as cursor:
        taken = touches.take(cursor, lanes=1024)
        meanwhile.begin()
    meanwhile.end()
    assert {profile for profile, _, _ in taken} == set(everybody)
    assert free == [[]]


def _free(table: str) -> list[tuple[int]]:
    with transaction.atomic():
        return rows(f"SELECT id FROM {table} ORDER BY id FOR UPDATE SKIP LOCKED")
