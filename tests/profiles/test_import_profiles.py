"""People from a CRM's file: through the pipeline, again without effect, after a kill from where it was, row by row."""

import csv
import gzip
import io
import json
import os
import resource
import signal
import subprocess
import sys
import time
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from django.core.files.uploadedfile import SimpleUploadedFile
from django.core.management import CommandError, call_command
from django.db import connection
from django.utils import timezone

from cdp.access import Actor
from cdp.models import AccessRecord, Job
from cdp.models.job import JobState
from profiles.imports import people, proposing, reading, reports, running, uploads
from profiles.imports.mapping import MappingRefused
from profiles.imports.uploads import FileKind, Wanted
from profiles.ingest import accounting
from profiles.models import ImportFault, ImportRequest, Source, Trait
from profiles.models.file_job import IMPORT_KIND
from tests.conftest import DATA_DIR
from tests.profiles import stream

ROOT = Path(__file__).resolve().parents[2]
MAPPING: dict[str, Any] = {
    "name": "crm",
    "source": "crm",
    "priority": 200,
    "identifiers": {"user_id": "Customer", "email": "Mail"},
    "traits": {
        "country": {"column": "Country"},
        "age": {"column": "Age", "kind": "integer"},
        "score": {"column": "Score", "kind": "number"},
        "vip": {"column": "VIP", "kind": "boolean"},
        "since": {"column": "Since", "kind": "datetime", "format": "%d.%m.%Y", "zone": "Europe/Berlin"},
        "tags": {"column": "Tags", "kind": "list", "separator": ";"},
        "note": {"column": "Note", "empty": "clear"},
    },
}
COLUMNS = ("Customer", "Mail", "Country", "Age", "Score", "VIP", "Since", "Tags", "Note")
ANN = ("c1", "Ann@Example.com", "DE", "30", "1.50", "yes", "24.12.2020", "a; b;", "")
NOBODY = ("", "", "DE", "", "", "", "", "", "")
ASKER = Actor.system("test")
database = pytest.mark.django_db(transaction=True)


def written(folder: Path, *rows: tuple[str, ...], name: str = "crm.csv") -> Path:
    path = folder / name
    with path.open("w", newline="", encoding="utf-8") as file:
        csv.writer(file).writerows([COLUMNS, *rows])
    return path


def mapped(folder: Path, **changes: Any) -> Path:
    path = folder / "mapping.json"
    path.write_text(json.dumps(MAPPING | changes))
    return path


def imported(folder: Path, *rows: tuple[str, ...], **options: Any) -> Path:
    file = options.pop("file", None) or written(folder, *rows)
    mapping = mapped(folder, **options.pop("changes", {}))
    call_command("import_profiles", str(file), mapping=mapping, drain=True, **options)
    return file


def traits_of(user_id: str) -> dict[str, Any]:
    return json.loads(stream.one("SELECT traits::text FROM profile WHERE id = %s", stream.person("user_id", user_id)))


@database
def test_a_row_becomes_a_person_with_typed_traits_and_every_name_they_go_by(tmp_path: Path) -> None:
    imported(tmp_path, ANN)

    assert traits_of("c1") == {
        **{"country": "DE", "age": 30, "score": 1.5, "vip": True, "tags": ["a", "b"]},
        **{"since": "2020-12-23T23:00:00+00:00", "email": "Ann@Example.com"},
    }
    assert stream.people() == {frozenset({("user_id", "c1"), ("email", "ann@example.com")})}
    source = Source.objects.get(key="crm")
    assert (source.kind, source.priority) == ("import", 200)


@database
def test_the_same_file_again_changes_nothing_even_when_the_note_of_it_is_lost(tmp_path: Path) -> None:
    file = imported(tmp_path, ANN)
    before = stream.state()
    Job.objects.all().delete()
    imported(tmp_path, file=file)

    totals = accounting.totals()
    assert (totals.stored, totals.duplicate, totals.rejected) == (1, 1, 0)
    assert stream.state() == before


