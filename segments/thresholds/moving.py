"""A threshold that moved is a new epoch, and only who lies between the old value and the new is looked at again.

    between    the rule is the same but for values of thresholds: which columns, and between which values
    advance    touch who lies there, in a statement that begins after the epoch is there; later, call it ready

Whom the statement does not see was judged after the publication, under the new value: lanes hold the rule lock shared,
publication exclusively, and an event's own touch follows its commit. Whose answer stays needs no other due time either:
a leaf that compares with a threshold is due when its own side next changes, whatever the value (see `rules.walks`).
"""

from collections.abc import Mapping
from datetime import datetime
from decimal import Decimal
from typing import Any

from django.db import connection, transaction

from profiles.models import Cause
from segments import rulebook
from segments.catalogue import load_catalogue
from segments.dependencies import is_current
from segments.judging import compiled
from segments.models import EpochStatus, RuleEpoch
from segments.rulebook import LiveRule
from segments.rules.nodes import EventLeaf, Rule, TraitLeaf, leaves_of
from segments.rules.resolving import measured_of

Moved = list[list[str]]
_TOUCHED = 1
_ONE_RUNNER = 0x5E67_0005

_TOUCH = """
INSERT INTO touched (lane, profile_id, keys, cause)
SELECT profile_id %% 1024, profile_id, ARRAY[%(key)s], %(cause)s FROM ({decided}) AS decided WHERE {between}
"""
_WAITS = "SELECT EXISTS (SELECT FROM touched WHERE cause = %s AND keys @> ARRAY[%s])"


def between(before: RuleEpoch, dependencies: Mapping[str, Any]) -> Moved | None:
    """What moved since the epoch before, [path, low, high]; None where everybody has to be judged again.

    An epoch that was not through yet hands on what it had still to do.
    """
    old, new = dict(before.dependencies), dict(dependencies)
    was, now = old.pop("thresholds", {}), new.pop("thresholds", {})
    if old != new or was.keys() != now.keys() or not _can_build_on(before):
        return None
    ranges: dict[str, list[Decimal]] = {path: [Decimal(low), Decimal(high)] for path, low, high in _still_to_do(before)}
    for path in now:
        ends = was[path]["value"], now[path]["value"]
        if None in ends and ends[0] != ends[1]:
            return None
        if ends[0] != ends[1]:
            ranges.setdefault(path, []).extend(map(Decimal, ends))
    return [[path, f"{min(values):f}", f"{max(values):f}"] for path, values in ranges.items()]


def _still_to_do(before: RuleEpoch) -> Moved:
    return before.moved or [] if before.status == EpochStatus.BACKFILLING else []


@transaction.atomic
def advance(*, now: datetime) -> bool:
    """Take every epoch that waits for this one step further; say whether there was a step to take."""
    if not _is_only_runner():
        return False
    rows = RuleEpoch.objects.latest_per_segment().select_related("segment", "version__head")
    waiting = [row for row in rows if row.status == EpochStatus.BACKFILLING and row.moved is not None]
    steps = [_step(row, now=now) for row in waiting]  # each of them, not only up to the first
    return any(steps)


def _step(row: RuleEpoch, *, now: datetime) -> bool:
    key = rulebook.segment_key(row.segment.key)
    if row.after_id != _TOUCHED:
        live = next((live for live in rulebook.current().rules if live.epoch == row.epoch), None)
        if live is None:
            return False
        _touch(live, row.moved or [], key, now=now)
        RuleEpoch.objects.filter(pk=row.pk).update(after_id=_TOUCHED)
        return True
    with connection.cursor() as cursor:
        cursor.execute(_WAITS, [Cause.THRESHOLD.value, key])
        (waits,) = cursor.fetchone()
    if waits or not is_current(row, catalogue=load_catalogue()):
        return False
    RuleEpoch.objects.filter(pk=row.pk).update(status=EpochStatus.READY, ready_at=now)
    return True


def _touch(live: LiveRule, moved: Moved, key: str, *, now: datetime) -> None:
    columns: dict[str, Rule] = {}
    ends: dict[str, tuple[str, str]] = {}
    leaves = dict(leaves_of(live.rule))
    for path, low, high in moved:
        leaf = leaves[path]
        measured = measured_of(leaf) if isinstance(leaf, TraitLeaf | EventLeaf) else None
        if measured is not None:
            columns[path], ends[path] = measured.leaf, (low, high)
    if not columns:
        return
    statement = compiled(columns, catalogue=rulebook.current().catalogue, leaves=True)
    places = {path: statement.leaves[path][0].observed for path in columns}
    conditions = [f"{places[path]} BETWEEN {low}::numeric AND {high}::numeric" for path, (low, high) in ends.items()]
    with connection.cursor() as cursor:
        cursor.execute(
            _TOUCH.format(decided=statement.sql, between=" OR ".join(conditions)),
            {"ids": None, "now": now, "key": key, "cause": Cause.THRESHOLD.value},
        )


def _can_build_on(before: RuleEpoch) -> bool:
    """Ready, or on the way by nothing but moved thresholds: then everybody else was judged as they are."""
    return before.version_id is not None and (
        before.status == EpochStatus.READY or (before.status == EpochStatus.BACKFILLING and before.moved is not None)
    )


def _is_only_runner() -> bool:
    with connection.cursor() as cursor:
        cursor.execute("SELECT pg_try_advisory_xact_lock(%s)", [_ONE_RUNNER])
        (alone,) = cursor.fetchone()
    return bool(alone)
