"""Sequences, sessions and repetitions through the lane's step, at frozen moments: the rules as people ask for them."""

from datetime import timedelta
from typing import Any

import pytest

from profiles.models import EventDefinition
from segments import memberships
from tests.segments.world import START, World, seconds

TICK = timedelta(microseconds=1)
MINUTE, HOUR, DAY = timedelta(minutes=1), timedelta(hours=1), timedelta(days=1)

ABANDONED = {
    "sequence": [{"event": "Cart Created"}, {"event": "Order Completed", "absent": True, "within": "15m"}],
    "within": "7d",
}
PREMIUM = {"property": "category", "op": "=", "value": "premium"}
UNDECIDED = {
    "sequence": [
        {"event": "Product Viewed", "where": PREMIUM},
        {"event": "Order Completed", "absent": True, "within": "24h"},
    ],
    "within": "7d",
}
DEVOTED = {
    "repeated": {"session": {"gap": "30m"}, "measure": "duration", "op": ">", "value": "10m"},
    "times": 3,
    "within": "1d",
}
NEWS = {"event": "Headline Read", "measure": "count", "op": ">=", "value": 4, "within": "10m"}
NEWS_AGAIN = {"repeated": NEWS, "times": 2, "within": "1d"}


@pytest.fixture
def shop(world: World) -> World:
    EventDefinition.objects.bulk_create(
        EventDefinition(name=name) for name in ("Cart Created", "Page Viewed", "Headline Read")
    )
    return world


def wake(world: World, person: int, at: Any) -> dict[int, Any]:
    return world.judge(person, now=at, keys=["*"], cause="sweep")


def happens(world: World, person: int, name: str, at: Any, **properties: Any) -> Any:
    """An event that comes in the moment it happens, judged by what its key touches alone; the person's due time."""
    world.event(person, name, at=at, **properties)
    return world.judge(person, now=at, keys=[f"event:{name}"]).get(person)


def test_a_cart_is_abandoned_after_15_minutes_by_time_alone_and_taken_up_again_by_the_order(shop: World) -> None:
    shop.publish("abandoned", ABANDONED)
    anna = shop.person()
    entered = START + 15 * MINUTE
    assert happens(shop, anna, "Cart Created", START) == entered
    assert wake(shop, anna, entered - TICK) == {anna: entered}
    assert shop.members("abandoned") == set()

    assert wake(shop, anna, entered) == {anna: START + 7 * DAY}
    (stay,) = shop.stays(anna)
    assert (stay.entered_at, stay.cause) == (entered, "sweep")
    assert stay.evidence[0]["observed"].startswith("2026-03-03T12:00:00")

    happens(shop, anna, "Order Completed", START + 20 * MINUTE)
    (stay,) = shop.stays(anna)
    assert (stay.left_at, stay.left_cause) == (START + 20 * MINUTE, "event")
    assert shop.announced(anna) == ["entered", "left"]


def test_an_order_in_time_keeps_a_cart_from_ever_being_abandoned(shop: World) -> None:
    shop.publish("abandoned", ABANDONED)
    anna = shop.person()
    happens(shop, anna, "Cart Created", START)
    assert happens(shop, anna, "Order Completed", START + 14 * MINUTE) is None
    assert wake(shop, anna, START + 16 * MINUTE) == {}
    assert happens(shop, anna, "Cart Created", START + HOUR) == START + HOUR + 15 * MINUTE
    wake(shop, anna, START + HOUR + 15 * MINUTE)
    assert shop.members("abandoned") == {anna}


def test_an_order_that_arrives_late_takes_back_what_waiting_had_said(shop: World) -> None:
    shop.publish("abandoned", ABANDONED)
    anna = shop.person()
    happens(shop, anna, "Cart Created", START)
    wake(shop, anna, START + 15 * MINUTE)
    assert shop.members("abandoned") == {anna}
    shop.event(anna, "Order Completed", at=START + 10 * MINUTE)
    shop.judge(anna, now=START + 30 * MINUTE, keys=["event:Order Completed"])
    assert shop.members("abandoned") == set()


def test_an_abandoned_cart_is_let_go_a_week_after_it_was_filled(shop: World) -> None:
    shop.publish("abandoned", ABANDONED)
    anna = shop.person()
    happens(shop, anna, "Cart Created", START)
    wake(shop, anna, START + 15 * MINUTE)
    end = START + 7 * DAY
    assert wake(shop, anna, end - TICK) == {anna: end}
    assert wake(shop, anna, end) == {}
    assert shop.members("abandoned") == set()


