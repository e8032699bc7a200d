"""manage.py export_data: people, events and memberships as Parquet by day, with the same record of who asked."""

import json
import shutil
import zipfile
from datetime import UTC, date, timedelta
from pathlib import Path
from time import sleep
from typing import Any

from django.core.management.base import BaseCommand, CommandError, CommandParser
from django.utils import timezone

from cdp.access import Actor
from cdp.leased_jobs import OPEN
from cdp.models.job import JobState
from profiles.exports import asking, jobs, tables, writing

_BETWEEN_LOOKS = 0.2  # seconds


class Command(BaseCommand):
    help = "Export people, events and memberships as Parquet by day, of those whom a purpose permits, with a manifest."

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("--purpose", required=True, help="what it is for; only people whom it permits leave")
        parser.add_argument("--from", dest="start", type=date.fromisoformat, help="first UTC day (30 days ago)")
        parser.add_argument("--to", dest="end", type=date.fromisoformat, help="day after the last (today)")
        parser.add_argument("--tables", nargs="+", default=(), metavar="TABLE", help=", ".join(tables.names()))
        parser.add_argument("--segment", default="", help="only who was in this segment, by its key")
        parser.add_argument("--format", choices=[one.value for one in asking.Format], default="parquet")
        parser.add_argument("--output", type=Path, required=True, help="a ZIP file to write, or a folder to fill")

    def handle(self, *args: Any, **options: Any) -> None:
        now = timezone.now()
        end = options["end"] or now.astimezone(UTC).date()
        start = options["start"] or end - timedelta(days=30)
        wanted = asking.Wanted(
            options["purpose"],
            start,
            end,
            tuple(options["tables"]),
            options["segment"],
            asking.Format(options["format"]),
        )
        try:
            job = asking.request(wanted=wanted, by=Actor.system("manage.py export_data"), now=now)
        except asking.ExportRefused as error:
            raise CommandError(f"--{error.field}: {error.message}") from error
        # A worker may take it just as well.
        while job.state in OPEN:
            if not jobs.run_next(now=timezone.now(), only=job):
                sleep(_BETWEEN_LOOKS)
            job.refresh_from_db()
        if job.state != JobState.DONE:
            raise CommandError(f"The export {job.state}: {job.error or 'somebody called it off'}.")
        _hand_over(writing.path_of(job), options["output"])
        self.stdout.write(json.dumps(job.result))


def _hand_over(packed: Path, output: Path) -> None:
    if output.suffix == ".zip":
        shutil.copyfile(packed, output)
        return
    output.mkdir(parents=True, exist_ok=True)
    with zipfile.ZipFile(packed) as files:
        files.extractall(output)  # our own file, whose names we chose
