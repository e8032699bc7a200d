"""Measure again what is due: a column at a time, in one query for all thresholds that are compared with it.

The beat asks every minute, and whatever is due then is measured, however late: a beat that was lost costs a minute, and
a snapshot that failed is due still. One process at a time.
"""

from collections import defaultdict
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime

from django.db import connection, transaction
from django.db.models import F, Max

from segments import doorbell
from segments.catalogue import load_catalogue
from segments.content import rule_of
from segments.models import Outcome, SegmentVersion, ThresholdDecision, ThresholdSnapshot
from segments.rules.parser import Refused
from segments.rules.resolving import Measured, thresholds_in
from segments.rules.thresholds import Statistic, Threshold
from segments.thresholds import deciding
from segments.thresholds.bands import band_of
from segments.thresholds.measuring import Column, column_of, measure

_ONE_RUNNER = 0x5E67_0004


@dataclass(frozen=True, slots=True)
class _Due:
    version: SegmentVersion
    path: str
    measured: Measured


@transaction.atomic
def refresh(*, now: datetime) -> int:
    """Take a snapshot of every threshold that is due, and decide on it; return how many were taken."""
    if not _is_only_runner():
        return 0
    by_column: defaultdict[Column, list[_Due]] = defaultdict(list)
    for due in _due(now):
        by_column[column_of(due.measured)].append(due)
    outcomes = [outcome for column, due in by_column.items() for outcome in _refreshed(column, due, now=now)]
    if Outcome.REFRESHED in outcomes:
        transaction.on_commit(doorbell.ring, robust=True)
    return len(outcomes)


def _refreshed(column: Column, due: list[_Due], *, now: datetime) -> Iterator[Outcome]:
    percentiles = {
        one.measured.threshold.amount for one in due if one.measured.threshold.statistic is Statistic.PERCENTILE
    }
    try:
        figures = measure(column=column, percentiles=percentiles, catalogue=load_catalogue(), now=now)
    except Refused:
        return  # a type changed under the rule; its epoch is broken and says so
    kept: dict[Threshold, ThresholdSnapshot] = {}
    for one in due:
        threshold = one.measured.threshold
        if threshold not in kept:
            kept[threshold] = deciding.store(one.measured, figures)
        yield deciding.settle(version=one.version, path=one.path, snapshot=kept[threshold], now=now)


def _due(now: datetime) -> Iterator[_Due]:
    latest = ThresholdDecision.objects.values("version_id").annotate(taken=Max("snapshot__taken_at"))
    live = latest.filter(version__head__live_version_id=F("version_id"))
    taken_at = {row["version_id"]: row["taken"] for row in live}
    for version in SegmentVersion.objects.filter(pk__in=taken_at).select_related("head"):
        if taken_at[version.pk] + band_of(version.content).every <= now:
            for path, measured in thresholds_in(rule_of(version.content)).items():
                yield _Due(version, path, measured)


def _is_only_runner() -> bool:
    with connection.cursor() as cursor:
        cursor.execute("SELECT pg_try_advisory_xact_lock(%s)", [_ONE_RUNNER])
        (alone,) = cursor.fetchone()
    return bool(alone)
