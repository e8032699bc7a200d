"""How a segment's size went, who was in it on a day, and whom two segments share."""

from datetime import UTC, date, datetime, timedelta
from typing import Any

import pytest

from cdp.ids import to_public
from cdp.models import AccessRecord
from segments import history, plots
from segments.models import Membership, SegmentDay
from tests.segments.test_api import key_for
from tests.segments.world import World

GERMAN = {"trait": "country", "op": "=", "value": "DE"}
NOON = datetime(2026, 3, 3, 12, tzinfo=UTC)


def day(number: int, hour: float = 12) -> datetime:
    return datetime(2026, 3, 1, tzinfo=UTC) + timedelta(days=number - 1, hours=hour)


@pytest.fixture
def lived(world: World) -> tuple[World, dict[str, int]]:
    """Ann is in from the 2nd on, ben from the 2nd to the 4th and again on the 6th, cy on the 4th alone."""
    world.publish("germans", GERMAN, now=day(1))
    people = {name: world.person() for name in ("ann", "ben", "cy")}
    moves = [
        ("ann", "DE", day(2)), ("ben", "DE", day(2, 23.5)), ("ben", "FR", day(4)), ("cy", "DE", day(4, 1)),
        ("cy", "FR", day(4, 2)), ("ben", "DE", day(6)),
    ]  # fmt: skip
    for name, country, at in sorted(moves, key=lambda move: move[2]):
        world.learn(people[name], country=country)
        world.judge(people[name], now=at)
    return world, people


def told(world: World, first: int, last: int) -> list[tuple[int, int, int, int]]:
    found = history.days(segment_id=world.segment("germans").pk, first=date(2026, 3, first), last=date(2026, 3, last))
    return [(one.day.day, one.entered, one.left, one.size) for one in found]


EXPECTED = [(1, 0, 0, 0), (2, 2, 0, 2), (3, 0, 0, 2), (4, 1, 2, 1), (5, 0, 0, 1), (6, 1, 0, 2), (7, 0, 0, 2)]


def test_each_day_tells_who_entered_who_left_and_how_many_stood_at_its_end(lived: Any) -> None:
    world, _ = lived
    assert told(world, 1, 7) == EXPECTED
    assert told(world, 5, 7) == EXPECTED[4:]


@pytest.mark.parametrize("closed_at", [3, 4, 5, 7, 9])
def test_days_that_are_over_are_counted_once_and_say_the_same(lived: Any, closed_at: int) -> None:
    world, _ = lived
    history.close_days(now=day(closed_at, 2))
    assert history.close_days(now=day(closed_at, 2)) == 0
    assert told(world, 1, 7) == EXPECTED
    assert set(SegmentDay.objects.values_list("day", flat=True)) <= {date(2026, 3, n) for n in range(1, closed_at)}
    history.close_days(now=day(9, 2))
    assert told(world, 1, 7) == EXPECTED
    assert [(row.day.day, row.size) for row in SegmentDay.objects.order_by("day")] == [(2, 2), (4, 1), (6, 2)]


def test_a_day_is_not_over_before_late_commits_have_had_their_time(lived: Any) -> None:
    history.close_days(now=day(3, 0.5))
    assert not SegmentDay.objects.exists()


def test_figures_stay_when_somebody_is_erased(lived: Any) -> None:
    world, people = lived
    history.close_days(now=day(9))
    Membership.objects.filter(profile_id=people["ben"]).delete()
    assert told(world, 1, 7) == EXPECTED


def test_versions_are_marked_where_they_went_live_and_repeats_are_not(lived: Any) -> None:
    world, _ = lived
    world.publish("germans", {"trait": "country", "op": "in", "value": ["DE", "FR"]}, now=day(5))
    world.retire("germans", now=day(7))
    segment_id = world.segment("germans").pk
    found = history.published(segment_id=segment_id, first=date(2026, 3, 4), last=date(2026, 3, 7))
    assert [(one.at, one.version) for one in found] == [(day(1), 1), (day(5), 2), (day(7), None)]
    days = history.days(segment_id=segment_id, first=date(2026, 3, 4), last=date(2026, 3, 7))
    marks = plots.size_plot(days, found).marks
    assert [(mark.label, mark.left) for mark in marks] == [("v2", "37.50%"), ("retired", "87.50%")]


def test_a_plot_stands_on_the_sizes_and_its_bars_on_the_flips(lived: Any) -> None:
    world, _ = lived
    days = history.days(segment_id=world.segment("germans").pk, first=date(2026, 3, 3), last=date(2026, 3, 4))
    size, flips = plots.size_plot(days, ()), plots.flip_plot(days)
    assert (size.most, size.line) == (2, "0.0,0.0 500.0,0.0 1000.0,100.0")
    assert (flips.most, [(bar.up, bar.down) for bar in flips.bars]) == (2, [(0.0, 0.0), (50.0, 100.0)])
    assert plots.size_plot((), ()).line == ""


