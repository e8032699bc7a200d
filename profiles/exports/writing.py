"""Rows into Parquet by day. PostgreSQL writes CSV by COPY, pyarrow reads it block by block: no row becomes Python.

However much is exported, no more of it is in memory than `_MOST_WAITING` bytes and the blocks that are being turned.
"""

import hashlib
import json
import shutil
import tempfile
import zipfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.csv
import pyarrow.parquet as pq
from django.conf import settings
from django.db import connections
from django.db.backends.base.base import BaseDatabaseWrapper

from cdp.copying import copy_rows
from cdp.models import Job
from cdp.pseudonyms import pseudonym
from profiles.exports import gates, tables
from profiles.exports.asking import Format, Wanted
from profiles.exports.sheets import SheetWriter
from profiles.exports.tables import LeftOut, Part, Question, Table
from profiles.identity.rule import DEFAULT
from profiles.identity.rules import live_rule

FORMAT = "cdp-data-export/1"
MANIFEST = "manifest.json"
_BLOCK = 4 << 20
_MOST_WAITING = 128 << 20
_PEOPLE_AT_ONCE = 20_000

Report = Callable[[int], None]


@dataclass(slots=True)
class _Days:
    """The open files of a table, one per day; small blocks wait until they are worth a row group."""

    folder: Path
    table: Table
    format: Format
    waiting: dict[str, list[Any]] = field(default_factory=dict)
    sizes: dict[str, int] = field(default_factory=dict)
    writers: dict[str, Any] = field(default_factory=dict)
    rows: dict[str, int] = field(default_factory=dict)

    def add(self, block: Any) -> None:
        days = block.column("date")
        for day in pc.unique(days):
            own = block.filter(pc.equal(days, day)).drop_columns(["date"])
            name = day.as_py()
            self.waiting.setdefault(name, []).append(own)
            self.sizes[name] = self.sizes.get(name, 0) + own.nbytes
            self.rows[name] = self.rows.get(name, 0) + own.num_rows
        while sum(self.sizes.values()) > _MOST_WAITING:
            self._write(max(self.sizes, key=self.sizes.__getitem__))

    def close(self) -> None:
        for day in list(self.waiting):
            self._write(day)
        for writer in self.writers.values():
            writer.close()
        self.writers.clear()

    def _write(self, day: str) -> None:
        if day not in self.writers:
            path = self.folder / self.path(day)
            path.parent.mkdir(parents=True, exist_ok=True)
            self.writers[day] = self._writer(path)
        self.writers[day].write_table(pa.concat_tables(self.waiting.pop(day)))
        del self.sizes[day]

    def _writer(self, path: Path) -> Any:
        schema = pa.schema([pa.field(column.name, column.type) for column in self.table.columns])
        if self.format is Format.CSV:
            return SheetWriter(path, schema.names)
        return pq.ParquetWriter(path, schema, compression="zstd", compression_level=1)

    def path(self, day: str) -> str:
        return f"{self.table.name}/date={day}/part-0.{self.format}"

    def files(self) -> list[dict[str, Any]]:
        return [_told(self.folder, self.path(day), rows=rows) for day, rows in sorted(self.rows.items())]


class _Blocks:
    """Takes the rows of a COPY, which come one by one, and hands them on as tables."""

    def __init__(self, table: Table, take: Callable[[Any], None]) -> None:
        self._rows: list[bytes] = []
        self._size = 0
        self._take = take
        names = ["date", *(column.name for column in table.columns)]
        types = {"date": pa.string(), **{column.name: column.type for column in table.columns}}
        self._read = pyarrow.csv.ReadOptions(column_names=names, use_threads=False, block_size=2 * _BLOCK)
        self._parse = pyarrow.csv.ParseOptions(newlines_in_values=True)
        self._convert = pyarrow.csv.ConvertOptions(
            column_types=types,
            null_values=[""],
            true_values=["t"],
            false_values=["f"],
            strings_can_be_null=True,
            quoted_strings_can_be_null=False,
        )

    def write(self, row: bytes) -> None:
        self._rows.append(row)
        self._size += len(row)
        if self._size > _BLOCK:
            self.flush()

    def flush(self) -> None:
        if self._rows:
            given = pa.BufferReader(b"".join(self._rows))
            self._rows, self._size = [], 0
            self._take(pyarrow.csv.read_csv(given, self._read, self._parse, self._convert))


