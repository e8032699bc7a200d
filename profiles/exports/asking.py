"""Asking for an export: checked, recorded with who asked and what for, and left for a worker to write."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from enum import StrEnum
from typing import Any

from django.conf import settings
from django.db import transaction

from cdp import access, leased_jobs
from cdp.access import Actor
from cdp.models import Job
from profiles.exports import gates, tables
from profiles.exports.gates import PurposeRefused
from profiles.models.file_job import EXPORT_KIND


class ExportRefused(Exception):
    """An export that makes no sense or is not permitted; `field` names why."""

    code = "export_refused"

    def __init__(self, field: str, message: str) -> None:
        super().__init__(message)
        self.field = field
        self.message = message


class Format(StrEnum):
    """As what the rows of a day are written. CSV is a copy for spreadsheets; Parquet keeps types."""

    PARQUET = "parquet"
    CSV = "csv"


@dataclass(frozen=True, slots=True)
class Wanted:
    """What leaves, and what for: the UTC days `[start, end)`, and some of the tables, all when none is named.

    With a `segment`, only what is told of that segment, and only tables that tell of segments.
    """

    purpose: str
    start: date
    end: date
    tables: tuple[str, ...] = ()
    segment: str = ""
    format: Format = Format.PARQUET

    def as_json(self) -> dict[str, Any]:
        return {
            "purpose": self.purpose,
            "from": self.start.isoformat(),
            "to": self.end.isoformat(),
            "tables": list(self.tables or self._usual_tables()),
            **({"segment": self.segment} if self.segment else {}),
            **({"format": self.format.value} if self.format is not Format.PARQUET else {}),
        }

    @classmethod
    def from_json(cls, stated: Mapping[str, Any]) -> "Wanted":
        start, end = (date.fromisoformat(stated[side]) for side in ("from", "to"))
        written = Format(stated.get("format", Format.PARQUET))
        return cls(stated["purpose"], start, end, tuple(stated["tables"]), stated.get("segment", ""), written)

    def _usual_tables(self) -> list[str]:
        return [name for name, table in tables.known().items() if not self.segment or table.has_segment is not None]


@transaction.atomic
def request(*, wanted: Wanted, by: Actor, now: datetime) -> Job:
    """Ask for an export, and record who asked. Raises ExportRefused."""
    _check(wanted, now=now)
    job = Job.objects.create(
        kind=EXPORT_KIND,
        arguments={"filter": wanted.as_json(), "requester": {"kind": by.kind.value, "id": by.id}},
        created_by_id=int(by.id) if by.kind == "user" else None,
        created_at=now,
    )
    record(job=job, action="data.export", by=by, now=now, **wanted.as_json())
    return job


def _check(wanted: Wanted, *, now: datetime) -> None:
    if not wanted.purpose:
        raise ExportRefused("purpose", "Say what it is for: people leave for a purpose that permits it.")
    if wanted.start >= wanted.end:
        raise ExportRefused("from", "The period has no day in it: from is the first, to the day after the last.")
    if wanted.end > now.date() + timedelta(days=1):
        raise ExportRefused("to", "The period ends in the future.")
    if (wanted.end - wanted.start).days > settings.CDP_MOST_EXPORT_DAYS:
        raise ExportRefused("from", f"A period may be {settings.CDP_MOST_EXPORT_DAYS} days long: ask in several parts.")
    if unknown := sorted(set(wanted.tables) - set(tables.names())):
        known = ", ".join(tables.names())
        raise ExportRefused("tables", f"There is no table called {unknown[0]}; there are {known}.")
    _check_segment(wanted)
    try:
        gates.permission(purpose=wanted.purpose, now=now)
    except PurposeRefused as refused:
        raise ExportRefused("purpose", str(refused)) from None


def _check_segment(wanted: Wanted) -> None:
    if not wanted.segment:
        return
    for name in wanted.as_json()["tables"]:
        has_segment = tables.known()[name].has_segment
        if has_segment is None:
            raise ExportRefused("segment", f"The table {name} does not tell of segments: leave one of the two out.")
        if not has_segment(wanted.segment):
            raise ExportRefused("segment", f"There is no segment “{wanted.segment}”.")


def record(*, job: Job, action: str, by: Actor, now: datetime, **basis: Any) -> None:
    """Record an act about an export as a whole: it is about everybody whom its manifest counts."""
    access.record(
        actor=by,
        action=action,
        profile_ids=[],
        purpose=job.arguments["filter"]["purpose"],
        fields=job.arguments["filter"]["tables"],
        now=now,
        basis={"export": job.pk, **basis},
    )


@transaction.atomic
def record_download(*, job: Job, by: Actor, now: datetime) -> None:
    """Record that somebody takes the export away."""
    record(job=job, action="data.export.download", by=by, now=now)


@transaction.atomic
def cancel(*, job: Job, by: Actor, now: datetime) -> bool:
    """Call an export off; say whether it was still open."""
    if not leased_jobs.cancel(job=job, now=now):
        return False
    record(job=job, action="data.export.cancel", by=by, now=now)
    return True


def find(job_id: int) -> Job | None:
    return Job.objects.filter(kind=EXPORT_KIND, pk=job_id).first()
