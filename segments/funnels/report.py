"""A funnel's report: counts per step and group, with what would tell about too few people withheld.

A count of people below the smallest one that may be told (CDP_SMALLEST_COUNT) is withheld, but for zero, which is about
nobody; so are the times that come from so few. Where groups stand beside their sum, a single withheld group could be
worked out from the others: the next smallest is then withheld as well. Counts that are told are told exactly: whoever
may read a report may also read members of segments one by one, so what is held back here is what would be passed on
without a thought, not what nobody could find out.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any

from django.conf import settings
from django.db import OperationalError, connection, transaction

from segments.catalogue import load_catalogue, workspace_zone
from segments.funnels.definition import SPLITTABLE, Funnel, parse
from segments.funnels.statement import ByProperty, BySegment, BySegmentAtEntry, Split, Statement, build
from segments.models import Segment
from segments.rules.parser import suggestion
from segments.rules.vocabulary import Catalogue

MOST_DAYS = 3_660
USUAL_DAYS = 30
_QUERY_CANCELED = "57014"


class ReportRefused(Exception):
    """A question that cannot be answered; `field` says what to change."""

    def __init__(self, field: str, message: str) -> None:
        super().__init__(message)
        self.code = "report_refused"
        self.field = field
        self.message = message


@dataclass(frozen=True, slots=True)
class Period:
    """When people entered: [start, end)."""

    start: datetime
    end: datetime


@dataclass(frozen=True, slots=True)
class StepCount:
    """One step of one group; None is what is withheld, or a rate of nobody."""

    event: str
    people: int | None
    lost: int | None
    of_first: float | None
    of_previous: float | None
    median_seconds: float | None


@dataclass(frozen=True, slots=True)
class Group:
    """`label` is None for those of whom the property is not known, and for what is left beside the largest groups."""

    label: str | None
    is_rest: bool
    steps: tuple[StepCount, ...]
    median_seconds: float | None

    @property
    def entered(self) -> int | None:
        return self.steps[0].people

    @property
    def converted(self) -> int | None:
        return self.steps[-1].people

    @property
    def rate(self) -> float | None:
        return self.steps[-1].of_first


@dataclass(frozen=True, slots=True)
class Report:
    """All together, and by group where that was asked. `as_of` is the moment up to which events count."""

    period: Period
    as_of: datetime
    smallest: int
    total: Group
    groups: tuple[Group, ...] = field(default=())


@dataclass(frozen=True, slots=True)
class _Row:
    """What the statement counts for all or for one group."""

    is_total: bool
    is_rest: bool
    label: str | None
    people: tuple[int, ...]
    medians: tuple[float | None, ...]
    whole: float | None


def period(*, start: datetime | None, end: datetime | None, now: datetime) -> Period:
    """The period asked for; the last thirty days where nothing is said. Raises ReportRefused."""
    last = end or now
    if last > now:
        raise ReportRefused("to", "The period ends in the future.")
    try:
        first = start or last - timedelta(days=USUAL_DAYS)
    except OverflowError:
        raise ReportRefused("to", "The period lies before the calendar.") from None
    if first >= last:
        raise ReportRefused("from", "The period begins after it ends.")
    if last - first > timedelta(days=MOST_DAYS):
        raise ReportRefused("from", f"A period may be {MOST_DAYS} days long, not longer.")
    return Period(first, last)


def split_of(text: str, *, funnel: Funnel, catalogue: Catalogue) -> Split | None:
    """Read how to split: `property:<name>`, `segment:<key>` or `segment_at_entry:<key>`. Raises ReportRefused."""
    kind, _, name = text.partition(":")
    match kind:
        case "":
            return None
        case "property":
            return ByProperty(_splittable(name, funnel, catalogue))
        case "segment":
            return BySegment(_segment(name))
        case "segment_at_entry":
            return BySegmentAtEntry(_segment(name))
    raise ReportRefused("split", "Write property:<name>, segment:<key> or segment_at_entry:<key>.")


def ask(*, document: Mapping[str, Any], period: Period, split: str, now: datetime) -> Report:
    """Answer for a funnel as it is written. Raises FunnelInvalid and ReportRefused."""
    catalogue = load_catalogue()
    funnel = parse(document, catalogue=catalogue, zone=workspace_zone())
    statement = build(
        funnel,
        start=period.start,
        end=period.end,
        now=now,
        split=split_of(split, funnel=funnel, catalogue=catalogue),
        catalogue=catalogue,
        workspace_tz=str(workspace_zone()),
    )
    rows = [_row(found, steps=len(funnel.steps)) for found in _fetched(statement)]
    return _report(funnel, rows, period=period, now=now, smallest=settings.CDP_SMALLEST_COUNT)


def _splittable(name: str, funnel: Funnel, catalogue: Catalogue) -> str:
    event = funnel.steps[0].event
    known = {own for of, own in catalogue.properties if of == event}
    if name not in known:
        told = f'"{event}" has no property of this name{suggestion(name, known)}'
        raise ReportRefused("split", told)
    if catalogue.properties[event, name] not in SPLITTABLE:
        raise ReportRefused("split", f"People can be split by {', '.join(SPLITTABLE)}, and this is none of them.")
    return name


def _segment(key: str) -> int:
    found = Segment.objects.filter(key=key).values_list("pk", flat=True).first() if "\x00" not in key else None
    if found is None:
        raise ReportRefused("split", "There is no segment under this key.")
    return int(found)


@transaction.atomic
def _fetched(statement: Statement) -> list[tuple[Any, ...]]:
    """Run the statement, for as long as a report may take: a longer period than fits is the asker's to shorten."""
    with connection.cursor() as cursor:
        cursor.execute(f"SET LOCAL statement_timeout = {settings.CDP_FUNNEL_SECONDS * 1000}")
        cursor.execute("SET LOCAL work_mem = '64MB'")
        try:
            cursor.execute(statement.sql, statement.parameters)
        except OperationalError as error:
            if getattr(error.__cause__, "pgcode", "") != _QUERY_CANCELED:
                raise
            told = f"This takes longer than {settings.CDP_FUNNEL_SECONDS} seconds: ask for a shorter period."
            raise ReportRefused("from", told) from None
        found: list[tuple[Any, ...]] = cursor.fetchall()
        return found


