"""The consent log for somebody who does not have to trust us: exact bytes, what they refer to, and a manifest.

An export is a job: it is asked for in one transaction with its access record, and written later by whoever looks for
due work. Its period is that of recording, not of deciding: entries are only ever added, so a period that is over gives
the same entries for ever, whatever was back-dated since.
"""

import hashlib
import json
import shutil
import tempfile
import zipfile
from collections import Counter
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any, BinaryIO

from django.conf import settings
from django.db import connection, transaction

from cdp import access, spreadsheet
from cdp.access import Actor
from cdp.ids import to_public
from cdp.models import Job
from cdp.models.job import JobState
from consent.canonical import instant
from consent.ledger import public_id
from consent.models import NoticeVersion, Purpose, PurposeVersion

KIND = "consent.export"
FORMAT = "cdp-consent-export/1"
RECORD, COPY, TERMS, MANIFEST, README = "entries.jsonl", "entries.copy.csv", "terms.json", "manifest.json", "README.txt"
_AT_ONCE = 5_000


class ExportRefused(Exception):
    """An export that makes no sense; `field` names why."""

    code = "export_refused"

    def __init__(self, field: str, message: str) -> None:
        super().__init__(message)
        self.field = field
        self.message = message


@dataclass(frozen=True, slots=True)
class Wanted:
    """Which entries: recorded in `[start, end)`, about a purpose; empty means every one."""

    start: datetime | None
    end: datetime
    purpose: str = ""

    def as_json(self) -> dict[str, str | None]:
        return {
            "recorded_from": instant(self.start) if self.start else None,
            "recorded_to": instant(self.end),
            "purpose": self.purpose or None,
        }

    @classmethod
    def from_json(cls, stated: Mapping[str, str | None]) -> "Wanted":
        start, end = stated["recorded_from"], stated["recorded_to"] or ""
        return cls(
            start=datetime.fromisoformat(start) if start else None,
            end=datetime.fromisoformat(end),
            purpose=stated["purpose"] or "",
        )


@dataclass(slots=True)
class _File:
    """An open file of the export, hashed while it is written."""

    name: str
    stream: BinaryIO
    rows: int = 0
    size: int = 0
    digest: Any = field(default_factory=hashlib.sha256)

    def write(self, content: bytes, *, rows: int = 0) -> None:
        self.stream.write(content)
        self.digest.update(content)
        self.rows += rows
        self.size += len(content)

    def as_json(self) -> dict[str, Any]:
        return {"name": self.name, "sha256": self.digest.hexdigest(), "bytes": self.size, "rows": self.rows}


@transaction.atomic
def request(*, wanted: Wanted, by: Actor, now: datetime) -> Job:
    """Ask for an export, and record who asked. Raises ExportRefused."""
    if wanted.end > now:
        raise ExportRefused("to", "The period has to be over: what it holds would still change.")
    if wanted.start is not None and wanted.start >= wanted.end:
        raise ExportRefused("from", "The period begins after it ends.")
    if wanted.purpose and not Purpose.objects.filter(key=wanted.purpose).exists():
        raise ExportRefused("purpose", f"There is no purpose “{wanted.purpose}”: its log would always be empty.")
    job = Job.objects.create(
        kind=KIND,
        arguments={"filter": wanted.as_json(), "requester": {"kind": by.kind.value, "id": by.id}},
        created_by_id=int(by.id) if by.kind == "user" else None,
        created_at=now,
    )
    access.record(
        actor=by,
        action="consent.export",
        profile_ids=[],
        purpose=wanted.purpose,
        fields=["consent_log"],
        now=now,
        basis={"export": job.pk, "filter": wanted.as_json()},
    )
    return job


def write(*, job: Job, now: datetime, report: Callable[[int], None] = lambda done: None) -> dict[str, Any]:
    """Write the job's files and pack them; return the manifest. Writing again replaces what was there."""
    wanted = Wanted.from_json(job.arguments["filter"])
    target = path_of(job)
    target.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
    folder = Path(tempfile.mkdtemp(prefix=f"{job.pk}.", dir=target.parent))
    try:
        manifest = _write_files(folder, wanted, requester=job.arguments["requester"], now=now, report=report)
        draft = folder / target.name
        with zipfile.ZipFile(draft, "w", zipfile.ZIP_DEFLATED, compresslevel=1) as packed:
            for name in (MANIFEST, README, TERMS, RECORD, COPY):
                packed.write(folder / name, name)
        draft.chmod(0o600)
        draft.replace(target)
    finally:
        shutil.rmtree(folder, ignore_errors=True)
    return manifest


