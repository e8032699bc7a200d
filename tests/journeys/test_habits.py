"""How often, how much and how long ago, through the product's doors and on its own clock."""

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from profiles.queries import find_profile
from segments.models import Membership
from tests.journeys.rest import eventually, go_live, seen, send
from tests.running import Running

#: Long enough for an event to be stored, and a rule to go live, before its window ends.
SOON = timedelta(seconds=6)
DAY = timedelta(days=1)


@pytest.fixture(autouse=True)
def _database(django_db_blocker: Any) -> Any:
    with django_db_blocker.unblock():
        yield


def ago(user: str, name: str, span: timedelta, **properties: Any) -> dict[str, Any]:
    return seen(user, name) | {"timestamp": (datetime.now(UTC) - span).isoformat(), "properties": properties}


def stays(key: str, user: str) -> Any:
    found = find_profile(type="user_id", value=user)
    return Membership.objects.filter(segment__key=key, profile_id=found)


def test_product_pages_more_than_3_times_within_10_minutes(running: Running) -> None:
    pages = {"property": "path", "op": "starts_with", "value": "/product/"}
    views = [ago("habit-eva", "Page Seen", timedelta(seconds=s), path=f"/product/{s}") for s in (1, 2, 3)]
    send(running, *views, ago("habit-tom", "Page Seen", timedelta(0), path="/about"))
    rule = {"event": "Page Seen", "measure": "count", "op": ">", "value": 3, "within": "10m", "where": pages}
    go_live(running, "product-pages", rule)
    assert not stays("product-pages", "habit-eva").exists()

    send(
        running,
        ago("habit-eva", "Page Seen", timedelta(minutes=10) - SOON, path="/product/4"),
        *(ago("habit-tom", "Page Seen", timedelta(0), path="/about") for _ in range(4)),
    )

    entered = eventually(lambda: stays("product-pages", "habit-eva").first())
    assert entered.cause == "event"
    left = eventually(lambda: stays("product-pages", "habit-eva").filter(left_at__isnull=False).first())
    assert left.left_cause == "sweep"
    assert not stays("product-pages", "habit-tom").exists()


def test_bought_in_a_category_twice_in_the_last_month(running: Running) -> None:
    garden = {"property": "category", "op": "=", "value": "garden"}
    send(
        running,
        ago("habit-ida", "Item Bought", 2 * DAY, category="garden"),
        ago("habit-jan", "Item Bought", 2 * DAY, category="garden"),
        ago("habit-jan", "Item Bought", 31 * DAY, category="garden"),
        ago("habit-kim", "Item Bought", 2 * DAY, category="garden"),
        ago("habit-kim", "Item Bought", 3 * DAY, category="books"),
    )
    rule = {"event": "Item Bought", "measure": "count", "op": ">=", "value": 2, "within": "30d", "where": garden}
    go_live(running, "gardeners", rule)

    send(running, ago("habit-ida", "Item Bought", timedelta(0), category="garden"))

    assert eventually(lambda: stays("gardeners", "habit-ida").first())
    assert not stays("gardeners", "habit-jan").exists()
    assert not stays("gardeners", "habit-kim").exists()


def test_more_than_5_purchases_in_the_last_month(running: Running) -> None:
    send(running, *(ago("habit-lea", "Purchase Made", n * DAY) for n in range(1, 6)))
    send(running, *(ago("habit-max", "Purchase Made", n * 7 * DAY) for n in range(1, 8)))
    go_live(
        running,
        "many-purchases",
        {"event": "Purchase Made", "measure": "count", "op": ">", "value": 5, "within": "30d"},
    )
    assert not stays("many-purchases", "habit-lea").exists()

    send(running, ago("habit-lea", "Purchase Made", timedelta(0)))

    assert eventually(lambda: stays("many-purchases", "habit-lea").first())
    assert not stays("many-purchases", "habit-max").exists()


def test_whoever_has_not_come_for_a_month_enters_by_time_alone_and_leaves_as_they_come(running: Running) -> None:
    send(running, ago("habit-noa", "App Opened", timedelta(0)))
    go_live(running, "gone-quiet", {"event": "App Opened", "measure": "since_last", "op": ">=", "value": "30d"})
    opened = ago("habit-ole", "App Opened", 30 * DAY - SOON)
    send(running, opened)

    entered = eventually(lambda: stays("gone-quiet", "habit-ole").first())

    waited = entered.entered_at - datetime.fromisoformat(opened["timestamp"]) - 30 * DAY
    assert timedelta(0) <= waited < timedelta(seconds=2)
    assert entered.cause == "sweep"
    assert not stays("gone-quiet", "habit-noa").exists()
    send(running, ago("habit-ole", "App Opened", timedelta(0)))
    assert eventually(lambda: stays("gone-quiet", "habit-ole").filter(left_at__isnull=False).first())


def test_an_average_a_return_and_a_trend_are_judged_as_events_come(running: Running) -> None:
    send(running, ago("habit-pia", "Basket Paid", 40 * DAY, amount=30))
    go_live(
        running, "large-baskets", {"event": "Basket Paid", "measure": "avg", "of": "amount", "op": ">=", "value": 50}
    )
    returned = {"lifecycle": "returned", "event": "Basket Paid", "within": "7d", "after": "30d"}
    go_live(running, "back-again", returned)
    trend = {"event": "Basket Paid", "measure": "sum", "of": "amount", "within": "30d"}
    go_live(running, "spending-more", {"trend": trend, "op": ">", "value": 2})

    send(running, ago("habit-pia", "Basket Paid", timedelta(0), amount=71))

    for key in ("large-baskets", "back-again", "spending-more"):
        assert eventually(lambda key=key: stays(key, "habit-pia").filter(left_at__isnull=True).first()), key
    evidence = stays("large-baskets", "habit-pia").first().evidence
    assert [(leaf["holds"], leaf["observed"]) for leaf in evidence] == [(True, 50.5)]
