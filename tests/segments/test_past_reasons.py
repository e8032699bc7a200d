"""Three questions about one moment: what we said, what was true as known then, what was true as known today."""

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from consent import ledger
from profiles.identity import resolve, unmerging
from segments.past_reasons import Asked, NotThen, why_at
from segments.reasons import Reasons
from segments.standpoint import Known
from tests.profiles.stream import one, send
from tests.segments.past_traffic import clock, now, settle
from tests.segments.world import World

GERMAN = {"trait": "country", "op": "=", "value": "DE"}
FRENCH = {"trait": "country", "op": "=", "value": "FR"}
LOOKED = {"event": "Product Viewed", "measure": "count", "op": ">=", "value": 1, "within": "7d"}
_numbers = iter(range(1, 10_000))


@pytest.fixture
def world(committed_world: World) -> World:
    resolve.forget()
    return committed_world


def say(type: str, *, ago: timedelta = timedelta(), **fields: Any) -> None:
    moment = datetime.now(UTC) - ago
    send([{"type": type, "messageId": f"then-{next(_numbers)}", "timestamp": moment.isoformat(), **fields}])
    settle()


def origin(type: str, value: str) -> int:
    found: int = one("SELECT origin_id FROM identifier WHERE type = %s AND value = %s", type, value)
    return found


def asked(user: str, key: str, at: datetime, known: Known = Known.THEN) -> Reasons:
    return why_at(origin_id=origin("user_id", user), key=key, asked=Asked(at, known))


def both(user: str, key: str, at: datetime) -> tuple[bool, bool]:
    return asked(user, key, at).is_member, asked(user, key, at, Known.TODAY).is_member


def test_a_late_event_was_not_known_then_and_is_today(world: World) -> None:
    world.publish("lookers", LOOKED, now=now())
    say("identify", userId="ann", traits={})
    then = clock()
    say("track", event="Product Viewed", userId="ann", ago=timedelta(days=1))
    assert both("ann", "lookers", then) == (False, True)
    today = asked("ann", "lookers", then, Known.TODAY)
    assert [event.name for event in today.seen.grounds["$"].events] == ["Product Viewed"]
    assert asked("ann", "lookers", then).seen.grounds == {}


def test_what_happened_later_counts_in_neither(world: World) -> None:
    world.publish("lookers", LOOKED, now=now())
    world.publish("germans", GERMAN, now=now())
    say("identify", userId="ann", traits={})
    then = clock()
    say("track", event="Product Viewed", userId="ann")
    say("identify", userId="ann", traits={"country": "DE"})
    assert both("ann", "lookers", then) == both("ann", "germans", then) == (False, False)
    assert both("ann", "lookers", clock()) == both("ann", "germans", clock()) == (True, True)


def test_a_trait_is_what_had_been_stated_by_then(world: World) -> None:
    world.publish("germans", GERMAN, now=now())
    say("identify", userId="ann", traits={"country": "DE"}, ago=timedelta(days=5))
    then = clock()
    say("identify", userId="ann", traits={"country": "FR"}, ago=timedelta(days=2))
    assert both("ann", "germans", then) == (True, False)


def test_two_who_were_merged_later_were_two(world: World) -> None:
    world.publish("lookers", LOOKED, now=now())
    say("track", event="Product Viewed", anonymousId="phone")
    say("identify", userId="ann", traits={})
    then = clock()
    say("identify", userId="ann", anonymousId="phone", traits={})
    joined = clock()
    assert both("ann", "lookers", then) == (False, True)
    assert both("ann", "lookers", joined) == (True, True)
    phone = why_at(origin_id=origin("anonymous_id", "phone"), key="lookers", asked=Asked(then))
    assert (phone.is_member, phone.profile_id == asked("ann", "lookers", then).profile_id) == (True, False)


def test_an_undone_merge_held_while_it_held(world: World) -> None:
    world.publish("lookers", LOOKED, now=now())
    say("identify", userId="ben", traits={})
    say("track", event="Product Viewed", userId="ann")
    say("alias", userId="ben", previousId="ann")
    joined = clock()
    unmerging.unmerge(merge_id=one("SELECT max(id) FROM merge"), by=world.approver, comment="Two.", now=now())
    settle()
    assert both("ben", "lookers", joined) == (True, False)
    assert both("ann", "lookers", joined) == (True, True)
    assert both("ben", "lookers", clock()) == (False, False)


def test_consent_is_what_the_ledger_had_by_then(world: World) -> None:
    world.purpose("marketing")
    world.publish("asked", {"consent": "marketing"}, now=now())
    say("identify", userId="ann", traits={})
    person = origin("user_id", "ann")
    told = now()
    world.consent(person, "marketing", ledger.grant, at=told - timedelta(days=3), told_at=told)
    granted = clock()
    world.consent(person, "marketing", ledger.withdraw, at=told - timedelta(days=1), told_at=now())
    settle()
    assert both("ann", "asked", granted) == (True, False)
    ground = asked("ann", "asked", granted).seen.grounds["$"].consent
    assert ground is not None
    assert (ground.operation, ground.entry[:2]) == ("grant", "c_")


def test_the_version_that_was_live_then_decides_with_its_approver(world: World) -> None:
    world.publish("europeans", GERMAN, now=now())
    say("identify", userId="ann", traits={"country": "DE"})
    then = clock()
    world.publish("europeans", FRENCH, now=now())
    settle()
    before, after = asked("ann", "europeans", then), asked("ann", "europeans", clock())
    assert [(one.segment.number, one.is_member) for one in (before, after)] == [(1, True), (2, False)]
    assert before.approval is not None
    assert (before.approval.by, before.approval.comment) == ("grace", "fine")


def test_a_stay_stands_beside_it_as_it_was_said(world: World) -> None:
    world.publish("germans", GERMAN, now=now())
    say("identify", userId="ann", traits={"country": "DE"})
    inside = clock()
    say("identify", userId="ann", traits={"country": "FR"})
    told = asked("ann", "germans", inside)
    assert told.stay is not None and told.stay.left_at is not None
    assert told.stay.entered_at <= inside < told.stay.left_at
    assert told.stay.evidence[0]["observed"] == "DE"


def test_before_anybody_was_known_or_anything_was_live_there_is_nothing_to_explain(world: World) -> None:
    nothing_live = clock()
    world.publish("germans", GERMAN, now=now())
    nobody_known = clock()
    say("identify", userId="ann", traits={"country": "DE"}, ago=timedelta(days=9))
    with pytest.raises(NotThen) as unknown:
        asked("ann", "germans", nobody_known)
    with pytest.raises(NotThen) as unpublished:
        asked("ann", "germans", nothing_live, Known.TODAY)
    assert (unknown.value.code, unpublished.value.code) == ("not_known_then", "segment_not_live")
    assert asked("ann", "germans", nobody_known, Known.TODAY).is_member is True


def test_the_type_of_a_property_is_the_one_it_was_published_under(world: World) -> None:
    world.publish("spenders", {"event": "Order Completed", "measure": "sum", "of": "revenue", "op": ">", "value": 5},
                  now=now())  # fmt: skip
    say("track", event="Order Completed", userId="ann", properties={"revenue": 9})
    told = asked("ann", "spenders", clock())
    assert (told.is_member, told.seen.explanation.observed) == (True, 9)
