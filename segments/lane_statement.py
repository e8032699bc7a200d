"""The one statement by which a lane judges a batch of people and writes what changed.

Everything happens in a single statement, hence in one snapshot: the values that decide are the values that are frozen
as evidence, and no row travels to Python that did not change. It returns, per person, the earliest due time over the
rules it judged and the new card section where that differs from the stored one.

    batch      who is judged, and what touched them
    decided    the compiled rules: per person and rule a value, a due time and each leaf's observed value
    standing   every (person, segment) that is true now or has an open stay, with what is to happen to it:
               enter  leave  confirm (true under a newer version: the stay goes on)  stay
    opened, closed, confirmed, announced    the writes
    section    the card: judged segments from this evaluation, the others as the card had them
"""

from collections.abc import Iterator
from datetime import UTC, datetime
from typing import Any

import msgspec
from django.db import DatabaseError, connection, transaction

from profiles.facts.postgres import escaped, quoted
from segments import judging
from segments.rulebook import LiveRule, Rulebook
from segments.rules.compiler import Compiled, LeafColumns, TooManyRules
from segments.rules.nodes import EventLeaf, RepeatedLeaf, Rule, SessionLeaf, TraitLeaf, TrendLeaf, leaves_of
from segments.rules.parser import Refused
from segments.rules.thresholds import Taken
from segments.rules.vocabulary import Op
from segments.thresholds.force import as_json

# A Postgres function takes at most 100 arguments, and a rule may have more leaves.
_ARGUMENTS = 50
_NUMBERS = msgspec.json.Encoder(decimal_format="number")

_TEMPLATE = """
WITH batch AS MATERIALIZED (
    SELECT * FROM unnest(%(ids)s::bigint[], %(causes)s::text[]) AS t(profile_id, cause)
),
rule (segment_id, key, name, version_id, number, epoch, replaces, judged) AS MATERIALIZED (VALUES
    {rules}
),
decided AS MATERIALIZED (
    {decided}
),
standing AS MATERIALIZED (
    SELECT s.*,
        CASE WHEN s.membership_id IS NULL THEN 'enter'
             WHEN r.segment_id IS NULL THEN 'leave'
             WHEN NOT r.judged THEN 'stay'
             WHEN NOT s.holds THEN 'leave'
             WHEN s.standing_version_id <> r.version_id THEN 'confirm'
             ELSE 'stay' END AS outcome,
        CASE WHEN s.membership_id IS NULL AND b.cause = 'backfill' AND r.replaces THEN 'version'
             WHEN s.membership_id IS NOT NULL AND s.standing_version_id IS DISTINCT FROM r.version_id THEN 'version'
             ELSE b.cause END AS cause
    FROM (
        SELECT profile_id, segment_id, coalesce(v.holds, false) AS holds, v.due,
            o.membership_id, o.entered_at, o.standing_version_id
        FROM (
            SELECT d.profile_id, j.segment_id, j.holds, j.due
            FROM decided d CROSS JOIN LATERAL ({verdicts}) AS j(segment_id, holds, due)
            WHERE j.holds
        ) v FULL JOIN (
            SELECT m.id AS membership_id, m.profile_id, m.segment_id, m.entered_at, m.standing_version_id
            FROM membership m
            WHERE m.profile_id = ANY(%(ids)s::bigint[]) AND m.left_at IS NULL
        ) o USING (profile_id, segment_id)
    ) s
    JOIN batch b USING (profile_id)
    LEFT JOIN rule r USING (segment_id)
),
opened AS (
    INSERT INTO membership (profile_id, segment_id, version_id, epoch, entered_at, cause, evidence,
                            standing_version_id, standing_at)
    SELECT s.profile_id, s.segment_id, r.version_id, r.epoch, %(now)s::timestamptz, s.cause,
        {evidence}, r.version_id, %(now)s::timestamptz
    FROM standing s JOIN rule r USING (segment_id) JOIN decided d USING (profile_id)
    WHERE s.outcome = 'enter'
    RETURNING id, profile_id, segment_id, version_id
),
closed AS (
    UPDATE membership m
    SET left_at = greatest(%(now)s::timestamptz, m.entered_at + interval '1 microsecond'), left_cause = s.cause,
        left_version_id = r.version_id, evidence_left = {evidence}
    FROM standing s LEFT JOIN rule r USING (segment_id) LEFT JOIN decided d USING (profile_id)
    WHERE s.outcome = 'leave' AND m.id = s.membership_id
    RETURNING m.id, m.profile_id, m.segment_id, coalesce(m.left_version_id, m.standing_version_id) AS version_id
),
confirmed AS (
    UPDATE membership m SET standing_version_id = r.version_id, standing_at = %(now)s::timestamptz
    FROM standing s JOIN rule r USING (segment_id)
    WHERE s.outcome = 'confirm' AND m.id = s.membership_id
),
announced AS (
    INSERT INTO outbox (profile_id, segment_id, change, membership_id, version_id, at)
    SELECT profile_id, segment_id, 'entered', id, version_id, %(now)s::timestamptz FROM opened
    UNION ALL
    SELECT profile_id, segment_id, 'left', id, version_id, %(now)s::timestamptz FROM closed
),
section AS (
    SELECT s.profile_id, jsonb_agg(CASE WHEN r.judged OR kept.entry IS NULL THEN jsonb_build_object(
            'key', r.key, 'name', r.name, 'version', r.number, 'epoch', r.epoch,
            'entered_at', coalesce(s.entered_at, %(now)s::timestamptz), 'expires_at', s.due)
        ELSE kept.entry END ORDER BY r.key) AS body
    FROM standing s JOIN rule r USING (segment_id)
    {kept}
    WHERE s.outcome IN ('enter', 'stay', 'confirm')
    GROUP BY s.profile_id
),
judged AS (
    SELECT profile_id, d.due, coalesce(s.body, '[]') AS body,
        CASE WHEN %(renews)s THEN d.due ELSE least(d.due, c.until) END AS until,
        c.body AS old_body, c.until AS old_until
    FROM batch b
    LEFT JOIN (SELECT profile_id, {due} AS due FROM decided) d USING (profile_id)
    LEFT JOIN section s USING (profile_id)
    LEFT JOIN (SELECT * FROM card WHERE section = 'segments') c USING (profile_id)
)
SELECT profile_id, due, body IS DISTINCT FROM old_body OR until IS DISTINCT FROM old_until AS changed,
    CASE WHEN body IS DISTINCT FROM old_body OR until IS DISTINCT FROM old_until THEN body END AS body, until
FROM judged
WHERE due IS NOT NULL OR body IS DISTINCT FROM old_body OR until IS DISTINCT FROM old_until
"""


