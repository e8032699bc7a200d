"""Who read or changed what about whom: no record, no answer.

`record` runs in the transaction of the read or change it is about. For keys that is a connection with
`synchronous_commit=off` (alias "reads"), where a crash may lose the last moments of both the answers and their records;
for people and exports it is the ordinary one.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import orjson
from django.db import connections

from cdp.api_keys import KeyFacts
from cdp.models import User
from cdp.models.access_record import ActorKind, Outcome
from cdp.observability import request_ids
from cdp.plain_cursor import plain_cursor


@dataclass(frozen=True, slots=True)
class Actor:
    """Who acts: an application's key, a person, or a part of the system by its name."""

    kind: ActorKind
    id: str

    @classmethod
    def key(cls, facts: KeyFacts) -> "Actor":
        return cls(ActorKind.KEY, str(facts.id))

    @classmethod
    def person(cls, user: User) -> "Actor":
        return cls(ActorKind.USER, str(user.pk))

    @classmethod
    def system(cls, part: str) -> "Actor":
        return cls(ActorKind.SYSTEM, part)


_COLUMNS = "at, actor_kind, actor_id, action, purpose, fields, outcome, withheld, basis, request_id, profile_id"
# One statement however many people: an audience of a thousand is one round trip.
_INSERT_MANY = (
    f"INSERT INTO cdp_accessrecord ({_COLUMNS})"
    " SELECT %s, %s, %s, %s, %s, %s::text[], %s, %s::jsonb, %s::jsonb, %s, unnest(%s::bigint[])"
)
_INSERT_ONE = (
    f"INSERT INTO cdp_accessrecord ({_COLUMNS})"
    " VALUES (%s, %s, %s, %s, %s, %s::text[], %s, %s::jsonb, %s::jsonb, %s, %s)"
)


def record(
    *,
    actor: Actor,
    action: str,
    profile_ids: Sequence[int],
    purpose: str,
    fields: Iterable[str],
    now: datetime,
    basis: Mapping[str, Any] | None = None,
    outcome: Outcome = Outcome.ALLOWED,
    withheld: Sequence[Mapping[str, Any]] = (),
    using: str = "default",
) -> None:
    """Write one record per person, or a single one without a person when the action is about no one in particular."""
    shared = (
        now,
        actor.kind.value,
        actor.id,
        action,
        purpose,
        list(fields),
        outcome.value,
        orjson.dumps(list(withheld)).decode(),
        None if basis is None else orjson.dumps(basis).decode(),
        request_ids.current(),
    )
    if len(profile_ids) > 1:
        with connections[using].cursor() as cursor:
            cursor.execute(_INSERT_MANY, (*shared, list(profile_ids)))
    else:
        with plain_cursor(using) as cursor:
            cursor.execute(_INSERT_ONE, (*shared, profile_ids[0] if profile_ids else None))
