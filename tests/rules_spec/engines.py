"""The three ways to decide a rule: the reference in Python, and the compiled expression on DuckDB and Postgres."""

import json
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any, Protocol
from zoneinfo import ZoneInfo

import duckdb
import ibis
import psycopg2
from psycopg2.extras import execute_values

from profiles.facts import duckdb as duck_facts
from profiles.facts.contexts import CAMPAIGN_FIELDS, CONTEXTS, Kept
from profiles.facts.people import Person
from profiles.facts.postgres import quoted
from profiles.facts.relations import ExtraColumn
from profiles.facts.values import ValueType
from segments.rules import reference
from segments.rules.compiler import Compiled, compile
from segments.rules.nodes import Rule
from segments.rules.reads import consent_names, list_name
from segments.rules.reference import Decision
from segments.rules.vocabulary import Catalogue

_DERIVED = [name for name, terms in CONTEXTS.items() if terms.kept is Kept.COLUMN]
_EVENT_COLUMNS = ["origin_id", "name", "ts", "event_id", "properties", *_DERIVED, "time_zone", "context"]
Decisions = dict[str, dict[int, Decision]]


@dataclass(frozen=True, slots=True)
class Question:
    """Rules to be decided for people as of `now`."""

    rules: Mapping[str, Rule]
    people: Mapping[int, Person]
    now: datetime
    catalogue: Catalogue
    workspace_tz: str = "UTC"


class Engine(Protocol):
    def decide(self, question: Question) -> Decisions: ...


def consent_columns(purpose: str) -> tuple[ExtraColumn, ...]:
    """Consent as people columns, over a table that the tests make."""
    granted, until = consent_names(purpose)
    row = f"(SELECT c.{{}} FROM consent_state c WHERE c.profile_id = p.id AND c.purpose = {quoted(purpose)})"
    return (
        ExtraColumn(granted, ValueType.BOOLEAN, row.format("granted")),
        ExtraColumn(until, ValueType.DATETIME, row.format("until")),
    )


def list_columns(key: str) -> tuple[ExtraColumn, ...]:
    """Lists as people columns, over a table that the tests make."""
    on_it = f"EXISTS (SELECT FROM list_state l WHERE l.profile_id = p.id AND l.list = {quoted(key)})"
    return (ExtraColumn(list_name(key), ValueType.BOOLEAN, on_it),)


_COMPILED: dict[Any, Compiled] = {}


def compiled(question: Question, *, leaves: bool = False) -> Compiled:
    """The question's rules as a statement; the last one is kept, for engines and moments that ask the same rules."""
    asked = (tuple(question.rules.items()), id(question.catalogue), question.workspace_tz, leaves)
    if asked not in _COMPILED:
        _COMPILED.clear()
        _COMPILED[asked] = compile(
            question.rules,
            catalogue=question.catalogue,
            workspace_tz=question.workspace_tz,
            leaves=leaves,
            consent_columns=consent_columns,
            list_columns=list_columns,
        )
    return _COMPILED[asked]


class Reference:
    name = "reference"

    def decide(self, question: Question) -> Decisions:
        zone = ZoneInfo(question.workspace_tz)
        return {
            key: {
                id_: reference.evaluate(rule, person, now=question.now, catalogue=question.catalogue, workspace_tz=zone)
                for id_, person in question.people.items()
            }
            for key, rule in question.rules.items()
        }


class DuckDb:
    name = "duckdb"

    def __init__(self) -> None:
        self._connection = duckdb.connect()
        self._connection.execute("SET TimeZone = 'UTC'; SET threads = 1")

    def decide(self, question: Question) -> Decisions:
        statement = compiled(question)
        duck_facts.write(
            connection=self._connection,
            reading=statement.reading,
            people=question.people,
            extras={id_: dict(_extra_values(person)) for id_, person in question.people.items()},
            now=question.now,
            zone=ZoneInfo(question.workspace_tz),
        )
        result = self._connection.sql(ibis.to_sql(statement.expression, dialect="duckdb"))
        return _decisions(statement, result.to_arrow_table().to_pylist())