_CLOSE_FOR_MERGE = """
WITH closed AS (
    UPDATE membership m
    SET left_at = greatest(%(now)s::timestamptz, m.entered_at + interval '1 microsecond'), left_cause = 'merge'
    WHERE m.profile_id = %(profile_id)s AND m.left_at IS NULL
    RETURNING m.id, m.profile_id, m.segment_id, m.standing_version_id, m.left_at
)
INSERT INTO outbox (profile_id, segment_id, change, membership_id, version_id, at)
SELECT profile_id, segment_id, 'left', id, standing_version_id, left_at FROM closed
"""


def close_for_merge(*, profile_id: int, now: datetime) -> None:
    with connection.cursor() as cursor:
        cursor.execute(_CLOSE_FOR_MERGE, {"profile_id": profile_id, "now": now})


_KEPT_ENTRIES = """LEFT JOIN card c ON NOT r.judged AND c.profile_id = s.profile_id AND c.section = 'segments'
    LEFT JOIN LATERAL (
        SELECT e.entry FROM jsonb_array_elements(c.body) AS e(entry) WHERE e.entry->>'key' = r.key
    ) kept ON true"""
_NO_KEPT_ENTRIES = "CROSS JOIN (SELECT NULL::jsonb AS entry) kept"


def build(book: Rulebook, segment_ids: frozenset[int]) -> str:
    """The statement that judges these segments; it takes `ids`, `causes` (in the same order), `now` and `renews`.

    With `renews` the card's until begins anew: the statement is the first of those that judge everything.
    """
    judged = tuple(live for live in book.rules if live.segment_id in segment_ids)
    compiled = _compiled(book, judged)
    whole = segment_ids >= book.everything
    return _TEMPLATE.format(
        rules=_rules(book, segment_ids),
        decided=compiled.sql if compiled else "SELECT unnest(%(ids)s::bigint[]) AS profile_id",
        verdicts=_verdicts(judged, compiled),
        evidence=_evidence(judged, compiled),
        due=f"least({', '.join(compiled.dues.values())})" if compiled else "NULL::timestamptz",
        kept=_NO_KEPT_ENTRIES if whole and not book.broken else _KEPT_ENTRIES,
    )


