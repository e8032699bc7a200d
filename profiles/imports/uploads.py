"""Imports that somebody uploads: kept on disk with their mapping, worked off by a worker in shares, told row by row."""

import json
import shutil
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum
from pathlib import Path
from typing import Protocol

from django.conf import settings
from django.db import connection, transaction
from msgspec.json import encode

from cdp import access, leased_jobs
from cdp.access import Actor
from cdp.leased_jobs import NotHeld
from cdp.models import Job
from cdp.models.job import JobState
from profiles.identity.rules import known_types
from profiles.imports import mapping as event_mappings
from profiles.imports import people, running
from profiles.imports.mapping import MappingRefused
from profiles.imports.reading import FileRefused
from profiles.imports.running import AlreadyRunning, AnyMapping, Progress
from profiles.ingest import doorbell
from profiles.models.file_job import IMPORT_KIND

_SHARE_SECONDS = 100.0
_MOST_PENDING = 50_000  # an import leaves room in the inbox for those who send at this moment
_KEPT = timedelta(days=7)
_LEFT_BEHIND = timedelta(days=1)
_CHUNK = 1 << 20


class FileKind(StrEnum):
    PEOPLE = "people"
    EVENTS = "events"


class ImportRefused(Exception):
    """An import that cannot be begun; `field` says what to change."""

    code = "import_refused"

    def __init__(self, field: str, message: str) -> None:
        super().__init__(message)
        self.field = field
        self.message = message


class Content(Protocol):
    """An uploaded file as a web framework hands it over."""

    name: str | None
    size: int | None

    def chunks(self, chunk_size: int | None = None) -> Iterator[bytes]: ...


@dataclass(frozen=True, slots=True)
class Wanted:
    """What to make of a file, and under which source; `dated` is when a file of people was written."""

    kind: FileKind
    mapping: bytes
    source: str = ""
    dated: datetime | None = None


def request(*, file: Content, wanted: Wanted, by: Actor, now: datetime) -> Job:
    """Keep a file and ask for its import, with a record of who asked. Raises ImportRefused."""
    chosen = _mapping(wanted.kind, wanted.mapping)
    if wanted.dated is not None and wanted.dated > now:
        raise ImportRefused("dated", "A file cannot have been written in the future.")
    if not file.size:
        raise ImportRefused("file", "The file is empty.")
    if file.size > settings.CDP_MOST_IMPORT_BYTES:
        raise ImportRefused("file", f"A file may be {settings.CDP_MOST_IMPORT_BYTES:,} bytes large: split it.")
    with transaction.atomic():
        job = _ask(file, wanted, chosen, by=by, now=now)
        try:
            _keep(file, job)
        except BaseException:
            shutil.rmtree(_folder(job), ignore_errors=True)
            raise
    return job


def _ask(file: Content, wanted: Wanted, chosen: AnyMapping, *, by: Actor, now: datetime) -> Job:
    arguments = {
        "upload": True,
        "kind": wanted.kind.value,
        "bytes": file.size,
        "mapping": json.loads(encode(chosen)),
        "source": wanted.source or chosen.source or chosen.name,
        "dated": wanted.dated.isoformat() if wanted.dated else None,
        "requester": {"kind": by.kind.value, "id": by.id},
    }
    creator = int(by.id) if by.kind == "user" else None
    job = Job.objects.create(kind=IMPORT_KIND, arguments=arguments, created_by_id=creator, created_at=now)
    basis = {"import": job.pk, "source": arguments["source"], "mapping": chosen.name}
    access.record(actor=by, action="data.import", profile_ids=[], purpose="", fields=[], now=now, basis=basis)
    return job


def _mapping(kind: FileKind, content: bytes) -> AnyMapping:
    try:
        if kind is FileKind.EVENTS:
            return event_mappings.read(content)
        chosen = people.read(content)
        people.check_types(chosen, known_types())
    except MappingRefused as refused:
        raise ImportRefused(f"mapping.{refused.field}".removesuffix(".mapping"), str(refused)) from None
    return chosen