# Between a door's look at the clock and the beginning of its transaction.
_TO_BEGIN = timedelta(seconds=2)
_OPEN = """
SELECT EXISTS (SELECT FROM pg_stat_activity WHERE datname = current_database() AND usename = current_user
                  AND pid <> pg_backend_pid() AND xact_start < %s)
"""


def is_settled(wanted: Wanted, *, now: datetime) -> bool:
    """Say whether everything recorded in the period is there to be read.

    An entry's time of recording is read as its transaction begins or later, and the entry is seen when that ends: one
    that began in the period and is still open may bring more.
    """
    begun = wanted.end + _TO_BEGIN
    if now < begun:
        return False
    with connection.cursor() as cursor:
        cursor.execute(_OPEN, [begun])
        return not cursor.fetchone()[0]


@transaction.atomic
def record_download(*, job: Job, by: Actor, now: datetime) -> None:
    """Record that somebody takes the export away."""
    access.record(
        actor=by,
        action="consent.export.download",
        profile_ids=[],
        purpose=job.arguments["filter"]["purpose"] or "",
        fields=["consent_log"],
        now=now,
        basis={"export": job.pk},
    )


def path_of(job: Job) -> Path:
    return Path(settings.CDP_DATA_DIR) / "exports" / f"consent-export-{job.pk}.zip"


def find(job_id: int) -> Job | None:
    return Job.objects.filter(kind=KIND, pk=job_id).first()


def recent(*, count: int = 20) -> list[Job]:
    return list(Job.objects.filter(kind=KIND).select_related("created_by").order_by("-id")[:count])


def is_ready(job: Job) -> bool:
    return job.state == JobState.DONE and path_of(job).exists()


def _write_files(
    folder: Path, wanted: Wanted, *, requester: Mapping[str, str], now: datetime, report: Callable[[int], None]
) -> dict[str, Any]:
    counts: Counter[str] = Counter()
    with (folder / RECORD).open("wb") as record_stream, (folder / COPY).open("wb") as copy_stream:
        record, copy = _File(RECORD, record_stream), _File(COPY, copy_stream)
        copy.write(spreadsheet.line(_COPY_HEADER))
        for row in _rows(wanted):
            record.write(_record_line(row), rows=1)
            copy.write(spreadsheet.line(_copy_row(row)), rows=1)
            counts[row.operation] += 1
            if record.rows % _AT_ONCE == 0:
                report(record.rows)
    terms = _write_whole(folder, TERMS, _terms())
    readme = _write_whole(folder, README, _README.encode())
    manifest = {
        "format": FORMAT,
        "exported_at": instant(now),
        "filter": wanted.as_json(),
        "requester": dict(requester),
        "counts": {"entries": record.rows, "by_operation": dict(sorted(counts.items()))},
        "files": [file.as_json() for file in (record, copy, terms, readme)],
        "authoritative": RECORD,
    }
    _write_whole(folder, MANIFEST, json.dumps(manifest, indent=2).encode())
    report(record.rows)
    return manifest


def _write_whole(folder: Path, name: str, content: bytes) -> _File:
    with (folder / name).open("wb") as stream:
        file = _File(name, stream)
        file.write(content)
    return file


@dataclass(frozen=True, slots=True)
class _Row:
    seq: int
    hash: bytes
    encoded: bytes
    person: int
    operation: str
    purposes: list[str]
    occurred_at: datetime
    received_at: datetime
    source: str
    channel: str
    assurance: str


_PAGE = """
SELECT e.seq, e.hash, e.bytes, coalesce(o.root_id, e.origin_id), e.operation, e.purposes, e.occurred_at,
       e.received_at, e.source, e.channel, e.assurance
  FROM consent_entry e LEFT JOIN origin o ON o.id = e.origin_id
 WHERE e.seq > %(after)s AND e.received_at >= %(start)s AND e.received_at < %(end)s
   AND (%(purpose)s = '' OR %(purpose)s = ANY (e.purposes))
 ORDER BY e.seq LIMIT %(limit)s
"""
_EPOCH = datetime.fromisoformat("1970-01-01T00:00:00+00:00")


