"""Write an export of the consent log from the command line, with the same record of who asked."""

import json
import shutil
from datetime import UTC, date, datetime, time
from pathlib import Path
from time import sleep
from typing import Any

from django.core.management.base import BaseCommand, CommandError, CommandParser
from django.utils import timezone

from cdp.access import Actor
from cdp.models.job import JobState
from consent import export_jobs, exports

_BETWEEN_LOOKS = 0.2  # seconds


class Command(BaseCommand):
    help = "Export the consent log: entries with their exact bytes (JSONL), a copy as CSV, and a manifest, in one ZIP."

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("--from", dest="start", type=_moment, help="recorded at or after (date or ISO 8601 time)")
        parser.add_argument("--to", dest="end", type=_moment, help="recorded before; now when left out")
        parser.add_argument("--purpose", default="", help="only entries about this purpose")
        parser.add_argument("--output", type=Path, required=True, help="the ZIP file to write")

    def handle(self, *args: Any, **options: Any) -> None:
        now = timezone.now()
        wanted = exports.Wanted(options["start"], options["end"] or now, options["purpose"])
        try:
            job = exports.request(wanted=wanted, by=Actor.system("manage.py export_consent"), now=now)
        except exports.ExportRefused as error:
            raise CommandError(error.message) from error
        # A worker may take it just as well.
        while job.state in (JobState.QUEUED, JobState.RUNNING):
            if not export_jobs.run_next(now=timezone.now(), only=job):
                sleep(_BETWEEN_LOOKS)
            job.refresh_from_db()
        if job.state != JobState.DONE:
            raise CommandError(f"The export failed: {job.error}")
        shutil.copyfile(exports.path_of(job), options["output"])
        self.stdout.write(json.dumps(job.result))


def _moment(text: str) -> datetime:
    """Read a date as its beginning in UTC."""
    if len(text) == 10:
        return datetime.combine(date.fromisoformat(text), time(), tzinfo=UTC)
    moment = datetime.fromisoformat(text)
    return moment if moment.tzinfo else moment.replace(tzinfo=UTC)
