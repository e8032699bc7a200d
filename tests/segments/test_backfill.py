"""Walking everybody: in chunks, joined by rules published meanwhile, safe against those that replace them."""

import threading
from collections.abc import Callable
from datetime import UTC, datetime

import pytest
from django.db import connection, transaction

from profiles import lanes
from profiles.lanes import LaneBatch, Touch
from segments import backfill, memberships, rulebook
from segments.models import EpochStatus, Membership, RuleEpoch
from tests.segments.world import START, World

GERMAN = {"trait": "country", "op": "=", "value": "DE"}
FRENCH = {"trait": "country", "op": "=", "value": "FR"}


@pytest.fixture(autouse=True)
def _small_chunks(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(backfill, "PEOPLE_PER_CHUNK", 3)


def test_it_goes_chunk_by_chunk_and_is_ready_after_the_last(world: World) -> None:
    people = {world.person(country="DE") for _ in range(7)}
    world.publish("germans", GERMAN)
    assert backfill.advance(now=START)
    assert len(world.members("germans")) == 3
    assert RuleEpoch.objects.get().status == EpochStatus.BACKFILLING
    world.backfill()
    assert world.members("germans") == people
    assert RuleEpoch.objects.get().status == EpochStatus.READY
    assert not backfill.advance(now=START)


def test_a_rule_published_meanwhile_catches_up_and_goes_on_together(world: World) -> None:
    people = {world.person(country="DE") for _ in range(7)}
    world.publish("first", GERMAN)
    backfill.advance(now=START)
    world.publish("second", GERMAN)
    chunks = 0
    while backfill.advance(now=START):
        chunks += 1
    assert world.members("first") == world.members("second") == people
    assert chunks <= 5
    assert set(RuleEpoch.objects.values_list("status", flat=True)) == {EpochStatus.READY}


def test_there_and_back_between_chunks_ends_with_the_last_version_for_everybody(world: World) -> None:
    germans = {world.person(country="DE") for _ in range(5)}
    for _ in range(5):
        world.person(country="FR")
    world.publish("europeans", GERMAN)
    backfill.advance(now=START)
    world.publish("europeans", FRENCH)
    backfill.advance(now=START)
    world.publish("europeans", GERMAN)
    world.backfill()
    assert world.members("europeans") == germans
    assert memberships.recompute_differences(now=datetime.now(UTC)) == ()
    assert [row.status for row in RuleEpoch.objects.order_by("epoch")][:2] == ["backfilling", "backfilling"]


def test_a_person_born_during_a_backfill_is_judged_by_their_first_evaluation(world: World) -> None:
    for _ in range(4):
        world.person(country="DE")
    world.publish("germans", GERMAN)
    backfill.advance(now=START)
    anna = world.person(country="DE")
    lanes.evaluate_now(profile_ids=[anna], keys=["*"], cause="event")
    assert anna in world.members("germans")
    world.backfill()
    assert memberships.recompute_differences(now=datetime.now(UTC)) == ()


def test_nobody_is_judged_under_an_epoch_that_is_over(committed_world: World) -> None:
    """A lane that judges holds the publication up; the next one judges by the new version."""
    world = committed_world
    anna, ben = world.person(country="DE"), world.person(country="DE")
    world.publish("europeans", GERMAN)
    judged, go_on, published = threading.Event(), threading.Event(), threading.Event()

    def lane() -> None:
        with transaction.atomic():
            memberships.evaluate(LaneBatch(START, {anna: Touch(frozenset({"*"}), ("event",))}))
            judged.set()
            assert go_on.wait(20)
            assert not published.is_set()
            assert {live.number for live in rulebook.current().rules} == {1}

    def publisher() -> None:
        world.publish("europeans", FRENCH)
        published.set()

    running = [_Running(lane)]
    assert judged.wait(20)
    running.append(_Running(publisher))
    assert not published.wait(0.5), "the publication must wait for the lane"
    go_on.set()
    for thread in running:
        thread.finish()
    assert published.is_set()
    world.judge(anna, ben, now=datetime.now(UTC))
    assert world.members("europeans") == set()
    (stay,) = Membership.objects.all()
    assert (stay.version.number, stay.left_version.number, stay.left_cause) == (1, 2, "version")


def test_two_runners_do_one_runners_work(committed_world: World) -> None:
    world = committed_world
    people = {world.person(country="DE") for _ in range(20)}
    world.publish("germans", GERMAN)

    def run() -> None:
        while backfill.waiting():
            backfill.advance(now=START)

    threads = [_Running(run) for _ in range(3)]
    for thread in threads:
        thread.finish()
    assert world.members("germans") == people
    assert Membership.objects.count() == 20


class _Running(threading.Thread):
    """A thread with a connection of its own whose failure is the test's."""

    def __init__(self, work: Callable[[], None]) -> None:
        super().__init__()
        self._work = work
        self._failure: BaseException | None = None
        self.start()

    def run(self) -> None:
        try:
            self._work()
        except BaseException as failure:
            self._failure = failure
        finally:
            connection.close()

    def finish(self) -> None:
        self.join(60)
        if self._failure is not None:
            raise self._failure
