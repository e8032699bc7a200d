"""Requests that once were answered with a 5xx or as the document does not say, kept so that they stay answered well."""

from dataclasses import dataclass

_EVENTS = "/v1/spaces/main/collections/users/profiles/user_id:ann/events"


@dataclass(frozen=True, slots=True)
class Found:
    """One request, the statuses it may be answered with, and what was wrong."""

    method: str
    address: str
    statuses: frozenset[int]
    was: str
    body: str = ""


FOUND = (
    Found(
        "GET",
        f"{_EVENTS}?end=2285-12-26T05:17:41.621-19:19&sort=asc&exclude=%7F",
        frozenset({200}),
        "500: an offset from UTC that PostgreSQL does not know",
    ),
    Found(
        "GET",
        f"{_EVENTS}?start=1970-01-01T00:00:00%2B23:59",
        frozenset({200}),
        "500: the same on the other side of UTC",
    ),
)
