"""A funnel's statement means what the reference says, for any funnel, events and period; and what is told of it."""

import json
import os
from collections.abc import Iterator, Mapping
from datetime import datetime, timedelta
from statistics import median
from typing import Any
from zoneinfo import ZoneInfo

import psycopg2
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from psycopg2.extras import execute_values

from profiles.facts.people import Event
from segments.funnels import reference, report
from segments.funnels.definition import Funnel, FunnelInvalid, parse
from segments.funnels.statement import (
    MOST_GROUPS,
    ByProperty,
    BySegment,
    BySegmentAtEntry,
    Split,
    build,
)
from tests.generative import rule_strategies
from tests.generative.rule_strategies import CATALOGUE, START, moments

EXAMPLES = settings(
    max_examples=int(os.environ.get("CDP_EXAMPLES", "30")),
    deadline=None,
    derandomize="CDP_EXAMPLES" not in os.environ,
    suppress_health_check=list(HealthCheck),
    database=None,
)
SEGMENT = 7
Counts = Mapping[tuple[bool, str | None], tuple[tuple[int, ...], tuple[float | None, ...]]]


class Database:
    """Temporary tables stand in front of the product's."""

    def __init__(self, url: str) -> None:
        self._connection = psycopg2.connect(url)
        self._connection.autocommit = True
        with self._connection.cursor() as cursor:
            cursor.execute("SET TimeZone = 'Asia/Tokyo'")
            cursor.execute(
                "CREATE TEMP TABLE origin (id bigint, root_id bigint);"
                "CREATE TEMP TABLE events (origin_id bigint, name text, ts timestamptz, event_id bigint,"
                " properties jsonb);"
                "CREATE TEMP TABLE membership (profile_id bigint, segment_id bigint, entered_at timestamptz,"
                " left_at timestamptz)"
            )

    def ask(self, people: Mapping[int, tuple[Event, ...]], stays: list[Any], funnel: Funnel, **asked: Any) -> Counts:
        statement = build(funnel, catalogue=CATALOGUE, workspace_tz="Europe/Berlin", **asked)
        with self._connection.cursor() as cursor:
            cursor.execute("TRUNCATE origin, events, membership")
            _insert(cursor, "origin", [(2 * id_ + more, id_) for id_ in people for more in (0, 1)])
            _insert(cursor, "events", list(_rows(people)))
            _insert(cursor, "membership", stays)
            cursor.execute(statement.sql, statement.parameters)
            return {_key(row): _counts(row, len(funnel.steps)) for row in cursor.fetchall()}


def _insert(cursor: Any, table: str, rows: list[tuple[Any, ...]]) -> None:
    if rows:
        execute_values(cursor, f"INSERT INTO {table} VALUES %s", rows)


def _rows(people: Mapping[int, tuple[Event, ...]]) -> Iterator[tuple[Any, ...]]:
    for id_, events in people.items():
        for event in events:
            properties = json.dumps(event.properties, ensure_ascii=False)
            yield 2 * id_ + event.event_id % 2, event.name, event.ts, event.event_id, properties


def _key(row: tuple[Any, ...]) -> Any:
    return "all" if row[0] else (row[1], row[2])


def _counts(row: tuple[Any, ...], steps: int) -> Any:
    return tuple(row[3 : 3 + steps]), tuple(
        None if one is None else pytest.approx(one, abs=1e-6) for one in row[3 + steps :]
    )


@pytest.fixture(scope="module")
def database(servers: Any) -> Database:
    return Database(servers.owner_url)


def funnels() -> st.SearchStrategy[Funnel]:
    where = st.one_of(st.just({}), rule_strategies._combined(rule_strategies._property_leaves(), 1).map(_where))
    steps = st.builds(lambda event, more: {"event": event, **more}, st.sampled_from(["A", "A", "B"]), where)
    documents = st.fixed_dictionaries(
        {
            "steps": st.lists(steps, min_size=2, max_size=4),
            "within": st.sampled_from(["1s", "10s", "1m", "10m", "1h", "1d"]),
            "order": st.sampled_from(["any", "any", "strict"]),
        }
    )
    return documents.map(read)


def _where(condition: dict[str, Any]) -> dict[str, Any]:
    return {"where": condition}


def read(document: Any) -> Funnel:
    return parse(document, catalogue=CATALOGUE, zone=ZoneInfo("Europe/Berlin"))


def histories() -> st.SearchStrategy[Mapping[int, tuple[Event, ...]]]:
    one = st.lists(rule_strategies._events(), max_size=9).map(rule_strategies._numbered)
    return st.lists(one, min_size=1, max_size=5).map(lambda found: dict(enumerate(found, start=1)))


