"""Clocks that are wrong, and clocks that are put back: what was stated, corrected and received is kept and marked."""

from datetime import UTC, datetime, timedelta

import pytest
from django.utils import timezone

from profiles.ingest import accounting
from profiles.ingest.incoming import ClockFlag
from profiles.models import Event, RejectedEvent
from tests.profiles.stream import work
from tests.profiles.test_door import send, server_key  # noqa: F401 - a fixture

pytestmark = pytest.mark.django_db(transaction=True)

#: An event happened so long before it was sent; how far the sender's clock was off; and what it is marked as.
SKEWS = [
    ("30 days slow", timedelta(days=-30), timedelta(minutes=2), ClockFlag.SKEWED),
    ("30 days fast", timedelta(days=30), timedelta(minutes=2), ClockFlag.SKEWED),
    ("30 days fast, kept for a week", timedelta(days=30), timedelta(days=7), ClockFlag.SKEWED),
    ("an hour fast", timedelta(hours=1), timedelta(seconds=1), ClockFlag.SKEWED),
    ("an hour slow", timedelta(hours=-1), timedelta(seconds=1), ClockFlag.SKEWED),
    ("four minutes slow", timedelta(minutes=-4), timedelta(minutes=2), ClockFlag.AS_GIVEN),
    ("right", timedelta(), timedelta(minutes=2), ClockFlag.AS_GIVEN),
]
CLOSE = timedelta(seconds=20)


def _track(**fields: object) -> dict[str, object]:
    return {"type": "track", "event": "Seen", "userId": "u", "messageId": "m", **fields}


@pytest.mark.parametrize(("name", "off", "before", "flag"), SKEWS, ids=[skew[0] for skew in SKEWS])
def test_a_wrong_clock_is_corrected_and_all_three_times_are_kept(server_key, name, off, before, flag):  # noqa: F811
    now = timezone.now()
    happened, sent = now - before + off, now + off
    batch = {"batch": [_track(timestamp=happened.isoformat())], "sentAt": sent.isoformat()}

    assert send(batch, key=server_key).status_code == 200
    work()

    event = Event.objects.get()
    assert event.original_at == happened, "what the sender said"
    assert event.sent_at == sent
    assert abs(event.ts - (now - before)) < CLOSE, "when it happened by our clock"
    assert abs(event.received_at - now) < CLOSE
    assert event.clock_flag == flag


def test_a_corrected_time_a_little_ahead_is_the_moment_it_came_in_and_is_marked(server_key):  # noqa: F811
    now = timezone.now()
    stated = now + timedelta(hours=5)

    send({"batch": [_track(timestamp=stated.isoformat())]}, key=server_key)
    work()

    event = Event.objects.get()
    assert (event.original_at, event.ts, event.clock_flag) == (stated, event.received_at, ClockFlag.CLAMPED)


@pytest.mark.parametrize(
    ("stated", "code"), [(timedelta(days=30), "time_ahead"), (timedelta(days=-12_000), "time_too_old")]
)
def test_a_time_that_cannot_be_true_is_refused_with_its_reason(server_key, stated, code):  # noqa: F811
    send({"batch": [_track(timestamp=(timezone.now() + stated).isoformat())]}, key=server_key)
    work()

    refused = RejectedEvent.objects.get()
    assert (refused.code, refused.field) == (code, "timestamp")
    assert accounting.totals().balanced and not Event.objects.exists()


#: Local clocks as senders write them around the two changes of a year, and the moments they mean.
LOCAL = [
    ("before the clocks go back", "2025-10-26T02:30:00+02:00", datetime(2025, 10, 26, 0, 30, tzinfo=UTC)),
    ("the same wall time an hour later", "2025-10-26T02:30:00+01:00", datetime(2025, 10, 26, 1, 30, tzinfo=UTC)),
    ("before the clocks go forward", "2026-03-29T01:59:59+01:00", datetime(2026, 3, 29, 0, 59, 59, tzinfo=UTC)),
    ("after the clocks went forward", "2026-03-29T03:00:00+02:00", datetime(2026, 3, 29, 1, tzinfo=UTC)),
    ("a wall time that never was", "2026-03-29T02:30:00+01:00", datetime(2026, 3, 29, 1, 30, tzinfo=UTC)),
    ("half an hour's zone", "2025-10-26T02:30:00+05:30", datetime(2025, 10, 25, 21, 0, tzinfo=UTC)),
    ("without an offset", "2025-10-26T02:30:00", datetime(2025, 10, 26, 2, 30, tzinfo=UTC)),
]


@pytest.mark.parametrize(("name", "stated", "moment"), LOCAL, ids=[each[0] for each in LOCAL])
def test_an_offset_says_which_of_two_equal_wall_times_is_meant(server_key, name, stated, moment):  # noqa: F811
    send({"batch": [_track(timestamp=stated)]}, key=server_key)
    work()

    event = Event.objects.get()
    assert (event.ts, event.original_at, event.clock_flag) == (moment, moment, ClockFlag.AS_GIVEN)


def test_the_hour_that_comes_twice_keeps_its_order(server_key):  # noqa: F811
    first, second = LOCAL[0][1], LOCAL[1][1]
    batch = [_track(timestamp=second, messageId="second"), _track(timestamp=first, messageId="first")]

    send({"batch": batch}, key=server_key)
    work()

    assert list(Event.objects.order_by("ts").values_list("message_id", flat=True)) == ["first", "second"]
