"""One look at one person through one rule: the compiled statement, leaf by leaf, with what each leaf rests on.

Everything that explains a membership looks through here: the API, the person's page and the segment's page, about now
and about the past. A standpoint says as of when; the statement is the lanes' own.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any
from zoneinfo import ZoneInfo

from django.db import connection

from consent import past as consent_past
from consent.decisions import Standing
from consent.ledger import public_id
from profiles.facts import postgres
from segments import judging
from segments.rulebook import LiveRule
from segments.rules.compiler import Compiled
from segments.rules.contributions import statement_body
from segments.rules.explain import Explanation, explain
from segments.rules.nodes import ConsentLeaf, leaves_of
from segments.rules.repairs import Repair, repair
from segments.rules.vocabulary import Catalogue
from segments.standpoint import Known, Standpoint


@dataclass(frozen=True, slots=True)
class SeenEvent:
    """An event that a leaf rests on."""

    event_id: int
    name: str
    at: datetime


@dataclass(frozen=True, slots=True)
class SeenConsent:
    """The act that decides about a purpose, and where the ledger keeps it."""

    operation: str
    at: datetime
    until: datetime | None
    entry: str


@dataclass(frozen=True, slots=True)
class Ground:
    """What a leaf rests on: the newest of its events, how many there are in all, or the consent that decides."""

    events: tuple[SeenEvent, ...] = ()
    total: int = 0
    consent: SeenConsent | None = None


@dataclass(frozen=True, slots=True)
class Seen:
    """What one look found. `grounds` are by the path of the leaf."""

    is_member: bool
    changes_at: datetime | None
    explanation: Explanation
    repair: Repair
    grounds: Mapping[str, Ground] = field(default_factory=dict)


def look(live: LiveRule, standpoint: Standpoint, *, catalogue: Catalogue, zone: ZoneInfo | None = None) -> Seen | None:
    """Judge one person by one rule and tell why; None where there was no such person."""
    statement = judging.compiled({live.key: live.rule}, catalogue=catalogue, leaves=True, zone=zone)
    rows = _rows(statement.sql, standpoint)
    if not rows:
        return None
    (row,) = rows
    leaves = statement.leaf_values(rule=live.key, row=row)
    is_member = bool(row[statement.values[live.key]])
    truths = {path: leaf.value for path, leaf in leaves.items()}
    return Seen(
        is_member=is_member,
        changes_at=row[statement.dues[live.key]],
        explanation=explain(live.rule, leaves),
        repair=repair(live.rule, truths, wanted=not is_member),
        grounds=_events(live, statement, standpoint, catalogue, zone) | _consents(live, standpoint),
    )


def _events(
    live: LiveRule, compiled: Compiled, standpoint: Standpoint, catalogue: Catalogue, zone: ZoneInfo | None
) -> dict[str, Ground]:
    spoken = judging.zone_or_workspace(zone)
    body, paths = statement_body(live.rule, compiled=compiled, catalogue=catalogue, zone=spoken)
    if body is None:
        return {}
    sql = postgres.statement(reading=compiled.reading, body=postgres.rendered(body), zone=str(spoken))
    found: dict[str, list[Mapping[str, Any]]] = {}
    for row in _rows(sql, standpoint):
        found.setdefault(paths[row["leaf"]], []).append(row)
    return {path: _ground(rows) for path, rows in found.items()}


def _ground(rows: Sequence[Mapping[str, Any]]) -> Ground:
    events = (SeenEvent(row["event_id"], row["name"], row["ts"]) for row in rows)
    newest_first = sorted(events, key=lambda event: (event.at, event.event_id), reverse=True)
    return Ground(events=tuple(newest_first), total=rows[0]["total"])


def _consents(live: LiveRule, standpoint: Standpoint) -> dict[str, Ground]:
    asked = {path: leaf.purpose for path, leaf in leaves_of(live.rule) if isinstance(leaf, ConsentLeaf)}
    if not asked:
        return {}
    standings = consent_past.standings(
        origins=standpoint.origins(),
        at=standpoint.at,
        known_at=standpoint.at if standpoint.known is Known.THEN else None,
    )
    return {path: Ground(consent=_told(standings.get(purpose))) for path, purpose in asked.items()}


def _told(standing: Standing | None) -> SeenConsent | None:
    if standing is None or standing.act is None:
        return None
    act = standing.act
    return SeenConsent(str(act.operation), act.occurred_at, act.until, public_id(act.entry))


def _rows(sql: str, standpoint: Standpoint) -> list[dict[str, Any]]:
    with connection.cursor() as cursor:
        cursor.execute(standpoint.statement(sql), standpoint.parameters())
        names: Iterable[Any] = cursor.description
        columns = [column.name for column in names]
        return [dict(zip(columns, row, strict=True)) for row in cursor.fetchall()]