def periods() -> st.SearchStrategy[tuple[datetime, datetime, datetime]]:
    return st.tuples(moments(), moments(), moments()).map(lambda three: tuple(sorted(three)))


def expected(people: Mapping[int, tuple[Event, ...]], funnel: Funnel, label: Any, **asked: Any) -> Any:
    """Count what the reference says, for all and by group."""
    asked.pop("split")
    zone = ZoneInfo("Europe/Berlin")
    groups: dict[Any, list[reference.Journey]] = {"all": []}
    for id_, events in people.items():
        found = reference.journey(funnel, events, catalogue=CATALOGUE, zone=zone, **asked)
        if found is not None:
            groups["all"].append(found)
            if label is not None:
                groups.setdefault((False, label(id_, found)), []).append(found)
    return {key: _summed(journeys, len(funnel.steps)) for key, journeys in groups.items()}


def _summed(journeys: list[reference.Journey], steps: int) -> Any:
    reached = tuple(sum(one.depth >= number for one in journeys) for number in range(1, steps + 1))
    pairs = [*((number - 1, number) for number in range(1, steps)), (0, steps - 1)]
    return reached, tuple(_between(journeys, first, last) for first, last in pairs)


def _between(journeys: list[reference.Journey], first: int, last: int) -> float | None:
    taken = [(one.events[last].ts - one.events[first].ts).total_seconds() for one in journeys if one.depth > last]
    return median(taken) if taken else None


@EXAMPLES
@given(people=histories(), funnel=funnels(), period=periods())
def test_the_statement_equals_the_reference(database: Database, people: Any, funnel: Funnel, period: Any) -> None:
    start, end, now = period
    asked = {"start": start, "end": end, "now": now, "split": None}
    assert database.ask(people, [], funnel, **asked) == expected(people, funnel, None, **asked)


@EXAMPLES
@given(people=histories(), funnel=funnels(), name=st.sampled_from(["kind", "flag"]))
def test_a_split_by_property_takes_it_from_the_event_of_entry(
    database: Database, people: Any, funnel: Funnel, name: str
) -> None:
    asked = {"start": START - timedelta(days=1), "end": START + timedelta(days=2), "now": START + timedelta(days=9)}

    def label(_: int, journey: reference.Journey) -> str | None:
        value = journey.events[0].properties.get(name)
        if name == "flag":
            return {True: "true", False: "false"}.get(value) if isinstance(value, bool) else None
        return value if isinstance(value, str) else None

    found = database.ask(people, [], funnel, split=ByProperty(name), **asked)
    assert found == expected(people, funnel, label, split=None, **asked)


@EXAMPLES
@given(
    people=histories(),
    funnel=funnels(),
    stays=st.lists(st.tuples(st.integers(1, 5), moments(), st.one_of(st.none(), moments())), max_size=5),
    at_entry=st.booleans(),
)
def test_a_split_by_segment_is_by_now_or_by_the_moment_of_entry(
    database: Database, people: Any, funnel: Funnel, stays: Any, at_entry: bool
) -> None:
    asked = {"start": START - timedelta(days=1), "end": START + timedelta(days=2), "now": START + timedelta(days=9)}
    split: Split = BySegmentAtEntry(SEGMENT) if at_entry else BySegment(SEGMENT)
    # Somebody's stay may lie with a self that was merged into them: every person here has two origins.
    rows = [(2 * id_ + number % 2, SEGMENT, entered, left) for number, (id_, entered, left) in enumerate(stays)]

    def label(id_: int, journey: reference.Journey) -> str:
        own = [(entered, left) for who, entered, left in stays if who == id_]
        if not at_entry:
            return "in" if any(left is None for _, left in own) else "out"
        at = journey.events[0].ts
        return "in" if any(entered <= at and (left is None or at < left) for entered, left in own) else "out"

    found = database.ask(people, rows, funnel, split=split, **asked)
    assert found == expected(people, funnel, label, split=None, **asked)


# -- by example ------------------------------------------------------------------------------------------------------
def event(name: str, second: float, number: int, **properties: Any) -> Event:
    return Event(name, START + timedelta(seconds=second), number, properties)


def asked_of(database: Database, document: Any, *events: Event, **more: Any) -> tuple[int, ...]:
    given = {"start": START, "end": START + timedelta(hours=1), "now": START + timedelta(days=1), "split": None} | more
    return database.ask({1: events}, [], read(document), **given)["all"][0]


TWO = {"steps": [{"event": "A"}, {"event": "B"}], "within": "10s"}


def test_an_event_at_the_end_of_the_window_is_too_late(database: Database) -> None:
    assert asked_of(database, TWO, event("A", 0, 1), event("B", 9.999999, 2)) == (1, 1)
    assert asked_of(database, TWO, event("A", 0, 1), event("B", 10, 2)) == (1, 0)


