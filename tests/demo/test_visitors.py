"""The sample shop's visitors: the same for the same seed, and varied enough to show something."""

import json
from collections import Counter
from datetime import UTC, datetime, timedelta

from cdp.demo.histories import broken_events, histories, history
from cdp.demo.live import Street
from cdp.demo.people import Habit, meet
from cdp.demo.visits import Event

UNTIL = datetime(2026, 3, 1, 12, tzinfo=UTC)


def everything(*, seed: int = 1, people: int = 300) -> list[Event]:
    return [event for events in histories(seed=seed, people=people, until=UNTIL) for event in events]


def test_the_same_seed_gives_the_same_events() -> None:
    assert json.dumps(everything()) == json.dumps(everything())


def test_another_seed_gives_others() -> None:
    assert everything(people=5) != everything(seed=2, people=5)


def test_a_person_is_the_same_however_many_are_asked_for() -> None:
    *_, last = histories(seed=1, people=40, until=UNTIL)

    assert last == history(seed=1, number=40, until=UNTIL)


def test_message_ids_are_unique() -> None:
    counts = Counter(event["messageId"] for event in everything())

    assert counts.most_common(1)[0][1] == 1


def test_every_event_lies_within_the_ninety_days_before_the_end() -> None:
    times = [datetime.fromisoformat(event["timestamp"]) for event in everything()]

    assert UNTIL - timedelta(days=90) <= min(times) and max(times) <= UNTIL


def test_everybody_can_be_told_apart() -> None:
    assert all(event.get("userId") or event.get("anonymousId") for event in everything())


def test_the_shop_shows_all_that_the_product_does() -> None:
    names = Counter(event.get("event", event["type"]) for event in everything())

    expected = {
        *("page", "identify", "alias", "Product Viewed", "Product Added", "Order Completed", "Order Refunded"),
        *("Segment Consent Preference Updated", "Consent Management Interaction"),
    }
    assert expected <= names.keys()


def test_a_regular_is_seen_on_two_devices_and_named_on_both() -> None:
    regulars = (number for number in range(1, 500) if meet(1, number)[0].habit is Habit.REGULAR)
    events = next(events for n in regulars if len(events := history(seed=1, number=n, until=UNTIL)) > 60)

    named = {event["anonymousId"] for event in events if event["type"] == "identify"}

    assert len(named) == 2


def test_broken_events_keep_their_message_ids() -> None:
    assert len({event["messageId"] for event in broken_events(seed=1, until=UNTIL)}) == 5


def test_live_events_come_when_their_time_has_come() -> None:
    street = Street(seed=1, people=100, opened_at=UNTIL)

    assert street.due(now=UNTIL) == []
    first = street.due(now=UNTIL + timedelta(seconds=30))
    later = street.due(now=UNTIL + timedelta(seconds=60))

    assert first and later
    assert all(datetime.fromisoformat(event["timestamp"]) <= UNTIL + timedelta(seconds=30) for event in first)
    assert not {event["messageId"] for event in first} & {event["messageId"] for event in later}