@contextmanager
def _snapshot() -> Iterator[Any]:
    """A cursor of a connection of its own, all of whose statements see one moment. Nothing it does stays."""
    connection: BaseDatabaseWrapper = connections["default"].copy()
    try:
        connection.ensure_connection()
        connection.set_autocommit(False)
        with connection.cursor() as cursor:
            cursor.execute("SET TRANSACTION ISOLATION LEVEL REPEATABLE READ")
            cursor.execute("SET LOCAL TimeZone = 'UTC'; SET LOCAL DateStyle = 'ISO'; SET LOCAL statement_timeout = 0")
            yield cursor
        connection.rollback()
    finally:
        connection.close()


def write(*, job: Job, now: datetime, report: Report) -> dict[str, Any]:
    """Write the job's files and pack them; return the manifest. Writing again replaces what was there."""
    wanted = Wanted.from_json(job.arguments["filter"])
    target = path_of(job)
    target.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
    for left in target.parent.glob(f"data.{job.pk}.*"):  # by a worker that was lost
        shutil.rmtree(left, ignore_errors=True)
    folder = Path(tempfile.mkdtemp(prefix=f"data.{job.pk}.", dir=target.parent))
    try:
        with _snapshot() as cursor:
            manifest = _write_tables(cursor, folder, wanted, now=now, report=report)
        manifest["requester"] = job.arguments["requester"]
        (folder / MANIFEST).write_text(json.dumps(manifest, indent=2))
        _pack(folder, target, [MANIFEST, *(file["name"] for file in manifest["files"])])
    finally:
        shutil.rmtree(folder, ignore_errors=True)
    return manifest


def path_of(job: Job) -> Path:
    return Path(settings.CDP_DATA_DIR) / "exports" / f"data-export-{job.pk}.zip"


def _write_tables(cursor: Any, folder: Path, wanted: Wanted, *, now: datetime, report: Report) -> dict[str, Any]:
    cursor.execute("SELECT clock_timestamp()")  # the snapshot is taken with the first statement
    (as_of,) = cursor.fetchone()
    people = _permit(cursor, wanted, now=now, report=report)
    asked = Question(wanted.start, wanted.end, as_of, _left_out(cursor, wanted.purpose), wanted.segment)
    chosen = [table for name, table in tables.known().items() if not wanted.tables or name in wanted.tables]
    files: list[dict[str, Any]] = []
    for table in chosen:
        after = _after(sum(file["rows"] for file in files), report)
        files += _write_table(cursor, folder, table, asked, after, wanted.format)
    return {
        "format": FORMAT,
        "product_version": settings.SPECTACULAR_SETTINGS["VERSION"],
        "as_of": as_of.isoformat(),
        "filter": wanted.as_json(),
        "people": people,
        "left_out": {
            "traits": list(asked.left_out.traits),
            "properties": {event: list(names) for event, names in asked.left_out.properties.items()},
            "events": list(asked.left_out.events),
        },
        "tables": [_described(table, files) for table in chosen],
        "files": files,
    }


def _after(before: int, report: Report) -> Report:
    """Count on from what other tables had."""
    return lambda rows: report(before + rows)


