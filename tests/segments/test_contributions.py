"""Which events a leaf rests on, for every kind of leaf that looks at events."""

from datetime import timedelta
from typing import Any
from zoneinfo import ZoneInfo

import pytest
from django.utils import timezone

from segments.looking import Ground
from segments.reasons import why
from segments.rules.contributions import MOST_EVENTS, event_reads
from segments.rules.nodes import leaves_of
from segments.rules.parser import parse
from segments.rules.vocabulary import Catalogue
from tests.segments.world import World

CATALOGUE = Catalogue(traits={}, events=frozenset({"A", "B"}), properties={}, purposes=frozenset())
DAY = 86_400


def reads(document: Any) -> list[tuple[str, int | None]]:
    """Each event's name with the seconds it is looked back for; "" is any event."""
    ((_, leaf),) = leaves_of(parse(document))
    found = event_reads(leaf, catalogue=CATALOGUE, zone=ZoneInfo("UTC"))
    return [(read.event, getattr(read.window, "seconds", None)) for read in found]


@pytest.mark.parametrize(
    ("document", "expected"),
    [
        ({"event": "A", "measure": "count", "op": ">=", "value": 1, "within": "1d"}, [("A", DAY)]),
        ({"event": "A", "measure": "since_last", "op": "<", "value": "30d"}, [("A", None)]),
        (
            {"sequence": [{"event": "A"}, {"event": "B", "absent": True, "within": "15m"}], "within": "1d"},
            [("A", DAY), ("B", DAY)],
        ),
        ({"lifecycle": "not_since", "event": "A", "not_since": "B", "within": "7d"}, [("A", 7 * DAY), ("B", 7 * DAY)]),
        ({"trend": {"event": "A", "measure": "count", "within": "7d"}, "op": ">", "value": 2}, [("A", 14 * DAY)]),
        (
            {
                "repeated": {"event": "A", "measure": "count", "op": ">=", "value": 3, "within": "10m"},
                "times": 3,
                "within": "1d",
            },
            [("A", DAY + 600)],
        ),
        ({"trait": "country", "op": "=", "value": "DE"}, []),
        ({"consent": "marketing"}, []),
    ],
)
def test_they_are_found_from_what_the_leaf_reads(document: Any, expected: Any) -> None:
    assert reads(document) == expected


def test_a_session_of_any_events_rests_on_all_of_them() -> None:
    ((name, seconds),) = reads({"session": {"gap": "30m"}, "measure": "count", "op": ">=", "value": 1, "within": "1d"})
    assert name == "" and seconds is not None and seconds >= DAY


def ground(world: World, rule: Any, person: int) -> Ground:
    world.publish("told", rule, acknowledged=["true_without_data"])
    world.backfill(now=timezone.now())
    told = why(profile_id=person, key="told", now=timezone.now())
    assert told is not None
    return told.seen.grounds["$"]


def test_only_events_that_the_condition_selects_are_told_newest_first_and_not_too_many(world: World) -> None:
    ann, now = world.person(), timezone.now()
    for number in range(MOST_EVENTS + 5):
        world.event(ann, "Product Viewed", at=now - timedelta(minutes=number + 1), category="shoes")
        world.event(ann, "Product Viewed", at=now - timedelta(minutes=number + 1), category="hats")
    world.event(ann, "Product Viewed", at=now - timedelta(days=9), category="shoes")
    rule = {
        "event": "Product Viewed", "measure": "count", "op": ">=", "value": 1, "within": "1d",
        "where": {"property": "category", "op": "=", "value": "shoes"},
    }  # fmt: skip
    told = ground(world, rule, ann)
    assert (len(told.events), told.total) == (MOST_EVENTS, MOST_EVENTS + 5)
    assert [event.at for event in told.events] == [now - timedelta(minutes=n + 1) for n in range(MOST_EVENTS)]


def test_the_steps_of_a_sequence_and_the_events_of_a_session_are_told(world: World) -> None:
    ann, now = world.person(), timezone.now()
    world.event(ann, "Product Viewed", at=now - timedelta(minutes=50))
    world.event(ann, "Order Completed", at=now - timedelta(minutes=40), revenue=5)
    steps = {"sequence": [{"event": "Product Viewed"}, {"event": "Order Completed"}], "within": "1d"}
    assert [event.name for event in ground(world, steps, ann).events] == ["Order Completed", "Product Viewed"]
    visits = {"session": {"gap": "30m"}, "measure": "count", "op": ">=", "value": 1, "within": "1d"}
    assert [event.name for event in ground(world, visits, ann).events] == ["Order Completed", "Product Viewed"]