def _row(found: Sequence[Any], *, steps: int) -> _Row:
    is_total, is_rest, label, *counts = found
    medians = (None, *counts[steps : 2 * steps - 1])
    return _Row(is_total, is_rest, label, tuple(counts[:steps]), medians, counts[-1])


# -- what is told ----------------------------------------------------------------------------------------------------
def _report(funnel: Funnel, rows: Sequence[_Row], *, period: Period, now: datetime, smallest: int) -> Report:
    total = next(row for row in rows if row.is_total)
    groups = [row for row in rows if not row.is_total]
    hidden = withheld([row.people for row in groups], smallest=smallest)
    alone = tuple(0 < count < smallest for count in total.people)
    return Report(
        period=period,
        as_of=now,
        smallest=smallest,
        total=_group(funnel, total, alone),
        groups=tuple(_group(funnel, row, hides) for row, hides in zip(groups, hidden, strict=True)),
    )


def withheld(counts: Sequence[Sequence[int]], *, smallest: int) -> list[tuple[bool, ...]]:
    """Say which counts (by group and step) are withheld, so that none can be had by subtracting from their sum."""
    by_step = [_withheld_of_step(step, smallest) for step in zip(*counts, strict=True)]
    return [tuple(step[group] for step in by_step) for group in range(len(counts))]


def _withheld_of_step(counts: Sequence[int], smallest: int) -> list[bool]:
    hidden = [0 < count < smallest for count in counts]
    for place in sorted(range(len(counts)), key=counts.__getitem__):
        too_few = 0 < sum(count for count, hides in zip(counts, hidden, strict=True) if hides) < smallest
        if not hidden[place] and counts[place] and (too_few or sum(hidden) == 1):
            hidden[place] = True
    return hidden


def _group(funnel: Funnel, row: _Row, hidden: Sequence[bool]) -> Group:
    told = [None if hides else count for count, hides in zip(row.people, hidden, strict=True)]
    steps = []
    for number, step in enumerate(funnel.steps):
        here, before = told[number], told[number - 1] if number else None
        steps.append(
            StepCount(
                event=step.event,
                people=here,
                lost=None if here is None or before is None else before - here,
                of_first=_share(here, told[0]),
                of_previous=_share(here, before),
                median_seconds=row.medians[number] if here else None,
            )
        )
    return Group(row.label, row.is_rest, tuple(steps), row.whole if told[-1] else None)


def _share(part: int | None, whole: int | None) -> float | None:
    return part / whole if part is not None and whole else None
