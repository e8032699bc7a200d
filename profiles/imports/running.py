"""Run an import in steps; each puts one request into the inbox and notes how far it came, in one transaction.

An import that was interrupted goes on at the step that did not commit. One that is run again after its end finds
nothing to do; and were the note lost, the message ids would still be the same, and every event a duplicate.
"""

import json
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import asdict, dataclass, field
from datetime import datetime
from difflib import get_close_matches
from pathlib import Path
from typing import Any

from django.db import connection, transaction
from django.db.models.functions import Now
from msgspec.json import Encoder

from cdp import leased_jobs
from cdp.models import Job
from cdp.models.job import JobState
from profiles.identity.rules import live_rule
from profiles.imports import building, people, reading
from profiles.imports.building import LineRefused
from profiles.imports.mapping import Mapping as EventMapping
from profiles.imports.people import PeopleMapping
from profiles.imports.reading import FileRefused, Group, Line, Unreadable
from profiles.ingest import inbox, rejections
from profiles.ingest.bodies import BATCH
from profiles.ingest.inbox import Sender
from profiles.ingest.incoming import Rejected, RejectionCode
from profiles.models import ImportFault, ImportRequest, Source
from profiles.models.file_job import IMPORT_KIND
from profiles.models.source import SourceKind

EVENTS_PER_REQUEST = 500
BYTES_PER_REQUEST = 1024 * 1024
MOST_FAULTS = 100_000  # of one import are kept row by row; more are only counted

AnyMapping = EventMapping | PeopleMapping
_Builder = Callable[[Group], Iterable[dict[str, Any]]]
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


@dataclass(frozen=True, slots=True)
class _Fault:
    """A row that made no event, as it is recorded and as it is reported."""

    rejected: Rejected
    value_class: str = ""


@dataclass(slots=True)
class _Step:
    """What will be committed together; `rows` says of each event which row it came from."""

    events: list[bytes] = field(default_factory=list)
    rows: list[int] = field(default_factory=list)
    faults: list[_Fault] = field(default_factory=list)
    size: int = 0
    left_out: int = 0
    last_line: int = 0

    @property
    def full(self) -> bool:
        rows = len(self.events) + len(self.faults)
        return rows >= EVENTS_PER_REQUEST or self.size >= BYTES_PER_REQUEST


def run(
    *,
    path: Path,
    mapping: AnyMapping,
    source: str,
    now: datetime,
    on_step: Callable[[Progress, int], None],
    dated: datetime | None = None,
    job: Job | None = None,
) -> Progress:
    """Send what the file holds and was not sent yet; `on_step` hears of each step and of the bytes read so far.

    `dated` is when a file of people was written, where that is known; `job` is one that a worker holds. Raises
    FileRefused, AlreadyRunning, and NotHeld. Whatever stops it, the steps before stand, and running it again goes on.
    """
    arguments = arguments_of(path, mapping, source, dated)
    with _alone(arguments):
        work = job or _job(arguments, now=now)
        progress = Progress(**work.result) if work.result else Progress()
        if work.state == JobState.DONE:
            return progress
        build = _builder(mapping, file=arguments["file"], dated=dated, otherwise=work.created_at)
        sender = _sender(mapping, source)
        with reading.opened(path, delimiter=mapping.delimiter, wanted=mapping.columns) as file:
            _check_columns(mapping, file.columns)
            for step in _steps(mapping, build, file.lines, after=progress.lines):
                _commit(step, work, progress, sender, held=job is not None)
                on_step(progress, file.file.tell())
        facts = {"state": JobState.DONE, "finished_at": Now(), "total": progress.lines, "leased_until": None}
        leased_jobs.held(work).update(**facts)
    return progress


def arguments_of(path: Path, mapping: AnyMapping, source: str, dated: datetime | None) -> dict[str, str]:
    """Return what tells one import from another."""
    file = reading.fingerprint(path)
    named = {"file": file, "mapping": mapping.fingerprint, "source": inbox.source_key(source)}
    return named | ({"dated": dated.isoformat()} if dated else {})


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
    known = Job.objects.filter(kind=IMPORT_KIND, arguments=arguments).order_by("-id").first()
    return known or Job.objects.create(kind=IMPORT_KIND, arguments=arguments, state=JobState.RUNNING, created_at=now)


def _builder(mapping: AnyMapping, *, file: str, dated: datetime | None, otherwise: datetime) -> _Builder:
    if isinstance(mapping, PeopleMapping):
        stated = _stating_traits(mapping)
        day, at = dated.isoformat() if dated else "", dated or otherwise
        return lambda group: people.build(mapping, group, stated=stated, as_of=at, dated=day)
    return lambda group: building.build(mapping, group, file=file)


