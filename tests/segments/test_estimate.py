"""The estimate of a draft: exact where people are few, and inside its own error where they are many."""

from datetime import timedelta
from typing import Any

import pytest
from django.db import connection

from segments import preview
from segments.catalogue import load_catalogue
from segments.judging import compiled
from segments.preview import Estimate
from segments.publishing import estimate_content
from segments.rules.parser import parse
from tests.segments.world import START, World

GERMAN = {"trait": "country", "op": "=", "value": "DE"}
PEOPLE, GERMANS = 6_000, 2_000


def estimated(rule: dict[str, object], segment_id: int | None = None) -> Estimate:
    return preview.estimate(rule=parse(rule), segment_id=segment_id, catalogue=load_catalogue(), now=START)


@pytest.fixture
def town(world: World) -> World:
    """People enough for a sample: every third of them German."""
    with connection.cursor() as cursor:
        cursor.execute(
            "INSERT INTO profile (id, bucket, created_at, traits) SELECT number * 4099, number %% 1024, %s,"
            " jsonb_build_object('country', CASE WHEN number %% 3 = 0 THEN 'DE' ELSE 'FR' END)"
            " FROM generate_series(1, %s) AS number",
            [START, PEOPLE],
        )
        cursor.execute("INSERT INTO origin (id, root_id, bucket) SELECT id, id, bucket FROM profile")
    return world


def test_of_few_people_the_estimate_is_exact(world: World) -> None:
    anna, ben = world.person(country="DE"), world.person(country="FR")
    world.publish("germans", GERMAN)
    world.backfill()
    head = world.segment("germans")
    seen = estimated({"not": GERMAN}, head.pk)
    assert (seen.people, seen.sampled, seen.members, seen.is_exact) == (2, 2, 1, True)
    assert [(one.low, one.value, one.high) for one in (seen.size, seen.entering, seen.leaving)] == [(1, 1, 1)] * 3
    assert (seen.unchanged.value, seen.sample) == (0, (ben,))
    assert anna not in seen.sample


def test_of_nobody_there_is_nothing_to_estimate(world: World) -> None:
    seen = estimated(GERMAN)
    assert (seen.people, seen.size.value, seen.size.high) == (0, 0, 0)


def test_the_interval_of_a_sample_holds_the_true_number(town: World) -> None:
    seen = preview.estimate(rule=parse(GERMAN), segment_id=None, catalogue=load_catalogue(), now=START, seconds=0.0)
    assert (seen.people, seen.sampled, seen.is_exact) == (PEOPLE, 1_000, False)
    assert seen.size.low <= GERMANS <= seen.size.high
    assert seen.size.high - seen.size.low < PEOPLE / 10
    assert len(seen.sample) == 5


def test_more_time_judges_more_people(town: World) -> None:
    seen = preview.estimate(rule=parse(GERMAN), segment_id=None, catalogue=load_catalogue(), now=START, seconds=30.0)
    assert (seen.sampled, seen.size.value) == (PEOPLE, GERMANS)


def test_what_the_sample_did_not_meet_may_still_exist(town: World) -> None:
    nobody = {"trait": "country", "op": "=", "value": "XX"}
    seen = preview.estimate(rule=parse(nobody), segment_id=None, catalogue=load_catalogue(), now=START, seconds=0.0)
    assert (seen.size.value, seen.size.low) == (0, 0)
    assert 0 < seen.size.high < PEOPLE / 100


@pytest.mark.parametrize("found", [0, 1, 20, 500, 999, 1_000])
def test_the_intervals_hold_what_they_promise(found: int) -> None:
    """Wilson's bounds for 1,000 of 200,000, and never outside what is possible."""
    figure = preview._figure(found, 1_000, 200_000)
    assert found <= figure.low <= figure.value <= figure.high <= 200_000
    share = found / 1_000
    error = 1.96 * (share * (1 - share) / 1_000) ** 0.5 * 200_000
    assert figure.high - figure.low == pytest.approx(2 * error, rel=0.35, abs=800)


def test_the_estimate_as_json_names_nobody_but_by_public_ids(world: World, settings: Any) -> None:
    settings.CDP_FEWEST_MEMBERS = 20
    world.person(country="DE")
    told = estimate_content(content={"rule": GERMAN}, segment_id=None, now=START)
    assert told["size"] == {"value": 1, "low": 1, "high": 1}
    assert told["sample"][0].startswith("p_")
    assert [warning["code"] for warning in told["warnings"]] == ["few_people"]


VIEWED = {"event": "Product Viewed", "measure": "count", "op": ">=", "value": 2}
SHOES = {"property": "category", "op": "=", "value": "shoes"}


@pytest.mark.parametrize(
    "rule",
    [
        GERMAN,
        {"not": GERMAN},
        VIEWED,
        VIEWED | {"within": "1d"},
        VIEWED | {"op": "<", "within": "1d"},
        VIEWED | {"where": SHOES},
        {"event": "Order Completed", "measure": "sum", "of": "revenue", "op": ">", "value": 10, "within": "7d"},
        {"all": [GERMAN, {"any": [VIEWED, {"trait": "age", "op": ">=", "value": 18}]}]},
        {"all": [{"trait": "trial_ends", "op": "within_last", "value": "30d"}, {"not": VIEWED | {"within": "2d"}}]},
        {"sequence": [{"event": "Product Viewed", "where": SHOES}, {"event": "Order Completed"}], "within": "5d"},
        {"session": {"gap": "30m"}, "measure": "count", "op": ">=", "value": 2, "within": "7d"},
    ],
)
def test_the_shorter_statement_for_everybody_finds_whom_the_lanes_would(world: World, rule: dict[str, Any]) -> None:
    for number in range(24):
        traits = {"country": "DE" if number % 2 else "FR", "age": number, "trial_ends": f"2026-02-{1 + number:02}"}
        person = world.person(**({} if number % 5 == 0 else traits))
        for hours in range(0, 24 * (number % 4), 7):
            at = START - timedelta(hours=hours)
            world.event(person, "Product Viewed", at=at, category="shoes" if hours % 2 else "books")
            world.event(person, "Order Completed", at=at + timedelta(minutes=5), revenue=number)
    catalogue = load_catalogue()
    judged = compiled({"one": parse(rule)}, catalogue=catalogue, leaves=False)
    with connection.cursor() as cursor:
        cursor.execute(f"SELECT profile_id FROM ({judged.sql}) AS judged WHERE v0", {"ids": None, "now": START})
        expected = {profile_id for (profile_id,) in cursor.fetchall()}
    everyone = preview._of_everybody(parse(rule), catalogue)
    assert everyone != judged.sql
    with connection.cursor() as cursor:
        cursor.execute(f"SELECT profile_id FROM ({everyone}) AS judged WHERE v0", {"ids": None, "now": START})
        assert {profile_id for (profile_id,) in cursor.fetchall()} == expected
    assert preview.preview(rule=parse(rule), segment_id=None, catalogue=catalogue, now=START).size == len(expected)