def _rows(wanted: Wanted) -> Iterator[_Row]:
    """Page through the entries by their number: constant memory, no transaction open for as long as it takes."""
    after = -1
    facts: dict[str, Any] = {
        "start": wanted.start or _EPOCH,
        "end": wanted.end,
        "purpose": wanted.purpose,
        "limit": _AT_ONCE,
    }
    while True:
        with connection.cursor() as cursor:
            cursor.execute(_PAGE, {**facts, "after": after})
            page = cursor.fetchall()
        for seq, digest, encoded, *rest in page:
            yield _Row(seq, bytes(digest), bytes(encoded), *rest)
        if len(page) < _AT_ONCE:
            return
        after = page[-1][0]


def _record_line(row: _Row) -> bytes:
    """One line of the record: `entry` is the exact canonical text, whose SHA-256 is `sha256`."""
    stated = {
        "seq": row.seq,
        "id": public_id(row.seq),
        "sha256": row.hash.hex(),
        "person": to_public(row.person),
        "operation": row.operation,
        "purposes": row.purposes,
        "occurred_at": instant(row.occurred_at),
        "received_at": instant(row.received_at),
        "source": row.source,
        "channel": row.channel,
        "assurance": row.assurance,
        "entry": row.encoded.decode(),
    }
    return json.dumps(stated, ensure_ascii=False, separators=(",", ":")).encode() + b"\n"


_COPY_HEADER = (
    "copy of entry (sha256)", "id", "seq", "person", "operation", "purposes", "occurred_at", "received_at",
    "valid_until", "source", "channel", "method", "assurance", "notice", "notice_version", "notice_language",
    "notice_sha256", "actor_kind", "actor_id", "supersedes",
)  # fmt: skip


def _copy_row(row: _Row) -> Iterator[object]:
    entry = json.loads(row.encoded)
    notice = entry["notice"] or {}
    yield from (row.hash.hex(), public_id(row.seq), row.seq, to_public(row.person), row.operation)
    yield from (" ".join(row.purposes), entry["occurred_at"], entry["received_at"])
    yield " ".join(purpose["until"] or "" for purpose in entry["purposes"]).strip()
    yield from (entry["source"], entry["channel"], entry["method"], entry["assurance"])
    yield from (notice.get("id"), notice.get("version"), notice.get("language"), notice.get("sha256"))
    yield from (entry["actor"]["kind"], entry["actor"]["id"], entry["supersedes"])


def _terms() -> bytes:
    """Every version of every purpose and notice that was ever live: what the entries refer to by key and version."""
    was_live = {"state__in": ("live", "superseded", "retired")}
    purposes = PurposeVersion.objects.filter(**was_live).select_related("head").order_by("head__key", "number")
    notices = NoticeVersion.objects.filter(**was_live).select_related("head").order_by("head__key", "number")
    stated = {
        kind: [{"key": version.head.key, "version": version.number, "content": version.content} for version in versions]
        for kind, versions in (("purposes", purposes), ("notices", notices))
    }
    return json.dumps(stated, ensure_ascii=False, indent=1).encode()


_README = f"""Export of a consent log ({FORMAT})

{RECORD} is the record. Each line is a JSON object; its "entry" is the exact text of one entry, and "sha256" the SHA-256
of that text in UTF-8. The other members of the line repeat what the entry says, for searching, except for "person", who
the entry's subject was found to be at the time of the export.

{COPY} is a copy for spreadsheets. Cells that could be taken for formulas carry an apostrophe.

{TERMS} holds the versions of purposes and notices that entries name. An entry's notice sha256 is that of
the member "text" in that version's "content".

{MANIFEST} holds the filter, the requester, the counts, and the SHA-256 of each of the other files.

Where a person stands follows from their entries: for each purpose the latest occurred_at decides; at the same instant a
refusal decides over a grant; an entry whose sha256 another one names in "supersedes" does not count; a grant ends at
the purpose's "until".
"""