class Postgres:
    """Temporary tables stand in front of the product's, so that a test needs no migration and leaves nothing."""

    name = "postgres"

    def __init__(self, url: str) -> None:
        self._connection = psycopg2.connect(url)
        self._connection.autocommit = True
        with self._connection.cursor() as cursor:
            cursor.execute("SET TimeZone = 'Asia/Tokyo'")  # nothing may depend on the session's zone
            cursor.execute(_TABLES)

    def decide(self, question: Question) -> Decisions:
        statement = compiled(question)
        with self._filled(question) as cursor:
            return _decisions(statement, _rows(cursor, statement, None, question.now))

    def rows(self, question: Question, statement: Compiled, *, ids: list[int] | None) -> list[dict[str, Any]]:
        """The statement's rows for a list of people."""
        with self._filled(question) as cursor:
            return _rows(cursor, statement, ids, question.now)

    def matching(self, pattern: str, texts: list[str]) -> list[bool]:
        """In which texts the server finds the pattern."""
        with self._connection.cursor() as cursor:
            cursor.execute('SELECT t COLLATE "C" ~ %s FROM unnest(%s::text[]) AS t', [pattern, texts])
            return [answer for (answer,) in cursor.fetchall()]

    @contextmanager
    def _filled(self, question: Question) -> Iterator[Any]:
        people = [(id_, _json(person.traits), person.time_zone) for id_, person in question.people.items()]
        with self._connection.cursor() as cursor:
            cursor.execute("TRUNCATE profile, origin, events, consent_state, list_state")
            execute_values(cursor, "INSERT INTO profile (id, traits, time_zone) VALUES %s", people)
            execute_values(cursor, "INSERT INTO origin (id, root_id) VALUES %s", list(_origins(question.people)))
            _insert(cursor, f"events ({', '.join(_EVENT_COLUMNS)})", list(_event_rows(question.people)))
            _insert(cursor, "consent_state (profile_id, purpose, granted, until)", list(_consent_rows(question.people)))
            _insert(cursor, "list_state (profile_id, list)", list(_list_rows(question.people)))
            yield cursor


_TABLES = """
    CREATE TEMP TABLE profile (id bigint PRIMARY KEY, traits jsonb NOT NULL, merged_into bigint, time_zone text);
    CREATE TEMP TABLE origin (id bigint PRIMARY KEY, root_id bigint NOT NULL);
    CREATE TEMP TABLE events (origin_id bigint, name text, ts timestamptz, event_id bigint, properties jsonb,
                              device_type text, browser text, os text, country text, region text, city text,
                              time_zone text, context jsonb);
    CREATE TEMP TABLE consent_state (profile_id bigint, purpose text, granted boolean, until timestamptz);
    CREATE TEMP TABLE list_state (profile_id bigint, list text);
"""


def _rows(cursor: Any, statement: Compiled, ids: list[int] | None, now: datetime) -> list[dict[str, Any]]:
    cursor.execute(statement.sql, {"ids": ids, "now": now})
    names = [column.name for column in cursor.description]
    return [dict(zip(names, row, strict=True)) for row in cursor.fetchall()]


def _insert(cursor: Any, into: str, rows: list[tuple[Any, ...]]) -> None:
    if rows:
        execute_values(cursor, f"INSERT INTO {into} VALUES %s", rows)


def _origins(people: Mapping[int, Person]) -> Iterator[tuple[int, int]]:
    """Everybody is two who were merged: her events lie with either."""
    for id_ in people:
        yield 2 * id_, id_
        yield 2 * id_ + 1, id_


def _event_rows(people: Mapping[int, Person]) -> Iterator[tuple[Any, ...]]:
    for id_, person in people.items():
        for event in person.events:
            told = event.circumstances
            campaign = {name: told.values.get(f"campaign_{name}") for name in CAMPAIGN_FIELDS}
            yield (
                *(2 * id_ + event.event_id % 2, event.name, event.ts, event.event_id, _json(event.properties)),
                *(told.values.get(name) for name in _DERIVED),
                *(told.time_zone, _json({"campaign": campaign})),
            )


def _consent_rows(people: Mapping[int, Person]) -> Iterator[tuple[Any, ...]]:
    for id_, person in people.items():
        for purpose, consent in person.consents.items():
            yield id_, purpose, consent.granted, consent.until


def _list_rows(people: Mapping[int, Person]) -> Iterator[tuple[Any, ...]]:
    for id_, person in people.items():
        for key in person.lists:
            yield id_, key


def _extra_values(person: Person) -> Iterator[tuple[str, Any]]:
    yield from _consent_values(person)
    for key in person.lists:
        yield list_name(key), True


def _consent_values(person: Person) -> Iterator[tuple[str, Any]]:
    for purpose, consent in person.consents.items():
        granted, until = consent_names(purpose)
        yield granted, consent.granted
        yield until, consent.until


def _json(value: Any) -> str:
    return json.dumps(value, ensure_ascii=False)


def _decisions(statement: Compiled, rows: list[dict[str, Any]]) -> Decisions:
    return {
        key: {row["profile_id"]: Decision(row[statement.values[key]], _utc(row[statement.dues[key]])) for row in rows}
        for key in statement.rules
    }


def _utc(moment: datetime | None) -> datetime | None:
    return None if moment is None else moment.astimezone(UTC)