def _stating_traits(mapping: PeopleMapping) -> Mapping[str, str]:
    """The trait that states an identifier, for each type that has one. Raises MappingRefused for an unknown type."""
    rule = live_rule()
    people.check_types(mapping, rule.names)
    return {name: kind.traits[0] for name, kind in rule.kinds.items() if kind.traits}


def _sender(mapping: AnyMapping, source: str) -> Sender:
    """The source of the file; one that is not known yet is made with the priority that the mapping wants for it."""
    if isinstance(mapping, PeopleMapping) and mapping.priority is not None:
        wanted = {"name": source, "kind": SourceKind.IMPORT, "priority": mapping.priority}
        Source.objects.get_or_create(key=inbox.source_key(source), defaults=wanted)
    return Sender(source=source, kind=SourceKind.IMPORT)


def _check_columns(mapping: AnyMapping, columns: list[str]) -> None:
    missing = sorted(mapping.columns.difference(columns))
    if missing:
        close = {name: get_close_matches(name, columns, n=1) for name in missing}
        hints = "".join(f" For {name}, did you mean {found[0]}?" for name, found in close.items() if found)
        raise FileRefused(f"The mapping reads {', '.join(missing)}; the file has {', '.join(columns)}.{hints}")


def _steps(mapping: AnyMapping, build: _Builder, lines: Iterator[Line | Unreadable], *, after: int) -> Iterator[_Step]:
    step = _Step()
    for group in reading.groups(lines, by=mapping.group_by):
        if group.last <= after:
            continue
        _add(step, mapping, group, build)
        step.last_line = group.last
        if step.full:
            yield step
            step = _Step()
    if step.last_line:
        yield step


def _add(step: _Step, mapping: AnyMapping, group: Group, build: _Builder) -> None:
    step.faults += [_fault(line.number, "", line.reason, line.text) for line in group.unreadable]
    if not group.lines:
        return
    try:
        if group.torn:
            raise LineRefused(group.lines[0], mapping.group_by, "has a line that cannot be read")
        events = [_encode(event) for event in build(group)]
    except LineRefused as refused:
        text = json.dumps([line.cells for line in group.lines])
        step.faults.append(_fault(refused.number, refused.column, refused.reason, text, refused.value_class))
        return
    step.events += events
    step.rows += [group.lines[0].number] * len(events)
    step.size += sum(len(event) for event in events)
    step.left_out += not events


def _fault(number: int, column: str, reason: str, text: str, value_class: str = "") -> _Fault:
    where = f"Line {number}: {column}" if column else f"Line {number}"
    payload = text.encode("utf-8", "surrogateescape")
    rejected = Rejected(number, "", RejectionCode.UNREADABLE_LINE, column, f"{where} {reason}.", payload)
    return _Fault(rejected, value_class)


def _encode(event: dict[str, Any]) -> bytes:
    try:
        return _encoder.encode(event)
    except UnicodeEncodeError:  # bytes that are no UTF-8: written as they are, for the pipeline to refuse by field
        return json.dumps(event, default=float).encode()


_NOTE_REQUEST = "SELECT currval('inbox_id_seq')"


@transaction.atomic
def _commit(step: _Step, job: Job, progress: Progress, sender: Sender, *, held: bool) -> None:
    if step.events:
        body = b'{"batch":[' + b",".join(step.events) + b"]}"
        inbox.accept(sender=sender, route=BATCH, body=body, event_count=len(step.events))
        with connection.cursor() as cursor:
            cursor.execute(_NOTE_REQUEST)
            (inbox_id,) = cursor.fetchone()
        ImportRequest.objects.create(inbox_id=inbox_id, job=job, rows=step.rows)
    if step.faults:
        rejections.record_unreadable(sender=sender, rejected=[fault.rejected for fault in step.faults])
        ImportFault.objects.bulk_create(_reported(job, fault) for fault in step.faults[: _room(progress)])
    progress.lines = step.last_line
    progress.events += len(step.events)
    progress.left_out += step.left_out
    progress.unreadable += len(step.faults)
    if held:
        leased_jobs.keep(job=job, done=progress.lines, result=asdict(progress))
    else:
        Job.objects.filter(pk=job.pk).update(done=progress.lines, result=asdict(progress))


def _room(progress: Progress) -> int:
    return max(0, MOST_FAULTS - progress.unreadable)


def _reported(job: Job, fault: _Fault) -> ImportFault:
    rejected = fault.rejected
    reason = rejected.reason.partition(": ")[2] or rejected.reason
    reason = reason.removeprefix(rejected.field).strip() if rejected.field else reason
    return ImportFault(
        job=job, row=rejected.position, column=rejected.field, value_class=fault.value_class, reason=reason
    )
