"""What people do one after the other, through the product's doors and on its own clock: time alone brings them in."""

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from profiles.queries import find_profile
from segments.models import Membership
from tests.journeys.rest import eventually, go_live, seen, send
from tests.running import Running

#: So long after it was sent an event's waiting is over: long enough to be stored, short enough for a test.
SOON = timedelta(seconds=4)


@pytest.fixture(autouse=True)
def _database(django_db_blocker: Any) -> Any:
    with django_db_blocker.unblock():
        yield


def ago(user: str, name: str, span: timedelta, **properties: Any) -> dict[str, Any]:
    return seen(user, name) | {"timestamp": (datetime.now(UTC) - span).isoformat(), "properties": properties}


def stays(key: str, user: str) -> Any:
    return Membership.objects.filter(segment__key=key, profile_id=find_profile(type="user_id", value=user))


def test_a_cart_left_for_15_minutes_enters_by_time_alone_and_leaves_with_its_order(running: Running) -> None:
    send(running, seen("course-other", "Cart Created"), seen("course-other", "Order Completed"))
    no_order = {"event": "Order Completed", "absent": True, "within": "15m"}
    go_live(running, "cart-abandoned", {"sequence": [{"event": "Cart Created"}, no_order], "within": "24h"})
    cart = ago("course-olaf", "Cart Created", timedelta(minutes=15) - SOON)
    send(running, cart, ago("course-rosa", "Cart Created", timedelta(minutes=15) - SOON))
    send(running, seen("course-rosa", "Order Completed"))

    entered = eventually(lambda: stays("cart-abandoned", "course-olaf").first())

    waited = entered.entered_at - datetime.fromisoformat(cart["timestamp"]) - timedelta(minutes=15)
    assert timedelta(0) <= waited < timedelta(seconds=2)
    assert entered.cause == "sweep"
    assert not stays("cart-abandoned", "course-rosa").exists()

    send(running, seen("course-olaf", "Order Completed"))
    left = eventually(lambda: stays("cart-abandoned", "course-olaf").filter(left_at__isnull=False).first())
    assert left.left_cause == "event"


def test_who_viewed_premium_and_did_not_buy_enters_24_hours_later(running: Running) -> None:
    send(
        running, ago("course-other", "Plan Viewed", timedelta(0), level="premium"), seen("course-other", "Plan Bought")
    )
    viewed = {"event": "Plan Viewed", "where": {"property": "level", "op": "=", "value": "premium"}}
    not_bought = {"event": "Plan Bought", "absent": True, "within": "24h"}
    go_live(running, "premium-undecided", {"sequence": [viewed, not_bought], "within": "7d"})
    nearly = timedelta(hours=24) - SOON
    send(
        running,
        ago("course-lena", "Plan Viewed", nearly, level="premium"),
        ago("course-mara", "Plan Viewed", nearly, level="basic"),
    )

    entered = eventually(lambda: stays("premium-undecided", "course-lena").first())

    assert entered.cause == "sweep"
    assert not stays("premium-undecided", "course-mara").exists()


def test_a_third_long_session_within_a_day_and_a_burst_of_headlines_are_told_at_once(running: Running) -> None:
    send(running, seen("course-other", "Headline Read"))
    long_session = {"session": {"gap": "30m"}, "measure": "duration", "op": ">", "value": "10m"}
    go_live(running, "devoted", {"repeated": long_session, "times": 3, "within": "1d"})
    headlines = {"event": "Headline Read", "measure": "count", "op": ">=", "value": 4, "within": "10m"}
    go_live(running, "breaking-news-reader", headlines)
    app = running.client(running.read_key)

    for hours in (10, 6, 2):
        assert not stays("devoted", "course-nils").exists()
        began = timedelta(hours=hours)
        send(
            running,
            ago("course-nils", "Headline Read", began),
            ago("course-nils", "Video Watched", began - timedelta(minutes=11)),
        )
        assert eventually(lambda: find_profile(type="user_id", value="course-nils"))
    assert eventually(lambda: stays("devoted", "course-nils").first())

    send(running, *(ago("course-nils", "Headline Read", timedelta(minutes=number)) for number in range(4)))
    assert eventually(lambda: stays("breaking-news-reader", "course-nils").first())
    why = app.get("/v1/profiles/user_id:course-nils/segments/devoted/why").json()
    assert why["explanation"]["observed"] >= 3
    assert why["explanation"]["sentence"].startswith("at least 3 sessions that lasted more than 10 minutes")