# -- who was in on a day --------------------------------------------------------------------------------------------
def on(world: World, number: int, *, limit: int = 50) -> list[tuple[int, bool]]:
    """Page through a day; the page size must not matter."""
    after, found = (0, 0), []
    while page := history.members_on(
        segment=world.segment("germans"), day=date(2026, 3, number), after=after, limit=limit
    ):
        found += [(stay.person_id, stay.left_at is None) for stay in page]
        after = page[-1].profile_id, page[-1].membership_id
    return found


@pytest.mark.parametrize("limit", [1, 2, 50])
def test_who_was_in_on_a_day_is_everybody_whose_stay_touches_it(lived: Any, limit: int) -> None:
    world, people = lived
    ann, ben, cy = people["ann"], people["ben"], people["cy"]
    assert on(world, 1, limit=limit) == []
    assert on(world, 2, limit=limit) == [(ann, True), (ben, False)]
    assert on(world, 4, limit=limit) == [(ann, True), (ben, False), (cy, False)]
    assert on(world, 5, limit=limit) == [(ann, True)]
    assert on(world, 6, limit=limit) == [(ann, True), (ben, True)]


def test_who_came_back_on_the_same_day_is_listed_for_each_stay(lived: Any) -> None:
    world, people = lived
    world.learn(people["cy"], country="DE")
    world.judge(people["cy"], now=day(4, 20))
    assert on(world, 4, limit=1).count((people["cy"], False)) == 1
    assert on(world, 4, limit=1).count((people["cy"], True)) == 1


def test_whoever_was_merged_since_is_told_as_who_they_are_now(lived: Any) -> None:
    world, people = lived
    world.merge(winner=people["ann"], loser=people["ben"])
    assert on(world, 2) == [(people["ann"], True), (people["ann"], False)]


def test_rest_pages_through_a_day_and_records_who_was_read(lived: Any) -> None:
    world, people = lived
    world.purpose("service", legal_basis="contract")
    app = key_for(world)
    found, cursor = [], ""
    while cursor is not None:
        page = app.get(f"/v1/segments/germans/members?on=2026-03-04&limit=1&cursor={cursor}").json()
        found += page["members"]
        cursor = page["next"]
    assert [one["id"] for one in found] == [to_public(people[name]) for name in ("ann", "ben", "cy")]
    assert [one["left_at"] is None for one in found] == [True, False, False]
    records = AccessRecord.objects.filter(action="segment.members")
    assert {record.profile_id for record in records} == set(people.values())
    assert {record.basis["on"] for record in records} == {"2026-03-04"}


@pytest.mark.parametrize(
    ("query", "field"),
    [
        ("on=yesterday", "on"), ("on=2026-13-01", "on"), ("on=2199-01-01", "on"), ("on=2026-03-04&limit=0", "limit"),
        ("on=2026-03-04&cursor=abc", "cursor"),
    ],
)  # fmt: skip
def test_a_question_that_makes_no_sense_is_refused_by_its_field(lived: Any, query: str, field: str) -> None:
    world, _ = lived
    app = key_for(world)
    refused = app.get(f"/v1/segments/germans/members?{query}")
    assert (refused.status_code, refused.json()["errors"][0]["field"]) == (400, field)


def test_a_cursor_belongs_to_its_day(lived: Any) -> None:
    world, _ = lived
    world.purpose("service", legal_basis="contract")
    app = key_for(world)
    cursor = app.get("/v1/segments/germans/members?on=2026-03-04&limit=1").json()["next"]
    other = app.get(f"/v1/segments/germans/members?on=2026-03-02&cursor={cursor}")
    assert (other.status_code, other.json()["errors"][0]["field"]) == (400, "cursor")


def test_rest_tells_days_with_versions(lived: Any) -> None:
    world, _ = lived
    told = key_for(world).get("/v1/segments/germans/days?from=2026-03-02&to=2026-03-04").json()
    assert [(one["day"], one["entered"], one["left"], one["size"]) for one in told["days"]] == [
        ("2026-03-02", 2, 0, 2), ("2026-03-03", 0, 0, 2), ("2026-03-04", 1, 2, 1),
    ]  # fmt: skip
    assert [one["version"] for one in told["versions"]] == [1]


# -- overlap --------------------------------------------------------------------------------------------------------
def test_the_overlap_of_two_segments_is_who_is_in_both(world: World) -> None:
    world.publish("germans", GERMAN)
    world.publish("grown", {"trait": "age", "op": ">=", "value": 18})
    world.publish("nobody", {"trait": "country", "op": "=", "value": "XX"})
    for country, age in (("DE", 20), ("DE", 30), ("DE", 9), ("FR", 40)):
        world.person(country=country, age=age)
    world.backfill()
    heads = [world.segment(key) for key in ("germans", "grown", "nobody")]
    both = history.overlap(segments=heads, now=NOON).both
    germans, grown, nobody = (head.pk for head in heads)
    assert both[germans, germans] == both[grown, grown] == 3
    assert both[germans, grown] == both[grown, germans] == 2
    assert (germans, nobody) not in both
