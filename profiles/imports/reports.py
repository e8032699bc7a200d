"""What became of a file: totals, and a line for every row that is not in, with the reason and never with the value."""

from collections.abc import Iterator
from dataclasses import asdict, dataclass
from datetime import datetime, timedelta

from django.db import connection, transaction
from django.db.models import Exists, OuterRef

from cdp import spreadsheet
from cdp.models import Job
from profiles.models import ImportFault, ImportRequest
from profiles.models.file_job import IMPORT_KIND
from profiles.models.inbox import InboxState

MOST_ROWS = 100_000
_KEPT = timedelta(days=30)
_JOBS_AT_ONCE = 10
_AT_ONCE = 2_000
HEADER = ("row", "column", "value is", "reason", "code")


@dataclass(frozen=True, slots=True)
class Fault:
    """A row that is not in. `column` is the file's, or the event's field where the pipeline refused it."""

    row: int
    column: str
    value_class: str
    reason: str
    code: str


@dataclass(frozen=True, slots=True)
class Totals:
    """Rows read, and what became of the events made of them."""

    rows: int
    events: int
    left_out: int
    unreadable: int
    stored: int
    duplicates: int
    rejected: int
    pending: int


_BECAME = """
SELECT coalesce(sum(stored), 0), coalesce(sum(duplicates), 0), coalesce(sum(rejected), 0),
       coalesce(sum(event_count) FILTER (WHERE state <> %(done)s), 0)
  FROM inbox WHERE id IN (SELECT inbox_id FROM import_request WHERE job_id = %(job)s)
"""
# What the pipeline refused is told under its row, whether the door, a plan or somebody's consent refused it.
_FAULTS = """
SELECT * FROM (
    SELECT "row", "column", value_class, reason, 'unreadable' AS code FROM import_fault WHERE job_id = %(job)s
    UNION ALL
    SELECT q.rows[e.position + 1], e.field, 'as the event has it', e.reason, e.code
      FROM import_request q JOIN rejected_event e ON e.inbox_id = q.inbox_id
     WHERE q.job_id = %(job)s AND e.replayed_at IS NULL
) found ORDER BY 1, 2 LIMIT %(limit)s OFFSET %(skip)s
"""


def totals(job: Job) -> Totals:
    """Count what became of an import so far; of one whose rows are forgotten, what had become of it."""
    far = job.result or {}
    if "became" in far:
        return Totals(**far["became"])
    with connection.cursor() as cursor:
        cursor.execute(_BECAME, {"job": job.pk, "done": InboxState.DONE.value})
        stored, duplicates, rejected, pending = map(int, cursor.fetchone())
    return Totals(
        rows=far.get("lines", 0),
        events=far.get("events", 0),
        left_out=far.get("left_out", 0),
        unreadable=far.get("unreadable", 0),
        stored=stored,
        duplicates=duplicates,
        rejected=rejected,
        pending=pending,
    )


@transaction.atomic
def forget(*, now: datetime) -> None:
    """Forget the rows of imports that ended a month ago, and keep the totals."""
    noted = ImportRequest.objects.filter(job=OuterRef("pk")).values("pk")[:1]
    told = ImportFault.objects.filter(job=OuterRef("pk")).values("pk")[:1]
    over = Job.objects.filter(kind=IMPORT_KIND, finished_at__lt=now - _KEPT)
    for job in over.filter(Exists(noted) | Exists(told)).order_by("id")[:_JOBS_AT_ONCE]:
        became = asdict(totals(job))
        Job.objects.filter(pk=job.pk).update(result={**(job.result or {}), "became": became})
        ImportRequest.objects.filter(job=job).delete()
        ImportFault.objects.filter(job=job).delete()


def faults(job: Job, *, limit: int = 100, skip: int = 0) -> list[Fault]:
    """Return the first rows that are not in, by row."""
    with connection.cursor() as cursor:
        cursor.execute(_FAULTS, {"job": job.pk, "limit": limit, "skip": skip})
        return [Fault(*row) for row in cursor.fetchall()]


def as_csv(job: Job) -> Iterator[bytes]:
    """Yield the report as CSV that a spreadsheet opens as text."""
    yield spreadsheet.line(HEADER)
    for fault in faults(job, limit=MOST_ROWS):
        yield spreadsheet.line(asdict(fault).values())
