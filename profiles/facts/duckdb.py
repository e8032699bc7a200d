"""The relations as tables of a DuckDB connection, filled from plain people: a second engine to keep the first honest.

Postgres parses JSON inside the statement. Here Python does (`values.typed`), so that the two ways of parsing are
compared as well.
"""

from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime, tzinfo
from typing import Any, Protocol
from zoneinfo import ZoneInfo

from profiles.facts.contexts import context_value
from profiles.facts.people import Event, Person
from profiles.facts.relations import ContextColumn, EventColumn, PropertyColumn, Reading, TraitColumn, dtype
from profiles.facts.values import Json, typed

_SQL_TYPES = {
    "string": "VARCHAR",
    "decimal(38, 9)": "DECIMAL(38, 9)",
    "boolean": "BOOLEAN",
    "timestamp('UTC')": "TIMESTAMPTZ",
}

# Decimals divide as floats here, whole numbers exactly: billionths are divided, and what remains decides the rounding.
_MACROS = (
    "billionths(x) AS CAST(replace(CAST(CAST(abs(x) AS DECIMAL(38, 9)) AS VARCHAR), '.', '') AS HUGEINT)",
    "as_decimal(n) AS TRY_CAST(CAST(n // 1000000000 AS VARCHAR) || '.'"
    " || lpad(CAST(n % 1000000000 AS VARCHAR), 9, '0') AS DECIMAL(38, 9))",
    "rounded_ratio(a, b) AS a // b * 1000000000 + a % b * 1000000000 // b"
    " + CASE WHEN 2 * (a % b * 1000000000 % b) >= b THEN 1 ELSE 0 END",
    "exact_ratio(a, b) AS as_decimal(rounded_ratio(billionths(a), nullif(billionths(b), 0)))"
    " * CASE WHEN (a < 0) <> (b < 0) THEN -1 ELSE 1 END",
)


class Connection(Protocol):
    def execute(self, query: str, parameters: Any = ...) -> Any: ...

    def executemany(self, query: str, parameters: Any = ...) -> Any: ...


def write(
    *,
    connection: Connection,
    reading: Reading,
    people: Mapping[int, Person],
    extras: Mapping[int, Mapping[str, Any]],
    now: datetime,
    zone: tzinfo,
) -> None:
    """Create `scope`, `people` and `events`. `extras` holds the extra columns' values per person."""
    for macro in _MACROS:
        connection.execute(f"CREATE OR REPLACE TEMP MACRO {macro}")
    columns = [(column.name, _sql_type(column)) for column in reading.traits]
    columns += [(extra.name, _SQL_TYPES[dtype(extra.type)]) for extra in reading.extras]
    _table(connection, "scope", [("profile_id", "BIGINT"), ("now", "TIMESTAMPTZ")], [(id_, now) for id_ in people])
    _table(
        connection,
        "people",
        [("profile_id", "BIGINT"), *columns],
        [
            (
                id_,
                *(_value(person.traits.get(column.trait), column, zone) for column in reading.traits),
                *(extras.get(id_, {}).get(extra.name) for extra in reading.extras),
            )
            for id_, person in people.items()
        ],
    )
    _table(
        connection,
        "events",
        [("profile_id", "BIGINT"), ("name", "VARCHAR"), ("ts", "TIMESTAMPTZ"), ("event_id", "BIGINT")]
        + [(column.name, _sql_type(column)) for column in reading.properties],
        [
            (id_, event.name, event.ts, event.event_id, *_properties(event, reading.properties, zone, person))
            for id_, person in people.items()
            for event in person.events
        ],
    )


def _table(connection: Connection, name: str, columns: Sequence[tuple[str, str]], rows: Sequence[tuple]) -> None:
    declared = ", ".join(f'"{column}" {kind}' for column, kind in columns)
    connection.execute(f"CREATE OR REPLACE TABLE {name} ({declared})")
    if rows:
        slots = ", ".join("?" for _ in columns)
        connection.executemany(f"INSERT INTO {name} VALUES ({slots})", rows)


def _properties(event: Event, columns: Iterable[EventColumn], zone: tzinfo, person: Person) -> Iterable[Any]:
    local = zone if person.time_zone is None else ZoneInfo(person.time_zone)
    for column in columns:
        if isinstance(column, ContextColumn):
            value = context_value(column.context, event.circumstances, ts=event.ts, zone=local)
            yield value is not None if column.presence else value
        elif column.event == event.name:
            yield _value(event.properties.get(column.key), column, zone)
        else:
            yield None


def _value(raw: Json, column: TraitColumn | PropertyColumn, zone: tzinfo) -> Any:
    return raw is not None if column.presence else typed(raw, column.type, zone=zone)


def _sql_type(column: TraitColumn | EventColumn) -> str:
    return "BOOLEAN" if column.presence else _SQL_TYPES[dtype(column.type)]
