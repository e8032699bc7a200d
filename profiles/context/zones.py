"""The time zones an event may name: those that both Python and this PostgreSQL can read a clock by."""

from functools import lru_cache
from typing import Any
from zoneinfo import available_timezones

from django.db import connection

_KNOWN = "SELECT name FROM pg_timezone_names WHERE name = ANY(%s)"


@lru_cache(maxsize=4)
def _known(database: str) -> frozenset[str]:
    """Asked once for a process: PostgreSQL reads its whole folder of zones to answer. A zone it cannot read would abort
    every statement over the event that named it."""
    with connection.cursor() as cursor:
        cursor.execute(_KNOWN, [sorted(available_timezones())])
        return frozenset(name for (name,) in cursor.fetchall())


def time_zone_of(told: Any) -> str | None:
    """The zone that an event names, or None for what is none."""
    return told if type(told) is str and told in _known(str(connection.settings_dict["NAME"])) else None