def _permit(cursor: Any, wanted: Wanted, *, now: datetime, report: Report) -> dict[str, int]:
    """Find who may leave and name them for this purpose; count those who may not."""
    said = gates.permission(purpose=wanted.purpose, now=now)
    cursor.execute("CREATE TEMP TABLE export_people (profile_id bigint, person_id text) ON COMMIT DROP")
    cursor.execute("CREATE TEMP TABLE permitted ON COMMIT DROP AS SELECT p.id FROM profile p"
                   f" WHERE p.merged_into IS NULL AND {said.sql}", said.parameters)  # fmt: skip
    cursor.execute("SELECT count(*) FROM profile WHERE merged_into IS NULL")
    (everybody,) = cursor.fetchone()
    cursor.execute("DECLARE permitted_ids NO SCROLL CURSOR FOR SELECT id FROM permitted")
    permitted, domain = 0, f"export:{wanted.purpose}"
    while True:
        cursor.execute(f"FETCH {_PEOPLE_AT_ONCE} FROM permitted_ids")
        found = cursor.fetchall()
        if not found:
            break
        named = ((id_, pseudonym(domain=domain, type="profile", value=str(id_))) for (id_,) in found)
        copy_rows(cursor, "export_people", ("profile_id", "person_id"), named)
        permitted += len(found)
        report(0)
    cursor.execute("CLOSE permitted_ids; CREATE INDEX ON export_people (profile_id); ANALYZE export_people")
    return {"known": everybody, "permitted": permitted, "refused": everybody - permitted}


# Personal and sensitive values leave only for the purpose that the catalogue gives them; what was collected for another
# purpose stays as well, and so do events of that kind. What the identity rule takes names of people from is personal
# whatever the catalogue says of it.
_TRAITS = """
SELECT name FROM trait_definition WHERE personal_class <> 'none' OR purpose <> ''
 UNION SELECT unnest(%(names)s::text[])
EXCEPT SELECT name FROM trait_definition WHERE purpose = %(purpose)s
 ORDER BY name
"""
_PROPERTIES = """
SELECT event_name, array_agg(name ORDER BY name) FROM property_definition
 WHERE (personal_class <> 'none' OR purpose <> '' OR name = ANY (%(names)s)) AND purpose <> %(purpose)s
 GROUP BY event_name ORDER BY event_name
"""
_EVENTS = """
SELECT name FROM event_definition
 WHERE (personal_class <> 'none' OR purpose <> '') AND purpose <> %(purpose)s ORDER BY name
"""


def _left_out(cursor: Any, purpose: str) -> LeftOut:
    names = {trait for kind in (*DEFAULT.types, *live_rule().types) for trait in kind.traits}
    given = {"purpose": purpose, "names": sorted(names)}
    cursor.execute(_TRAITS, given)
    traits = tuple(name for (name,) in cursor.fetchall())
    cursor.execute(_PROPERTIES, given)
    properties = {event: tuple(names) for event, names in cursor.fetchall()}
    cursor.execute(_EVENTS, given)
    return LeftOut(traits, properties, tuple(name for (name,) in cursor.fetchall()))


def _write_table(
    cursor: Any, folder: Path, table: Table, asked: Question, report: Report, written_as: Format
) -> list[dict[str, Any]]:
    days = _Days(folder, table, written_as)

    def take(block: Any) -> None:
        days.add(block)
        report(sum(days.rows.values()))

    for part in table.parts(asked):
        _copy(cursor, part, _Blocks(table, take))
        days.close()
    return days.files()


def _copy(cursor: Any, part: Part, blocks: _Blocks) -> None:
    statement = cursor.mogrify(part.sql, part.parameters).decode()
    cursor.copy_expert(f"COPY ({statement}) TO STDOUT (FORMAT csv)", blocks)
    blocks.flush()


def _described(table: Table, files: list[dict[str, Any]]) -> dict[str, Any]:
    columns = [{"name": column.name, "type": str(column.type), "description": column.told} for column in table.columns]
    rows = sum(file["rows"] for file in files if file["name"].startswith(f"{table.name}/"))
    return {"name": table.name, "description": table.told, "partition": "date", "columns": columns, "rows": rows}


def _told(folder: Path, name: str, *, rows: int) -> dict[str, Any]:
    path = folder / name
    with path.open("rb") as stream:
        digest = hashlib.file_digest(stream, "sha256").hexdigest()
    return {"name": name, "rows": rows, "bytes": path.stat().st_size, "sha256": digest}


def _pack(folder: Path, target: Path, names: list[str]) -> None:
    draft = folder / target.name
    with zipfile.ZipFile(draft, "w", zipfile.ZIP_STORED) as packed:  # Parquet is compressed already
        for name in names:
            packed.write(folder / name, name)
    draft.chmod(0o600)
    draft.replace(target)
