"""From the inbox to the membership through the real lanes and the real clock."""

import time
from datetime import UTC, datetime, timedelta
from typing import Any

from profiles import lanes
from profiles.models import EventDefinition
from profiles.queries import find_card, find_profile
from segments import memberships
from segments.models import Membership
from tests.profiles import stream
from tests.segments.world import World

LOOKED = {"event": "Product Viewed", "measure": "count", "op": ">=", "value": 2, "within": "2s"}
QUIET = {"event": "Product Viewed", "measure": "count", "op": "<", "value": 1, "within": "2s"}
GERMAN = {"trait": "country", "op": "=", "value": "DE"}


def _looks(who: str) -> dict[str, Any]:
    return stream.track(userId=who) | {"timestamp": datetime.now(UTC).isoformat()}


def _drain() -> None:
    lanes.sweep_due()
    stream.work()


def test_an_event_comes_in_and_a_segment_goes_out_and_is_left_when_its_window_ends(world: World) -> None:
    world.publish("lookers", LOOKED, now=datetime.now(UTC))
    world.publish("quiet", QUIET, now=datetime.now(UTC), acknowledged=["true_without_data"])
    stream.apply(_looks("ann"), _looks("ann"))
    stream.work()
    ann = find_profile(type="user_id", value="ann")
    assert ann is not None
    assert world.members("lookers") == {ann}
    assert world.members("quiet") == set()
    card = find_card(type="user_id", value="ann")
    assert card is not None
    (entry,) = card.sections["segments"]
    assert (entry["key"], entry["version"]) == ("lookers", 1)
    ends = datetime.fromisoformat(entry["expires_at"])
    time.sleep(max(0.0, (ends - datetime.now(UTC)).total_seconds() + 0.6))
    _drain()
    assert world.members("lookers") == set()
    assert world.members("quiet") == {ann}
    stay = Membership.objects.get(segment__key="lookers")
    assert stay.left_cause == "sweep"
    assert stay.left_at - ends < timedelta(seconds=1.5)
    assert memberships.recompute_differences(now=datetime.now(UTC)) == ()


def test_a_merge_closes_the_losers_stays_and_judges_the_winner_on_both_histories(world: World) -> None:
    two = {"event": "Product Viewed", "measure": "count", "op": ">=", "value": 2}
    world.publish("keen", two, now=datetime.now(UTC))
    world.publish("germans", GERMAN, now=datetime.now(UTC))
    stream.apply(_looks("ann"))
    stream.apply(stream.identify(anonymousId="phone", traits={"country": "DE"}), stream.track(anonymousId="phone"))
    stream.work()
    ann, phone = find_profile(type="user_id", value="ann"), find_profile(type="anonymous_id", value="phone")
    assert ann != phone
    assert world.members("germans") == {phone}
    assert world.members("keen") == set()
    stream.apply(stream.identify(userId="ann", anonymousId="phone", traits={}))
    stream.work()
    winner = find_profile(type="user_id", value="ann")
    (loser,) = {ann, phone} - {winner}
    assert world.members("germans") == world.members("keen") == {winner}
    closed = Membership.objects.filter(profile_id=loser)
    assert {stay.left_cause for stay in closed} <= {"merge"}
    assert all(stay.left_at is not None for stay in closed)
    assert Membership.objects.get(segment__key="keen").cause == "merge"
    assert memberships.recompute_differences(now=datetime.now(UTC)) == ()


def test_somebody_new_is_judged_by_rules_that_no_event_names(world: World) -> None:
    world.publish(
        "unplaced", {"trait": "country", "op": "missing"}, now=datetime.now(UTC), acknowledged=["true_without_data"]
    )
    EventDefinition.objects.get_or_create(name="Search")
    stream.apply(stream.track("Search", userId="new"))
    stream.work()
    assert world.members("unplaced") == {find_profile(type="user_id", value="new")}
