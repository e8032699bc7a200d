"""Rules about circumstances on the live lanes: devices, campaigns, the person's own clock, traits last known."""

from datetime import UTC, datetime
from typing import Any

import pytest

from profiles.identity import resolve
from segments import memberships
from tests.profiles.stream import apply, identify, person, track
from tests.segments.world import World

pytestmark = pytest.mark.django_db(transaction=True)
PHONE = (
    "Mozilla/5.0 (Linux; Android 14; Pixel 8) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/124.0 Mobile Safari/537.36"
)
# The night in which Berlin's clocks go from 02:00 to 03:00: at 01:00 UTC.
BEFORE, AFTER = datetime(2026, 3, 29, 0, 30, tzinfo=UTC), datetime(2026, 3, 29, 1, 30, tzinfo=UTC)
# And the one in which they go back from 03:00 to 02:00: the hour from 02:00 comes twice.
TWICE = [datetime(2026, 10, 25, 0, 30, tzinfo=UTC), datetime(2026, 10, 25, 1, 30, tzinfo=UTC)]


@pytest.fixture
def world() -> World:
    resolve.forget()
    return World()


def viewed(where: dict[str, Any], times: int = 1) -> dict[str, Any]:
    return {"event": "Product Viewed", "measure": "count", "op": ">=", "value": times, "where": where}


def seen(user: str, at: datetime | None = None, **context: Any) -> dict[str, Any]:
    event = track(userId=user, context=context)
    return event | ({"timestamp": at.isoformat()} if at else {})


def members(world: World, key: str, *users: str) -> set[str]:
    inside = world.members(key)
    return {user for user in users if person("user_id", user) in inside}


def test_an_event_from_a_phone_enters_a_segment_of_phones(world: World) -> None:
    world.publish("phones", viewed({"context": "device_type", "op": "=", "value": "mobile"}))
    apply(seen("phone", userAgent=PHONE), seen("nothing"), seen("curl", userAgent="curl/8.4.0"))
    assert members(world, "phones", "phone", "nothing", "curl") == {"phone"}
    assert memberships.recompute_differences(now=datetime.now(UTC)) == ()


def test_campaign_and_property_stand_side_by_side(world: World) -> None:
    mailed = {"context": "campaign_source", "op": "=", "value": "mail"}
    shoes = {"property": "category", "op": "=", "value": "shoes"}
    world.publish("mailed", viewed({"all": [mailed, shoes]}))
    mail = {"campaign": {"source": "mail"}}
    apply(
        seen("both", **mail) | {"properties": {"category": "shoes"}},
        seen("one", **mail),
        seen("long", campaign={"source": "m" * 300}) | {"properties": {"category": "shoes"}},
    )
    assert members(world, "mailed", "both", "one", "long") == {"both"}


def test_a_last_known_trait_enters_and_leaves_a_segment(world: World) -> None:
    world.publish("german", {"trait": "last_country", "op": "=", "value": "DE"})
    apply(seen("u1", location={"country": "de"}) | {"timestamp": "2026-03-01T10:00:00Z"})
    assert members(world, "german", "u1") == {"u1"}
    apply(seen("u1", location={"country": "FR"}) | {"timestamp": "2026-03-01T11:00:00Z"})
    assert members(world, "german", "u1") == set()
    apply(seen("u1", location={"country": "DE"}) | {"timestamp": "2026-03-01T09:00:00Z"})
    assert members(world, "german", "u1") == set()
    assert memberships.recompute_differences(now=datetime.now(UTC)) == ()


def test_the_local_hour_follows_the_clocks_over_a_change(world: World) -> None:
    """01:30 and, an hour later, 03:30: nobody saw anything between two and three that night."""
    world.publish("at-two", viewed({"context": "local_hour", "op": "=", "value": 2}))
    world.publish("at-one-and-three", viewed({"context": "local_hour", "op": "in", "value": [1, 3]}, times=2))
    apply(*(seen("berlin", moment, timezone="Europe/Berlin") for moment in (BEFORE, AFTER)))
    apply(*(seen("utc", moment) for moment in (BEFORE, AFTER)))
    assert members(world, "at-one-and-three", "berlin", "utc") == {"berlin"}
    assert members(world, "at-two", "berlin", "utc") == set()
    apply(*(seen("autumn", moment, timezone="Europe/Berlin") for moment in TWICE))
    assert members(world, "at-two", "berlin", "utc", "autumn") == {"autumn"}
    assert memberships.recompute_differences(now=datetime.now(UTC)) == ()


def test_a_clock_that_becomes_known_later_judges_earlier_events_anew(world: World) -> None:
    world.publish("evening", viewed({"context": "local_hour", "op": ">=", "value": 18}))
    world.publish("mondays", viewed({"context": "local_weekday", "op": "=", "value": "monday"}))
    sunday = datetime(2026, 3, 1, 16, 0, tzinfo=UTC)
    apply(seen("u1", sunday))
    assert members(world, "evening", "u1") == set()
    apply(identify(userId="u1", context={"timezone": "Asia/Kathmandu"}))
    assert members(world, "evening", "u1") == {"u1"}
    apply(identify(userId="u1", context={"timezone": "Asia/Tokyo"}, minutes=24 * 60 * 30))
    assert (members(world, "evening", "u1"), members(world, "mondays", "u1")) == (set(), {"u1"})
    assert memberships.recompute_differences(now=datetime.now(UTC)) == ()