@database
def test_a_changed_row_changes_the_person_and_a_dated_file_may_change_back(tmp_path: Path) -> None:
    french = (*ANN[:2], "FR", *ANN[3:])
    for day, row in (("2026-01-01", ANN), ("2026-01-02", french), ("2026-01-03", ANN)):
        imported(tmp_path, row, dated=datetime.fromisoformat(day).replace(tzinfo=UTC))
        assert traits_of("c1")["country"] == row[2]
    assert accounting.totals().stored == 3


@database
def test_an_empty_cell_says_nothing_unless_the_mapping_says_that_it_clears(tmp_path: Path) -> None:
    imported(tmp_path, (*ANN[:8], "likes tea"))
    imported(tmp_path, ("c1", "", "", "", "", "", "", "", ""))

    assert traits_of("c1")["country"] == "DE"
    assert Trait.objects.get(name="note").value is None


@database
def test_somebody_with_an_address_and_nothing_else_is_a_person_too(tmp_path: Path) -> None:
    imported(tmp_path, ("", "cem@example.com", "TR", "", "", "", "", "", ""), ANN)
    imported(tmp_path, ("c9", "cem@example.com", "", "", "", "", "", "", ""))

    assert traits_of("c9")["country"] == "TR"
    assert accounting.totals().rejected == 0


@database
def test_what_fails_is_told_by_row_and_column_with_the_reason_and_without_the_value(tmp_path: Path) -> None:
    report = tmp_path / "report.csv"
    rows = (ANN, ("c2", "", "=cmd()", "forty-one", *ANN[4:]), NOBODY, ("x" * 501, *NOBODY[1:]))
    imported(tmp_path, *rows, report=report)

    header, *told = csv.reader(io.StringIO(report.read_text(encoding="utf-8"), newline=""))
    assert tuple(header) == reports.HEADER
    assert told == [
        ["2", "Age", "text of 9 characters", "is not a number.", "unreadable"],
        ["3", "Customer", "empty", "is empty, as is every other identifier.", "unreadable"],
        ["4", "userId", "as the event has it", told[2][3], "too_long"],
    ]
    assert "forty" not in report.read_text() and "xxx" not in report.read_text()
    job = Job.objects.get()
    totals = reports.totals(job)
    assert (totals.rows, totals.events, totals.unreadable) == (4, 2, 2)
    assert (totals.stored, totals.duplicates, totals.rejected, totals.pending) == (1, 0, 1, 0)


@database
def test_a_cell_of_the_report_is_no_formula(tmp_path: Path) -> None:
    job = Job.objects.create(kind=IMPORT_KIND, state=JobState.RUNNING, created_at=timezone.now())
    ImportFault.objects.create(job=job, row=1, column='=HYPERLINK("x")', value_class="empty", reason="+1")
    _, line = b"".join(reports.as_csv(job)).decode().splitlines()
    assert line == '"1","\'=HYPERLINK(""x"")","empty","\'+1","unreadable"'


@database
def test_an_import_that_is_killed_goes_on_where_it_was(tmp_path: Path, servers: Any) -> None:
    rows = [(f"c{number}", "", "DE", str(number % 90), "", "", "", "", "") for number in range(30_000)]
    file, mapping = written(tmp_path, *rows), mapped(tmp_path)
    command = [sys.executable, "manage.py", "import_profiles", str(file), "--mapping", str(mapping)]
    environment = os.environ | {
        "CDP_BOOTSTRAP": "0",
        "CDP_DATA_DIR": str(DATA_DIR),
        "DATABASE_URL": servers.database_url,
        "DATABASE_OWNER_URL": servers.owner_url,
        "REDIS_URL": servers.redis_url,
    }
    process = subprocess.Popen(command, cwd=ROOT, env=environment, stderr=subprocess.DEVNULL)
    until = time.monotonic() + 60
    while accounting.totals().accepted < 2_000 and time.monotonic() < until:
        time.sleep(0.005)
    process.send_signal(signal.SIGKILL)
    process.wait(30)
    sent = accounting.totals().accepted
    assert 2_000 <= sent < 30_000, "killed in the middle"

    call_command("import_profiles", str(file), mapping=mapping)

    job = Job.objects.get()
    assert (job.state, job.done, job.result["events"]) == (JobState.DONE, 30_000, 30_000)
    assert accounting.totals().accepted == 30_000, "nothing twice and nothing missing"
    with connection.cursor() as cursor:
        cursor.execute("SELECT count(DISTINCT r), count(*) FROM import_request, unnest(rows) r")
        assert cursor.fetchone() == (30_000, 30_000)