def _keep(file: Content, job: Job) -> None:
    target = path_of(job)
    shutil.rmtree(target.parent, ignore_errors=True)  # of a job of this number that was never committed
    target.parent.mkdir(parents=True, mode=0o700)
    with target.open("xb") as kept:
        target.chmod(0o600)
        for chunk in file.chunks(_CHUNK):
            kept.write(chunk)


# -- working them off ------------------------------------------------------------------------------------------------
class _ShareUsed(Exception):
    """Others are to have their turn."""


def run_next(*, now: datetime, clock: Callable[[], float] = time.monotonic, only: Job | None = None) -> bool:
    """Go on with the oldest import that waits, for a share of time; say whether there was one."""
    job = leased_jobs.claim(kind=IMPORT_KIND, now=now, may=_may_begin, only=only)
    if job is None:
        return False
    until = clock() + _SHARE_SECONDS

    def on_step(_: Progress, position: int) -> None:
        doorbell.ring()
        if clock() > until or _pending() > _MOST_PENDING:
            raise _ShareUsed

    try:
        _run(job, now=now, on_step=on_step)
    except _ShareUsed:
        leased_jobs.release(job=job)
    except NotHeld:
        pass  # called off, or gone on with by another: the steps so far stand
    except (FileRefused, MappingRefused, AlreadyRunning) as refused:
        # Only what is wrong with the file as a whole: nothing in it that is about somebody.
        leased_jobs.held(job).update(
            state=JobState.FAILED, finished_at=now, leased_until=None, error=str(refused)[:500]
        )
    except Exception as error:
        # The type alone: a message may hold what is being imported.
        leased_jobs.give_up(job=job, now=now, error=type(error).__name__)
        raise
    return True


def _run(job: Job, *, now: datetime, on_step: Callable[[Progress, int], None]) -> None:
    stated = job.arguments
    chosen = _mapping_of(job)
    dated = datetime.fromisoformat(stated["dated"]) if stated["dated"] else None
    running.run(
        path=path_of(job), mapping=chosen, source=stated["source"], now=now, on_step=on_step, dated=dated, job=job
    )


def _mapping_of(job: Job) -> AnyMapping:
    content = encode(job.arguments["mapping"])
    return event_mappings.read(content) if job.arguments["kind"] == FileKind.EVENTS else people.read(content)


def _may_begin(job: Job) -> bool:
    return "upload" in job.arguments and _pending() <= _MOST_PENDING


def _pending() -> int:
    with connection.cursor() as cursor:
        cursor.execute("SELECT coalesce(sum(event_count), 0) FROM inbox WHERE state = 0")
        return int(cursor.fetchone()[0])


def cancel(*, job: Job, by: Actor, now: datetime) -> bool:
    """Call an import off: what was sent stays sent. Say whether it was still open."""
    with transaction.atomic():
        if not leased_jobs.cancel(job=job, now=now):
            return False
        basis = {"import": job.pk}
        access.record(
            actor=by, action="data.import.cancel", profile_ids=[], purpose="", fields=[], now=now, basis=basis
        )
    return True


def forget_files(*, now: datetime) -> None:
    """Delete files whose import ended a week ago: until then it can be looked at what was in a row."""
    for folder in _root().glob("*"):
        job = Job.objects.filter(kind=IMPORT_KIND, pk=int(folder.name)).first() if folder.name.isdecimal() else None
        if job is None:
            # Or not yet: while a file is written, nobody else sees its job.
            is_over = folder.stat().st_mtime < (now - _LEFT_BEHIND).timestamp()
        else:
            is_over = job.finished_at is not None and job.finished_at < now - _KEPT
        if is_over:
            shutil.rmtree(folder, ignore_errors=True)


def path_of(job: Job) -> Path:
    return _folder(job) / "file"


def find(job_id: int) -> Job | None:
    return Job.objects.filter(kind=IMPORT_KIND, pk=job_id).first()


def _folder(job: Job) -> Path:
    return _root() / str(job.pk)


def _root() -> Path:
    return Path(settings.CDP_DATA_DIR) / "imports"
