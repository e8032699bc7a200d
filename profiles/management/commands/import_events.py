"""manage.py import_events FILE --mapping M: old events from a file, through the same pipeline as all others."""

import time
from argparse import ArgumentParser
from datetime import datetime
from pathlib import Path
from typing import Any

from django.core.management.base import BaseCommand, CommandError
from django.utils import timezone
from rich.console import Console
from rich.progress import BarColumn, Progress, TaskProgressColumn, TextColumn, TimeRemainingColumn

from profiles.imports import mapping, reports, running
from profiles.imports.mapping import MappingRefused
from profiles.imports.reading import FileRefused
from profiles.imports.running import AlreadyRunning
from profiles.ingest import accounting, doorbell, inbox
from profiles.models import ImportJob
from profiles.tasks import work_off

MAPPINGS = Path(mapping.__file__).parent / "mappings"
_SHARE_SECONDS = 1.0
_PAUSE_SECONDS = 0.05
_REPORT_ROWS = 10


class Command(BaseCommand):
    help = (
        "Import events from a CSV, JSON lines or Parquet file, the first two gzipped or not. Interrupted, it goes on;"
        " repeated, it adds nothing."
    )

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("file", type=Path, metavar="FILE")
        known = ", ".join(sorted(path.stem for path in MAPPINGS.glob("*.json")))
        parser.add_argument(
            "--mapping", required=True, metavar="M", help=f"a mapping file, or the name of one: {known}"
        )
        parser.add_argument("--source", default="", help="the source to record them under; the mapping's, if absent")
        parser.add_argument("--report", type=Path, metavar="CSV", help="write a line for every row that is not in")
        parser.add_argument("--drain", action="store_true", help="store and evaluate them here, and wait for the end")

    def handle(self, *args: Any, **options: Any) -> None:
        try:
            chosen = mapping.load(self._path(options["mapping"]))
            source = options["source"] or chosen.source or chosen.name
            done = self._send(options["file"], chosen, source)
        except (MappingRefused, FileRefused, AlreadyRunning) as refused:
            raise CommandError(str(refused)) from None
        self.stderr.write(
            f"{done.lines} lines: {done.events} events sent, {done.left_out} left out by cleaning,"
            f" {done.unreadable} could not be read."
        )
        if options["drain"]:
            self._drain(inbox.source_key(source))
        self._report(options["report"], running.arguments_of(options["file"], chosen, source, None))

    def _path(self, named: str) -> Path:
        shipped = MAPPINGS / f"{named}.json"
        return shipped if shipped.exists() else Path(named)

    def _send(
        self, file: Path, chosen: running.AnyMapping, source: str, dated: datetime | None = None
    ) -> running.Progress:
        if not file.is_file():
            raise FileRefused(f"There is no file {file}.")
        with _bar() as bar:
            task = bar.add_task(f"Sending {file.name}", total=file.stat().st_size)

            def on_step(_: running.Progress, position: int) -> None:
                bar.update(task, completed=position)
                doorbell.ring()

            now = timezone.now()
            done = running.run(path=file, mapping=chosen, source=source, now=now, on_step=on_step, dated=dated)
            bar.update(task, completed=file.stat().st_size)
        return done

    def _drain(self, source: str) -> None:
        with _bar() as bar:
            totals = accounting.totals(source=source)
            task = bar.add_task("Storing", total=totals.accepted)
            while work_off(until=time.monotonic() + _SHARE_SECONDS) or totals.pending > totals.parked:
                totals = accounting.totals(source=source)
                bar.update(task, completed=totals.accepted - totals.pending)
                time.sleep(_PAUSE_SECONDS)  # what is pending may be in the hands of another worker
        totals = accounting.totals(source=source)
        self.stderr.write(
            f"{totals.accepted} accepted = {totals.stored} stored + {totals.duplicate} duplicates"
            f" + {totals.rejected} rejected + {totals.pending} pending."
        )

    def _report(self, target: Path | None, arguments: dict[str, str]) -> None:
        job = ImportJob.objects.filter(arguments=arguments).latest("id")
        for fault in reports.faults(job, limit=_REPORT_ROWS):
            self.stderr.write(f"row {fault.row}: {fault.column} ({fault.value_class}): {fault.reason}")
        if target is not None:
            target.write_bytes(b"".join(reports.as_csv(job)))


def _bar() -> Progress:
    columns = (TextColumn("{task.description}"), BarColumn(), TaskProgressColumn(), TimeRemainingColumn())
    return Progress(*columns, console=Console(stderr=True))
