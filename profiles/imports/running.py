"""Run an import in steps; each puts one request into the inbox and notes how far it came, in one transaction.

An import that was interrupted goes on at the step that did not commit. One that is run again after its end finds
nothing to do; and were the note lost, the message ids would still be the same, and every event a duplicate.
"""

import json
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass, field
from datetime import datetime
from pathlib import Path
from typing import Any

from django.db import connection, transaction
from django.db.models.functions import Now
from msgspec.json import Encoder

from cdp.models import Job
from cdp.models.job import JobState
from profiles.imports import building, reading
from profiles.imports.building import LineRefused
from profiles.imports.mapping import Mapping
from profiles.imports.reading import FileRefused, Group, Line, Unreadable
from profiles.ingest import inbox, rejections
from profiles.ingest.bodies import BATCH
from profiles.ingest.inbox import Sender
from profiles.ingest.incoming import Rejected, RejectionCode
from profiles.models.source import SourceKind

KIND = "import"
EVENTS_PER_REQUEST = 500
BYTES_PER_REQUEST = 1024 * 1024

_encoder = Encoder(decimal_format="number")


class AlreadyRunning(Exception):
    """The same file is being imported at this moment."""


@dataclass(slots=True)
class Progress:
    """How far an import came: what it sent, what cleaning left out, what it could not read."""

    lines: int = 0
    events: int = 0
    left_out: int = 0
    unreadable: int = 0


@dataclass(slots=True)
class _Step:
    """What will be committed together."""

    events: list[bytes] = field(default_factory=list)
    unreadable: list[Rejected] = field(default_factory=list)
    size: int = 0
    left_out: int = 0
    last_line: int = 0

    @property
    def full(self) -> bool:
        rows = len(self.events) + len(self.unreadable)
        return rows >= EVENTS_PER_REQUEST or self.size >= BYTES_PER_REQUEST


def run(
    *,
    path: Path,
    mapping: Mapping,
    source: str,
    now: datetime,
    on_step: Callable[[Progress, int], None],
) -> Progress:
    """Send what the file holds and was not sent yet; `on_step` hears of each step and of the bytes read so far.

    Raises FileRefused and AlreadyRunning. Whatever stops it, the steps before stand, and running it again goes on.
    """
    arguments = {"file": reading.fingerprint(path), "mapping": mapping.fingerprint, "source": inbox.source_key(source)}
    sender = Sender(source=source, kind=SourceKind.IMPORT)
    with _alone(arguments):
        job = _job(arguments, now=now)
        progress = Progress(**job.result) if job.result else Progress()
        if job.state == JobState.DONE:
            return progress
        with reading.opened(path, delimiter=mapping.delimiter) as file:
            _check_columns(mapping, file.columns)
            for step in _steps(mapping, file.lines, after=progress.lines, file=arguments["file"]):
                _commit(step, job, progress, sender)
                on_step(progress, file.file.tell())
        Job.objects.filter(pk=job.pk).update(state=JobState.DONE, finished_at=Now(), total=progress.lines)
    return progress


@contextmanager
def _alone(arguments: dict[str, str]) -> Iterator[None]:
    name = json.dumps(arguments, sort_keys=True)
    with connection.cursor() as cursor:
        cursor.execute("SELECT pg_try_advisory_lock(hashtextextended(%s, 0))", [name])
        if not cursor.fetchone()[0]:
            raise AlreadyRunning("This file is being imported at this moment.")
        try:
            yield
        finally:
            if connection.is_usable():
                cursor.execute("SELECT pg_advisory_unlock(hashtextextended(%s, 0))", [name])


def _job(arguments: dict[str, str], *, now: datetime) -> Job:
    known = Job.objects.filter(kind=KIND, arguments=arguments).order_by("-id").first()
    return known or Job.objects.create(kind=KIND, arguments=arguments, state=JobState.RUNNING, created_at=now)


def _check_columns(mapping: Mapping, columns: list[str]) -> None:
    missing = sorted(mapping.columns.difference(columns))
    if missing:
        raise FileRefused(f"The mapping reads {', '.join(missing)}; the file has {', '.join(columns)}.")


def _steps(mapping: Mapping, lines: Iterator[Line | Unreadable], *, after: int, file: str) -> Iterator[_Step]:
    step = _Step()
    for group in reading.groups(lines, by=mapping.group_by):
        if group.last <= after:
            continue
        _add(step, mapping, group, file=file)
        step.last_line = group.last
        if step.full:
            yield step
            step = _Step()
    if step.last_line:
        yield step


def _add(step: _Step, mapping: Mapping, group: Group, *, file: str) -> None:
    step.unreadable += [_unreadable(line.number, "", line.reason, line.text) for line in group.unreadable]
    if not group.lines:
        return
    try:
        if group.torn:
            raise LineRefused(group.lines[0], mapping.group_by, "has a line that cannot be read")
        events = [_encode(event) for event in building.build(mapping, group, file=file)]
    except LineRefused as refused:
        text = json.dumps([line.cells for line in group.lines])
        step.unreadable.append(_unreadable(refused.number, refused.column, refused.reason, text))
        return
    step.events += events
    step.size += sum(len(event) for event in events)
    step.left_out += not events


def _unreadable(number: int, column: str, reason: str, text: str) -> Rejected:
    where = f"Line {number}: {column}" if column else f"Line {number}"
    payload = text.encode("utf-8", "surrogateescape")
    return Rejected(number, "", RejectionCode.UNREADABLE_LINE, column, f"{where} {reason}.", payload)


def _encode(event: dict[str, Any]) -> bytes:
    try:
        return _encoder.encode(event)
    except UnicodeEncodeError:  # bytes that are no UTF-8: written as they are, for the pipeline to refuse by field
        return json.dumps(event, default=float).encode()


@transaction.atomic
def _commit(step: _Step, job: Job, progress: Progress, sender: Sender) -> None:
    if step.events:
        body = b'{"batch":[' + b",".join(step.events) + b"]}"
        inbox.accept(sender=sender, route=BATCH, body=body, event_count=len(step.events))
    if step.unreadable:
        rejections.record_unreadable(sender=sender, rejected=step.unreadable)
    progress.lines = step.last_line
    progress.events += len(step.events)
    progress.left_out += step.left_out
    progress.unreadable += len(step.unreadable)
    Job.objects.filter(pk=job.pk).update(done=progress.lines, result=asdict(progress))
