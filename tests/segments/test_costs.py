"""What each live rule costs is measured by the statement that judges, kept, and told to whoever scrapes."""

from datetime import timedelta

import pytest
from django.db import connection

from segments import costs, metrics
from segments.models import RuleCost, Segment
from tests.segments.world import START, World

pytestmark = pytest.mark.django_db
GERMANS = {"trait": "country", "op": "=", "value": "DE"}
ADULTS = {"trait": "age", "op": ">=", "value": 18}


@pytest.fixture
def world() -> World:
    world = World()
    for number in range(30):
        world.person(country="DE", age=number)
    world.publish("germans", GERMANS)
    with connection.cursor() as cursor:
        cursor.execute("ANALYZE profile")
    return world


def test_every_live_rule_is_measured_once_until_its_figure_is_old(world: World) -> None:
    world.publish("adults", ADULTS)

    assert costs.measure(now=START, seconds=60) == 2
    assert costs.measure(now=START + timedelta(minutes=1), seconds=60) == 0
    assert costs.measure(now=START + costs.GOOD_FOR, seconds=60) == 2
    assert set(RuleCost.objects.values_list("segment__key", "people")) == {("germans", 30), ("adults", 30)}


def test_another_version_is_measured_at_once(world: World) -> None:
    costs.measure(now=START, seconds=60)
    world.publish("germans", {"trait": "country", "op": "in", "value": ["DE", "AT"]})

    assert costs.measure(now=START + timedelta(minutes=1), seconds=60) == 1
    assert RuleCost.objects.get().version_id == Segment.objects.get(key="germans").live_version_id


def test_a_share_of_time_is_kept_and_the_rest_follows_next_time(world: World) -> None:
    world.publish("adults", ADULTS)

    assert costs.measure(now=START, seconds=0) == 1
    assert costs.measure(now=START, seconds=0) == 1
    assert costs.measure(now=START, seconds=0) == 0


def test_without_people_there_is_nothing_to_measure() -> None:
    World().publish("germans", GERMANS)

    assert costs.measure(now=START, seconds=60) == 0


def test_whoever_scrapes_learns_of_it(world: World) -> None:
    costs.measure(now=START, seconds=60)
    RuleCost.objects.update(seconds=0.03)
    gauges = {gauge.name: gauge for gauge in metrics.collect(START)}

    (sample,) = gauges["cdp_rule_seconds_per_1000_people"].samples
    assert (dict(sample.labels), sample.value) == ({"segment": "germans"}, pytest.approx(1.0))
