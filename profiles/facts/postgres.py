"""The relations as Postgres makes them: the CTE texts `scope`, `people` and `events` around a compiled expression.

The statement takes two parameters, `%(ids)s` (a list of profile ids, or NULL for everybody not merged away) and
`%(now)s`. Drivers that interpolate on the client's side (psycopg2) let the planner see both as constants, and the text
counts on it: the branch for one mode is planned away in the other, and time bounds prune partitions while planning.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime

import ibis.expr.types as ir
import sqlglot
import sqlglot.expressions as sge
from ibis.backends.sql.compilers import PostgresCompiler

from profiles.facts.postgres_contexts import context_sql, events_of_people
from profiles.facts.relations import (
    EVERY_EVENT,
    ContextColumn,
    EventColumn,
    History,
    PropertyColumn,
    Reading,
    TraitColumn,
)
from profiles.facts.values import DATETIME_PATTERN, FINER_THAN_MICROSECONDS, ZONED_PATTERN, ValueType

IDS = "%(ids)s::bigint[]"
NOW = "%(now)s::timestamptz"
_COMPILER = PostgresCompiler()
_DAY = 86_400
# Names are read in groups of like reach: one rule over all history must not drag years of page views along with it.
_REACHES = (_DAY, 40 * _DAY, 400 * _DAY)


def statement(*, reading: Reading, body: str, zone: str) -> str:
    """`body`, the SQL of an expression over the relations, as a whole statement with its two placeholders."""
    # The body may begin with a WITH of its own, where several parts share a stage.
    return "WITH " + ",\n".join(ctes_of(reading, zone)) + f"\nSELECT * FROM (\n{escaped(body)}\n) body"


def ctes_of(reading: Reading, zone: str) -> list[str]:
    """The relations: scope, people, and events where any are read."""
    ctes = [_scope(), _people(reading, zone)]
    return [*ctes, _events(reading, zone)] if reading.histories else ctes


def rendered(expression: ir.Table) -> str:
    """An expression over the relations as Postgres SQL, each inner select fenced off with OFFSET 0.

    Postgres would otherwise put the columns of one stage into every place of the next that uses them.
    """
    return fenced(tree_of(expression))


def tree_of(expression: ir.Table) -> sge.Expression:
    """The expression as a tree of SQL, before it is written out."""
    tree: sge.Expression = _COMPILER.to_sqlglot(expression)
    return tree


def fenced(tree: sge.Expression) -> str:
    """The tree written out, with its fences."""
    for inner in tree.find_all(sge.Subquery):
        if isinstance(inner.this, sge.Select):
            inner.this.offset(0, copy=False)
    return str(tree.transform(_own_functions).sql(dialect="postgres"))


# numeric division rounds to a number of digits that depends on its operands, div() cuts off exactly.
_RATIO = sqlglot.parse_one(
    """CASE WHEN b <> 0 AND 2 * abs(a) * 1000000000 + abs(b) < 2 * abs(b) * 1e38
    THEN sign(a) * sign(b) * div(2 * abs(a) * 1000000000 + abs(b), 2 * abs(b)) * 0.000000001 END""",
    dialect="postgres",
)


def _own_functions(node: sge.Expression) -> sge.Expression:
    """The functions that `measures` only names, as Postgres has them."""
    if not (isinstance(node, sge.Anonymous) and node.name.lower() == "exact_ratio"):
        return node
    operands = dict(zip("ab", node.expressions, strict=True))
    written: sge.Expression = _RATIO.transform(
        lambda part: operands[part.name].copy() if isinstance(part, sge.Column) and part.name in operands else part
    )
    return written


def escaped(sql: str) -> str:
    """SQL text as a driver wants it that looks for `%` placeholders."""
    return sql.replace("%", "%%")


def quoted(text: str) -> str:
    """A text literal, whatever is in it and however the server treats backslashes."""
    doubled = text.replace("'", "''")
    return "E'" + doubled.replace("\\", "\\\\") + "'" if "\\" in doubled else f"'{doubled}'"


def _scope() -> str:
    return (
        f"scope AS NOT MATERIALIZED (\n  SELECT p.id AS profile_id, {NOW} AS now FROM profile p\n"
        f"  WHERE p.merged_into IS NULL AND ({IDS} IS NULL OR p.id = ANY({IDS}))\n)"
    )


def _people(reading: Reading, zone: str) -> str:
    columns = ["p.id AS profile_id", *people_columns(reading, zone)]
    if len(columns) == 1:  # nothing of people is read: joined to no rows, the planner drops the join
        return "people AS NOT MATERIALIZED (SELECT NULL::bigint AS profile_id WHERE false)"
    return (
        f"people AS NOT MATERIALIZED (\n  SELECT {_listed(columns)}\n  FROM profile p\n"
        f"  WHERE p.merged_into IS NULL AND ({IDS} IS NULL OR p.id = ANY({IDS}))\n)"
    )


def people_columns(reading: Reading, zone: str) -> list[str]:
    """What is read of a person, over the profile row `p`."""
    columns = [escaped(f'{_trait(column, zone)} AS "{column.name}"') for column in reading.traits]
    return columns + [escaped(f'{extra.postgres_sql} AS "{extra.name}"') for extra in reading.extras]


def _events(reading: Reading, zone: str) -> str:
    """The events that are read: for everybody in one pass, for a list of people by index, name by name.

    OFFSET 0 keeps Postgres from copying a column's JSON access into every condition that uses the column.
    """
    columns = ["o.root_id AS profile_id", "e.name", "e.ts", "e.event_id"]
    columns += [escaped(f'{_property(column, zone)} AS "{column.name}"') for column in reading.properties]
    groups = list(_groups(reading.histories))
    selected = f"SELECT {_listed(columns)}\n  FROM {events_of_people(reading)}\n  WHERE "
    everybody = f"{IDS} IS NULL AND {_any_group(groups)}"
    listed = [f"{IDS} IS NOT NULL AND o.root_id = ANY({IDS}) AND {_group_condition(group)}" for group in groups]
    arms = "\n  UNION ALL\n  ".join(selected + condition for condition in [everybody, *listed])
    return f"events AS NOT MATERIALIZED (\n  SELECT * FROM (\n  {arms}\n  ) e OFFSET 0\n)"


def events_between(*, reading: Reading, names: Iterable[str], zone: str) -> str:
    """The CTE `events` of everybody in [%(start)s, %(end)s), for reports that ask about one period."""
    columns = ["o.root_id AS profile_id", "e.name", "e.ts", "e.event_id"]
    columns += [escaped(f'{_property(column, zone)} AS "{column.name}"') for column in reading.properties]
    period = "e.ts >= %(start)s::timestamptz AND e.ts < %(end)s::timestamptz"
    return (
        f"events AS NOT MATERIALIZED (\n  SELECT * FROM (\n  SELECT {_listed(columns)}\n"
        f"  FROM {events_of_people(reading)}\n"
        f"  WHERE e.name = ANY({_array(names)}) AND {period}\n  ) e OFFSET 0\n)"
    )


@dataclass(frozen=True, slots=True)
class _Group:
    """Names read as far back as each other; without names, all events but the `others`, which are read by name."""

    names: tuple[str, ...]
    bound: str | None
    others: tuple[str, ...] = ()


def _groups(histories: Sequence[History]) -> Iterable[_Group]:
    reaches: dict[int | None, list[History]] = {}
    named = [history for history in histories if history.event != EVERY_EVENT]
    for history in histories:
        if history.event == EVERY_EVENT:
            yield _Group((), _bound(history), others=tuple(other.event for other in named))
    for history in named:
        reaches.setdefault(_reach(history), []).append(history)
    for reach in sorted(reaches, key=lambda key: (key is None, key or 0)):
        members = reaches[reach]
        joined = members[0]
        for member in members[1:]:
            joined = joined.joined(member)
        yield _Group(tuple(member.event for member in members), _bound(joined))


def _reach(history: History) -> int | None:
    if history.all_time:
        return None
    if history.since is not None:
        return _REACHES[-1] + 1
    return next((reach for reach in _REACHES if (history.seconds or 0) <= reach), _REACHES[-1] + 1)


def _bound(history: History) -> str | None:
    """The oldest moment that counts, spelled so that the planner folds it (timestamptz minus interval it would not)."""
    if history.all_time:
        return None
    bounds = []
    if history.seconds is not None:
        shifted = f"({NOW} AT TIME ZONE 'UTC') - interval '{history.seconds} seconds'"
        bounds.append(f"(({shifted}) AT TIME ZONE 'UTC')")
    if history.since is not None:
        bounds.append(_moment(history.since))
    return bounds[0] if len(bounds) == 1 else f"least({', '.join(bounds)})"


def _any_group(groups: Sequence[_Group]) -> str:
    """One condition for all groups, with the common bound on its own beside it, or no partition would be pruned."""
    names = _array(name for group in groups for name in group.names)
    bounds = [group.bound for group in groups]
    if len(groups) == 1:
        return _group_condition(groups[0])
    alternatives = " OR ".join(f"({_group_condition(group)})" for group in groups)
    if None in bounds:
        return f"({alternatives})"
    if not all(group.names for group in groups):
        return f"e.ts >= least({', '.join(str(bound) for bound in bounds)}) AND ({alternatives})"
    return f"e.name = ANY({names}) AND e.ts >= least({', '.join(str(bound) for bound in bounds)}) AND ({alternatives})"


def _group_condition(group: _Group) -> str:
    names = f"e.name = ANY({_array(group.names)})"
    if not group.names:
        names = "left(e.name, 1) <> '$'"
        names += f" AND e.name <> ALL({_array(group.others)})" if group.others else ""
    return names if group.bound is None else f"{names} AND e.ts >= {group.bound}"


def _array(names: Iterable[str]) -> str:
    return escaped(f"ARRAY[{', '.join(quoted(name) for name in names)}]::text[]")


def _moment(moment: datetime) -> str:
    return f"'{moment.isoformat()}'::timestamptz"


def _trait(column: TraitColumn, zone: str) -> str:
    return _typed(f"p.traits->{quoted(column.trait)}", column, zone)


def _property(column: EventColumn, zone: str) -> str:
    if isinstance(column, ContextColumn):
        return context_sql(column, zone=quoted(zone))
    value = _typed(f"e.properties->{quoted(column.key)}", column, zone)
    return f"CASE WHEN e.name = {quoted(column.event)} THEN {value} END"


def _typed(json: str, column: TraitColumn | PropertyColumn, zone: str) -> str:
    """A jsonb value as its type or NULL. `values.typed` says the same in Python."""
    if column.presence:
        return f"coalesce(jsonb_typeof({json}) <> 'null', false)"
    match column.type:
        case ValueType.TEXT:
            return f"CASE WHEN jsonb_typeof({json}) = 'string' THEN {_text(json)} END COLLATE \"C\""
        case ValueType.BOOLEAN:
            return f"CASE WHEN jsonb_typeof({json}) = 'boolean' THEN ({json})::boolean END"
        case ValueType.NUMBER:
            fits = f"abs(round(({json})::numeric, 9)) < 1e29"
            return f"CASE WHEN jsonb_typeof({json}) = 'number' AND {fits} THEN ({json})::numeric(38, 9) END"
        case ValueType.DATETIME:
            return _datetime(json, zone)
        case _:
            raise ValueError(f"a {column.type} has no typed column, only presence")


def _text(json: str) -> str:
    column, _, name = json.partition("->")  # one look into the object instead of two steps
    return f"({column}->>{name})"


def _datetime(json: str, zone: str) -> str:
    """The pattern admits only what the casts accept, since a failing cast would abort the statement for everybody."""
    text = _text(json)
    trimmed = f"regexp_replace({text}, {quoted(FINER_THAN_MICROSECONDS)}, E'\\\\1')"
    zoned = f"{text} ~ {quoted(ZONED_PATTERN + '$')}"
    local = f"{trimmed}::timestamp AT TIME ZONE {quoted(zone)}"
    fits = f"jsonb_typeof({json}) = 'string' AND {text} ~ {quoted('^(?:' + DATETIME_PATTERN + ')$')}"
    return f"CASE WHEN {fits} THEN CASE WHEN {zoned} THEN {trimmed}::timestamptz ELSE {local} END END"


def _listed(columns: Sequence[str]) -> str:
    return ",\n    ".join(columns)
