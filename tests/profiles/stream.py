"""Sending events past the door, and letting the engine work until nothing is left to do."""

import itertools
import json
from collections.abc import Iterable, Mapping
from datetime import UTC, datetime, timedelta
from typing import Any

from django.db import connection

from profiles import lanes
from profiles.ingest import inbox, pipeline
from profiles.ingest.inbox import Sender
from profiles.models.source import SourceKind

NOON = datetime(2026, 3, 1, 12, tzinfo=UTC)
SHOP = Sender(source="shop", kind=SourceKind.SERVER)
_numbers = itertools.count()


def at(minutes: float) -> datetime:
    return NOON + timedelta(minutes=minutes)


def event(type: str, *, minutes: float = 0, message_id: str | None = None, **fields: Any) -> dict[str, Any]:
    return {
        "type": type,
        "messageId": message_id or f"m-{next(_numbers)}",
        "timestamp": at(minutes).isoformat(),
        **fields,
    }


def track(name: str = "Product Viewed", **fields: Any) -> dict[str, Any]:
    return event("track", event=name, **fields)


def identify(**fields: Any) -> dict[str, Any]:
    return event("identify", **fields)


def alias(**fields: Any) -> dict[str, Any]:
    return event("alias", **fields)


def send(events: Iterable[Mapping[str, Any]], *, sender: Sender = SHOP, **batch: Any) -> None:
    """Put one request into the inbox."""
    sent = list(events)
    body = json.dumps({"batch": sent, **batch}).encode()
    inbox.accept(sender=sender, route="batch", body=body, event_count=len(sent))


def work() -> None:
    """Claim and evaluate until nothing waits."""
    while pipeline.claim_once() or lanes.run_once():
        pass


def apply(*events: Mapping[str, Any], **batch: Any) -> None:
    send(events, **batch)
    work()


def rows(statement: str, *parameters: object) -> list[tuple[Any, ...]]:
    with connection.cursor() as cursor:
        cursor.execute(statement, parameters or None)
        return cursor.fetchall()


def one(statement: str, *parameters: object) -> Any:
    ((value,),) = rows(statement, *parameters)
    return value


def people() -> set[frozenset[tuple[str, str]]]:
    """Return every person as the set of names they go by."""
    found = rows(
        "SELECT array_agg(type || ' ' || value) FROM identifier JOIN origin ON origin.id = origin_id GROUP BY root_id"
    )
    return {frozenset(tuple(name.split(" ", 1)) for name in names) for (names,) in found}


def person(type: str, value: str) -> int:
    return one(
        "SELECT root_id FROM identifier JOIN origin ON origin.id = origin_id WHERE type = %s AND value = %s",
        type,
        value,
    )


def state() -> dict[frozenset[tuple[str, str]], tuple[Any, ...]]:
    """Return what is known about every person, under the names they go by: all of it, but for when it was learned."""
    found = rows(
        """
        SELECT (SELECT array_agg(type || ' ' || value) FROM identifier JOIN origin ON origin.id = origin_id
                 WHERE root_id = profile.id),
               (SELECT array_agg(type || ' ' || value || ' ' || identifier.first_seen_at || ' ' || event_id
                                 ORDER BY type, value)
                  FROM identifier JOIN origin ON origin.id = origin_id WHERE root_id = profile.id),
               (SELECT (body->'identifiers')::text FROM card WHERE profile_id = profile.id AND section = 'profile'),
               traits::text, event_count, first_seen_at, last_seen_at,
               (SELECT array_agg(name || ' ' || message_id ORDER BY message_id)
                  FROM events JOIN origin ON origin.id = origin_id WHERE root_id = profile.id),
               (SELECT jsonb_agg(jsonb_build_array(name, value, observed_at, event_id) ORDER BY name)::text
                  FROM trait WHERE profile_id = profile.id)
          FROM profile WHERE merged_into IS NULL
        """
    )
    return {frozenset(tuple(name.split(" ", 1)) for name in names): tuple(rest) for names, *rest in found}