def test_who_viewed_premium_and_did_not_buy_within_24_hours_is_in_a_day_later(shop: World) -> None:
    shop.publish("undecided", UNDECIDED)
    anna, bert, cleo = shop.person(), shop.person(), shop.person()
    entered = START + DAY
    assert happens(shop, anna, "Product Viewed", START, category="premium") == entered
    assert happens(shop, bert, "Product Viewed", START, category="basic") is None
    happens(shop, cleo, "Product Viewed", START, category="premium")
    assert happens(shop, cleo, "Order Completed", entered - TICK) is None

    shop.judge(anna, bert, cleo, now=entered - TICK, cause="sweep")
    assert shop.members("undecided") == set()
    shop.judge(anna, bert, cleo, now=entered, cause="sweep")
    assert shop.members("undecided") == {anna}


def test_the_third_session_over_10_minutes_within_a_day_makes_a_member(shop: World) -> None:
    shop.publish("devoted", DEVOTED)
    anna = shop.person()
    for hour in (0, 4, 8):
        begins = START + hour * HOUR
        happens(shop, anna, "Page Viewed", begins)
        happens(shop, anna, "Product Viewed", begins + 10 * MINUTE)
        assert shop.members("devoted") == set(), "10 minutes are not over 10 minutes"
        happens(shop, anna, "Page Viewed", begins + 10 * MINUTE + seconds(1))
    assert shop.members("devoted") == {anna}
    (stay,) = shop.stays(anna)
    assert (stay.entered_at, stay.evidence[0]["observed"]) == (START + 8 * HOUR + 10 * MINUTE + seconds(1), 3)
    assert (stay.evidence[0]["op"], stay.evidence[0]["value"]) == (">=", 3)

    end = START + DAY
    assert wake(shop, anna, end - TICK) == {anna: end}
    wake(shop, anna, end)
    assert shop.members("devoted") == set()


def test_an_event_of_any_name_touches_a_rule_about_sessions_and_a_call_that_tells_who_does_not(shop: World) -> None:
    shop.publish("here", {"session": {"gap": "30m"}, "measure": "count", "op": ">=", "value": 1, "within": "1h"})
    anna = shop.person()
    shop.event(anna, "$identify", at=START)
    shop.judge(anna, now=START, keys=["event:$identify"])
    assert shop.members("here") == set()
    happens(shop, anna, "Headline Read", START + seconds(1))
    assert shop.members("here") == {anna}


def test_several_headlines_within_a_short_time_make_a_reader_of_breaking_news(shop: World) -> None:
    shop.publish("breaking-news-reader", NEWS)
    shop.publish("every-time", NEWS_AGAIN)
    anna = shop.person()
    for burst in (START, START + 5 * HOUR):
        for number in range(4):
            assert shop.members("breaking-news-reader") == set()
            due = happens(shop, anna, "Headline Read", burst + number * MINUTE)
        assert shop.members("breaking-news-reader") == {anna}
        assert due is not None and due == burst + 10 * MINUTE
        wake(shop, anna, due)
        assert shop.members("breaking-news-reader") == set()
    assert shop.members("every-time") == {anna}
    entered, *_ = [stay for stay in shop.stays(anna) if stay.segment.key == "every-time"]
    assert entered.entered_at == START + 5 * HOUR + 3 * MINUTE


def test_everybody_judged_at_once_is_judged_as_the_lanes_did(shop: World) -> None:
    rules = {"abandoned": ABANDONED, "undecided": UNDECIDED, "devoted": DEVOTED, "again": NEWS_AGAIN}
    for key, rule in rules.items():
        shop.publish(key, rule)
    people = [shop.person() for _ in range(3)]
    for number, person in enumerate(people):
        happens(shop, person, "Cart Created", START + number * MINUTE)
        happens(shop, person, "Product Viewed", START + number * MINUTE, category="premium")
    later = START + 16 * MINUTE
    shop.judge(*people, now=later, cause="sweep")
    assert shop.members("abandoned") == set(people[:2])
    assert memberships.recompute_differences(now=later) == ()


def test_an_epoch_keeps_the_types_of_what_the_steps_read(shop: World) -> None:
    shop.publish("undecided", UNDECIDED)
    reads = shop.segment("undecided").epochs.get().dependencies["reads"]
    assert reads == [
        ["event", "Order Completed", "event"],
        ["event", "Product Viewed", "event"],
        ["property", "Product Viewed", "category", "text"],
    ]