# -- uploads ---------------------------------------------------------------------------------------------------------
def uploaded(content: bytes, *, kind: FileKind = FileKind.PEOPLE, mapping: Any = None) -> Job:
    wanted = Wanted(kind, json.dumps(mapping or MAPPING).encode())
    return uploads.request(file=SimpleUploadedFile("crm.csv", content), wanted=wanted, by=ASKER, now=timezone.now())


@database
def test_an_uploaded_file_is_worked_off_in_shares(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(running, "EVENTS_PER_REQUEST", 10)
    rows = [(f"c{number}", *ANN[1:]) for number in range(35)]
    job = uploaded(written(tmp_path, *rows).read_bytes())
    ticks = iter(range(0, 10_000, 90))
    turns = 0
    while uploads.run_next(now=timezone.now(), clock=lambda: float(next(ticks))):
        turns += 1
        job.refresh_from_db()
        assert job.done == min(35, 20 * turns)
    stream.work()

    assert turns == 3, "the last one finds that nothing is left"
    assert (job.state, reports.totals(job).stored) == (JobState.DONE, 35)
    assert AccessRecord.objects.filter(action="data.import").count() == 1


@database
def test_an_import_that_is_called_off_stops_at_the_next_step(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(running, "EVENTS_PER_REQUEST", 10)
    job = uploaded(written(tmp_path, *[(f"c{number}", *ANN[1:]) for number in range(35)]).read_bytes())
    commit = running._commit

    def called_off(*given: Any, **more: Any) -> None:
        commit(*given, **more)
        uploads.cancel(job=job, by=ASKER, now=timezone.now())

    monkeypatch.setattr(running, "_commit", called_off)
    assert uploads.run_next(now=timezone.now())
    assert not uploads.run_next(now=timezone.now())
    job.refresh_from_db()
    assert (job.state, job.done, accounting.totals().accepted) == (JobState.CANCELLED, 10, 10)


@database
def test_a_file_that_does_not_fit_its_mapping_fails_with_a_sentence() -> None:
    job = uploaded(b"Customr,Mail\n1,2\n")
    assert uploads.run_next(now=timezone.now())
    job.refresh_from_db()
    assert job.state == JobState.FAILED
    assert "did you mean Customr?" in job.error


@database
@pytest.mark.parametrize(
    ("mapping", "field"),
    [
        ({"name": "crm"}, "mapping"),
        ({"name": "crm", "identifiers": {"user_id": 5}}, "mapping.identifiers[...]"),
        ({"name": "crm", "identifiers": {}}, "mapping.identifiers"),
        ({"name": "crm", "identifiers": {"emial": "Mail"}}, "mapping.identifiers.emial"),
        ({**MAPPING, "traits": {"a": {"column": "A", "kind": "money"}}}, "mapping.traits[...].kind"),
        ({**MAPPING, "traits": {"a": {"column": "A", "zone": "Moon"}}}, "mapping.traits.a"),
        ({**MAPPING, "delimiter": ";;"}, "mapping.delimiter"),
        ({**MAPPING, "unknown": 1}, "mapping"),
    ],
)
def test_a_mapping_that_cannot_be_used_is_refused_with_its_field(mapping: Any, field: str) -> None:
    with pytest.raises(uploads.ImportRefused) as refused:
        uploaded(b"Customer\nc1\n", mapping=mapping)
    assert refused.value.field == field
    assert not Job.objects.exists()


@database
def test_files_of_finished_imports_are_forgotten_after_a_week(tmp_path: Path) -> None:
    job = uploaded(written(tmp_path, ANN).read_bytes())
    uploads.run_next(now=timezone.now())
    uploads.forget_files(now=timezone.now())
    assert uploads.path_of(job).exists()
    uploads.forget_files(now=timezone.now() + uploads._KEPT)
    assert not uploads.path_of(job).parent.exists()


@database
def test_a_file_is_not_forgotten_while_it_is_still_being_kept() -> None:
    seen: list[bool] = []

    class Slow(SimpleUploadedFile):
        def chunks(self, chunk_size: int | None = None) -> Any:
            yield b"Customer\n"
            # Another process tidies up, and does not see the job of an open transaction.
            Job.objects.all().delete()
            uploads.forget_files(now=timezone.now())
            seen.extend(path.exists() for path in (DATA_DIR / "imports").glob("*/file"))
            uploads.forget_files(now=timezone.now() + timedelta(days=2))
            seen.extend(path.exists() for path in (DATA_DIR / "imports").glob("*/file"))

    wanted = Wanted(FileKind.PEOPLE, json.dumps(MAPPING).encode())
    uploads.request(file=Slow("crm.csv", b"x"), wanted=wanted, by=ASKER, now=timezone.now())
    assert seen == [True], "kept at first, gone when nobody can be at it any more"


@database
def test_the_rows_of_an_import_are_forgotten_after_a_month_and_the_totals_stay(tmp_path: Path) -> None:
    imported(tmp_path, ANN, NOBODY)
    before = reports.totals(Job.objects.get())
    reports.forget(now=timezone.now() + timedelta(days=29))
    assert reports.faults(Job.objects.get())
    reports.forget(now=timezone.now() + timedelta(days=31))
    assert not reports.faults(Job.objects.get()) and not ImportRequest.objects.exists()
    assert reports.totals(Job.objects.get()) == before
    assert (before.stored, before.unreadable) == (1, 1)


# -- kinds of files --------------------------------------------------------------------------------------------------
def lines_of(path: Path, *wanted: str) -> list[dict[str, str]]:
    with reading.opened(path, delimiter=",", wanted=wanted) as file:
        return [line.cells for line in file.lines]


def test_parquet_says_what_a_csv_would_say(tmp_path: Path) -> None:
    table = pa.table({
        "id": pa.array([1.0, None]),
        "amount": pa.array([Decimal("1.50"), None]),
        "at": pa.array([datetime(2026, 1, 2, 3, 4, 5, 6, tzinfo=UTC), None], pa.timestamp("ns", "UTC")),
        "flag": pa.array([True, None]),
        "name": pa.array(["Ä", None]),
        "tags": pa.array([["a"], None]),
        "bytes": pa.array([b"\x00", None]),
        "day": pa.array([date(2026, 1, 2), None]),
    })  # fmt: skip
    pq.write_table(table, tmp_path / "f.parquet", row_group_size=1)
    wanted = ("id", "amount", "at", "flag", "name", "tags", "day")
    first, second = lines_of(tmp_path / "f.parquet", *wanted)

    assert first == {
        **{"id": "1", "amount": "1.50", "at": "2026-01-02T03:04:05.000006+00:00", "flag": "true"},
        **{"name": "Ä", "tags": '["a"]', "day": "2026-01-02"},
    }
    assert set(second.values()) == {""}
    with pytest.raises(reading.FileRefused, match="Column bytes holds bytes"):
        lines_of(tmp_path / "f.parquet", "bytes")


def test_json_lines_keep_the_digits_and_tell_a_line_that_is_no_object(tmp_path: Path) -> None:
    path = tmp_path / "f.jsonl.gz"
    path.write_bytes(gzip.compress(b'{"a": 1.10, "b": null}\n\n{"a": "x", "c": {"d": [1]}}\n[1]\n{"a": tru\n'))
    with reading.opened(path, delimiter=",", wanted=("a", "c")) as file:
        assert file.columns == ["a", "b", "c"]
        first, second, third, fourth = list(file.lines)
    assert (first.cells, second.cells["c"], second.number) == ({"a": "1.10", "b": "", "c": ""}, '{"d": [1]}', 2)
    assert (third.number, third.reason, fourth.number) == (3, "is not a JSON object", 4)


def test_a_line_without_an_end_is_refused_and_not_read_into_memory(tmp_path: Path) -> None:
    path = tmp_path / "f.csv.gz"
    path.write_bytes(gzip.compress(b"a,b\n" + b"x" * (3 * 1024 * 1024)))
    with pytest.raises(reading.FileRefused, match="a line longer than"):
        lines_of(path)


def test_a_record_without_an_end_is_refused_and_not_read_into_memory(tmp_path: Path) -> None:
    path = tmp_path / "f.csv.gz"
    path.write_bytes(gzip.compress(b"a,b\n" + b'"\n",' * 2_000_000))
    with pytest.raises(reading.FileRefused, match="a record longer than"):
        lines_of(path)


def test_lines_that_cannot_be_read_are_handed_on_one_by_one() -> None:
    def garbage() -> Any:
        yield from (reading.Unreadable(number, "is nothing", "x") for number in range(1, 5_000))
        raise AssertionError("all of them were read before any was handed on")

    assert len(next(reading.groups(garbage(), by="")).unreadable) == 1
    assert len(next(reading.groups(garbage(), by="a")).unreadable) < 2_000


def test_a_group_without_an_end_is_refused() -> None:
    lines = (reading.Line(number, {"order": "o1"}) for number in range(1, 200_000))
    with pytest.raises(reading.FileRefused, match="lines have the same order"):
        list(reading.groups(lines, by="order"))


def test_a_small_parquet_file_does_not_unfold_into_gigabytes(tmp_path: Path) -> None:
    path = tmp_path / "f.parquet"
    once = pa.DictionaryArray.from_arrays(pa.array([0] * 2_000, pa.int32()), pa.array(["x" * 20_000_000]))
    pq.write_table(pa.table({"a": once}), path, compression="zstd", store_schema=False)
    assert path.stat().st_size < 2_000, "it says 40 GB"
    with pytest.raises(reading.FileRefused, match="too large to be read"):
        lines_of(path)
    assert resource.getrlimit(resource.RLIMIT_AS)[0] == resource.RLIM_INFINITY


def test_a_damaged_parquet_file_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "f.parquet"
    path.write_bytes(b"PAR1 nothing of the kind PAR1")
    with pytest.raises(reading.FileRefused, match="no Parquet file"):
        lines_of(path)


def test_the_memory_that_parquet_takes_does_not_grow_with_the_file(tmp_path: Path) -> None:
    path = tmp_path / "f.parquet"
    rows = 400_000
    pq.write_table(pa.table({"a": pa.array(range(rows)), "b": pa.array(["x" * 200] * rows)}), path)
    before = pa.total_allocated_bytes()
    peak = 0
    with reading.opened(path, delimiter=",", wanted=("a", "b")) as file:
        for line in file.lines:
            if line.number % 5_000 == 0:
                peak = max(peak, pa.total_allocated_bytes() - before)
    assert line.number == rows
    assert peak < 24 << 20, "80 MB of text in one row group"


def test_a_mapping_is_proposed_from_the_header_and_the_first_rows(tmp_path: Path) -> None:
    path = tmp_path / "CRM Export.csv"
    path.write_text(
        "CustomerID;E-Mail;Postcode;LifetimeValue;VIP;Signup Date;Updated At\n"
        "7;a@b.c;01067;1.50;true;2020-01-01;2026-01-01T00:00:00Z\n8;;1010;2;;;2026-01-02T00:00:00Z\n"
    )
    document = proposing.as_document(proposing.propose(path, known_types=("user_id", "email", "phone")))

    assert document == {
        "name": "crm_export",
        "identifiers": {"user_id": "CustomerID", "email": "E-Mail"},
        "traits": {
            "postcode": {"column": "Postcode"},
            "lifetime_value": {"column": "LifetimeValue", "kind": "number"},
            "vip": {"column": "VIP", "kind": "boolean"},
            "signup_date": {"column": "Signup Date", "kind": "datetime"},
        },
        "time": {"column": "Updated At"},
        "delimiter": ";",
    }
    assert people.read(json.dumps(document).encode()).fingerprint


@database
def test_the_command_names_what_is_missing(tmp_path: Path) -> None:
    file = written(tmp_path, ANN)
    with pytest.raises(CommandError, match="--propose prints one"):
        call_command("import_profiles", str(file))
    with pytest.raises(CommandError, match="identifiers"):
        call_command("import_profiles", str(file), mapping=mapped(tmp_path, identifiers={}))
    with pytest.raises(CommandError, match="future"):
        call_command("import_profiles", str(file), mapping=mapped(tmp_path), dated=datetime(2999, 1, 1, tzinfo=UTC))
    with pytest.raises(MappingRefused):
        people.load(tmp_path / "none.json")