def refusal(book: Rulebook) -> str:
    """Why some statement that judges the whole book cannot be built or planned; empty where all can."""
    now = datetime(2000, 1, 1, tzinfo=UTC)
    asked: dict[str, Any] = {"ids": [0], "causes": ["backfill"], "now": now, "renews": True}
    try:
        # A transaction of its own, since a statement that fails would end the caller's.
        with transaction.atomic(), connection.cursor() as cursor:
            for fitting in book.sets(book.everything):
                cursor.execute("EXPLAIN " + build(book, fitting), asked)
    except (DatabaseError, TooManyRules, Refused) as error:
        return str(error).partition("\n")[0]
    return ""


def _compiled(book: Rulebook, judged: tuple[LiveRule, ...]) -> Compiled | None:
    if not judged:
        return None
    return judging.compiled({live.key: live.rule for live in judged}, catalogue=book.catalogue, leaves=True)


def _rules(book: Rulebook, segment_ids: frozenset[int]) -> str:
    """Every live rule, whether judged here or not: the card needs them all."""
    rows = [
        f"({live.segment_id}::bigint, {_text(live.key)}, {_text(live.name)}, {live.version_id}::bigint,"
        f" {live.number}, {live.epoch}::bigint, {live.replaces}, {live.segment_id in segment_ids})"
        for live in (*book.rules, *book.broken)
    ]
    nothing = (
        "(NULL::bigint, NULL::text, NULL::text, NULL::bigint, NULL::int, NULL::bigint, NULL::boolean, NULL::boolean)"
    )
    return ",\n    ".join(rows or [nothing])


def _verdicts(judged: tuple[LiveRule, ...], compiled: Compiled | None) -> str:
    if compiled is None:
        return "SELECT NULL::bigint, false, NULL::timestamptz"
    rows = (
        f"({live.segment_id}::bigint, d.{compiled.values[live.key]}, d.{compiled.dues[live.key]})" for live in judged
    )
    return "VALUES " + ", ".join(rows)


def _evidence(judged: tuple[LiveRule, ...], compiled: Compiled | None) -> str:
    """Per segment the leaves as they were seen: path, test, truth and observed value."""
    if compiled is None:
        return "NULL::jsonb"
    arms = (f"WHEN {live.segment_id} THEN {_leaves(live, compiled.leaves[live.key])}" for live in judged)
    return f"CASE s.segment_id {' '.join(arms)} END"


def _leaves(live: LiveRule, columns: tuple[LeafColumns, ...]) -> str:
    tests = dict(_tests(live.rule))
    seen = [
        f"jsonb_build_object('path', {_text(leaf.path)}{tests.get(leaf.path, '')},"
        f" 'holds', d.{leaf.value}, 'observed', d.{leaf.observed})"
        for leaf in columns
    ]
    groups = (seen[start : start + _ARGUMENTS] for start in range(0, len(seen), _ARGUMENTS))
    return "(" + " || ".join(f"jsonb_build_array({', '.join(group)})" for group in groups) + ")"


def _tests(rule: Rule) -> Iterator[tuple[str, str]]:
    for path, leaf in leaves_of(rule):
        if isinstance(leaf, RepeatedLeaf):
            yield path, f", 'op', {_text(Op.GE)}, 'value', {leaf.times}"
        elif isinstance(leaf, TraitLeaf | EventLeaf | SessionLeaf | TrendLeaf):
            yield path, f", 'op', {_text(leaf.test.op)}, {_compared(leaf.test.value)}"


def _compared(value: Any) -> str:
    """What a leaf was compared with; of a threshold its value, and the snapshot that it comes from."""
    if not isinstance(value, Taken):
        return f"'value', {_json(value)}::jsonb"
    return f"'value', {_json(value.value)}::jsonb, 'threshold', {_json(as_json(value))}::jsonb"


def _json(value: Any) -> str:
    return escaped(quoted(_NUMBERS.encode(value).decode()))


def _text(text: str) -> str:
    return escaped(quoted(text)) + "::text"