def test_a_later_entry_gives_another_chance(database: Database) -> None:
    assert asked_of(database, TWO, event("A", 0, 1), event("A", 60, 2), event("B", 65, 3)) == (1, 1)


def test_steps_after_the_period_count_and_entries_after_it_do_not(database: Database) -> None:
    given = {"end": START + timedelta(seconds=5)}
    assert asked_of(database, TWO, event("A", 4, 1), event("B", 8, 2), **given) == (1, 1)
    assert asked_of(database, TWO, event("A", 5, 1), event("B", 8, 2), **given) == (0, 0)
    assert asked_of(database, TWO, event("A", 4, 1), event("B", 8, 2), now=START + timedelta(seconds=8)) == (1, 0)


def test_strict_order_ends_where_an_event_of_the_funnel_comes_between(database: Database) -> None:
    came_between = (event("A", 0, 1), event("A", 1, 2), event("B", 2, 3), event("B", 3, 4))
    three = {"steps": [{"event": "A"}, {"event": "A"}, {"event": "B", "where": {"property": "flag", "op": "exists"}}]}
    told = (*came_between[:3], event("B", 3, 4, flag=True))
    assert asked_of(database, {**three, "within": "10s"}, *told) == (1, 1, 1)
    assert asked_of(database, {**three, "within": "10s", "order": "strict"}, *told) == (1, 1, 0)


def test_the_smaller_groups_beyond_twenty_are_told_as_one(database: Database) -> None:
    people = {id_: (event("A", 0, 2 * id_, kind=f"k{id_:02}"), event("B", 1, 2 * id_ + 1)) for id_ in range(1, 24)}
    given = {"start": START, "end": START + timedelta(hours=1), "now": START + timedelta(days=1)}
    found = database.ask(people, [], read(TWO), split=ByProperty("kind"), **given)
    assert len(found) == MOST_GROUPS + 2
    assert found[True, None][0] == (3, 3)
    assert found["all"][0] == (23, 23)


# -- what is told ----------------------------------------------------------------------------------------------------
@pytest.mark.parametrize(
    ("counts", "hidden"),
    [
        ([(100,), (50,)], [False, False]),
        ([(100,), (19,)], [True, True]),
        ([(100,), (50,), (19,)], [False, True, True]),
        ([(100,), (12,), (12,)], [False, True, True]),
        ([(100,), (3,), (4,)], [True, True, True]),
        ([(100,), (0,)], [False, False]),
        ([(5,)], [True]),
    ],
    ids=["enough", "one of two", "the next smallest too", "together enough", "together too few", "nobody", "alone"],
)
def test_too_few_are_withheld_and_cannot_be_had_by_subtraction(counts: Any, hidden: Any) -> None:
    assert [one for (one,) in report.withheld(counts, smallest=20)] == hidden


@given(st.lists(st.lists(st.integers(0, 60), min_size=2, max_size=2), min_size=2, max_size=6))
@settings(max_examples=200, database=None, derandomize=True)
def test_what_is_withheld_at_a_step_is_never_one_group_alone(counts: Any) -> None:
    hidden = report.withheld(counts, smallest=20)
    for step in range(2):
        withheld = [group[step] for group, hides in zip(counts, hidden, strict=True) if hides[step]]
        others = [group[step] for group, hides in zip(counts, hidden, strict=True) if not hides[step] and group[step]]
        assert all(count == 0 or count >= 20 for count in others)
        assert not withheld or not others or (len(withheld) > 1 and sum(withheld) >= 20)


@pytest.mark.parametrize(
    ("document", "path"),
    [
        ([], "definition"),
        ({"steps": [{"event": "A"}], "within": "1d"}, "steps"),
        ({"steps": [{"event": "A"}, {"event": "B"}]}, "within"),
        ({**TWO, "within": "soon"}, "within"),
        ({**TWO, "within": "400d"}, "within"),
        ({**TWO, "order": "none"}, "order"),
        ({**TWO, "windw": "1d"}, "windw"),
        ({**TWO, "steps": [{"event": "A"}, {"event": "C"}]}, "steps[1].event"),
        ({**TWO, "steps": [{"event": "A"}, {"event": "B", "measure": "sum"}]}, "steps[1].measure"),
        ({**TWO, "steps": [{"event": "A"}, "B"]}, "steps[1]"),
        (
            {**TWO, "steps": [{"event": "A", "where": {"all": [{"property": "x", "op": "exists"}]}}, {"event": "B"}]},
            "steps[0].where.all[0].property",
        ),
    ],
)
def test_a_funnel_that_cannot_be_read_is_refused_with_its_place(document: Any, path: str) -> None:
    with pytest.raises(FunnelInvalid) as refused:
        read(document)
    assert path in [problem.path for problem in refused.value.problems]
