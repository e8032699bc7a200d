"""Make the partitions of the days and months ahead, before anything has to wait for them."""

from django.db import connection

_DAYS_AHEAD = 4


def prepare() -> None:
    """Make sure the inbox has its next days and the events their next month; costs nothing when they are there."""
    with connection.cursor() as cursor:
        cursor.execute("SELECT cdp_ensure_inbox_days((now() AT TIME ZONE 'UTC')::date, %s)", [_DAYS_AHEAD])
        cursor.execute(
            "SELECT cdp_ensure_event_month(((now() AT TIME ZONE 'UTC')::date + months.ahead)::date)"
            " FROM unnest(ARRAY[interval '0', interval '1 month']) AS months (ahead)"
        )
