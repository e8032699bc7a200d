"""manage.py import_profiles FILE --mapping M: people from a CRM's file, through the same pipeline as all events."""

import json
from argparse import ArgumentParser
from datetime import datetime
from pathlib import Path
from typing import Any

from django.core.management.base import CommandError
from django.utils import timezone

from profiles.identity.rules import known_types
from profiles.imports import people, proposing, running
from profiles.imports.mapping import MappingRefused
from profiles.imports.reading import FileRefused
from profiles.imports.running import AlreadyRunning
from profiles.ingest import inbox
from profiles.management.commands import import_events


class Command(import_events.Command):
    help = (
        "Import people from a CSV, JSON lines or Parquet file, the first two gzipped or not. Each row becomes an"
        " identify call. Interrupted, it goes on; repeated, it changes nothing."
    )

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("file", type=Path, metavar="FILE")
        parser.add_argument("--mapping", type=Path, metavar="M", help="a mapping file; --propose writes a first one")
        parser.add_argument("--propose", action="store_true", help="print a mapping proposed from the header, and stop")
        parser.add_argument("--source", default="", help="the source to record them under; the mapping's, if absent")
        parser.add_argument("--dated", type=_moment, help="when the file was written, for a file without a time column")
        parser.add_argument("--report", type=Path, metavar="CSV", help="write a line for every row that is not in")
        parser.add_argument("--drain", action="store_true", help="store and evaluate them here, and wait for the end")

    def handle(self, *args: Any, **options: Any) -> None:
        file = options["file"]
        try:
            if not file.is_file():
                raise FileRefused(f"There is no file {file}.")
            if options["propose"]:
                self.stdout.write(json.dumps(proposing.as_document(self._proposed(file)), indent=2))
                return
            self._import(file, options)
        except (MappingRefused, FileRefused, AlreadyRunning) as refused:
            raise CommandError(str(refused)) from None

    def _proposed(self, file: Path) -> people.PeopleMapping:
        return proposing.propose(file, known_types=known_types())

    def _import(self, file: Path, options: dict[str, Any]) -> None:
        if options["mapping"] is None:
            raise MappingRefused("--mapping: name a mapping file; --propose prints one to begin with.")
        chosen = people.load(options["mapping"])
        source = options["source"] or chosen.source or chosen.name
        if options["dated"] and options["dated"] > timezone.now():
            raise MappingRefused("--dated: a file cannot have been written in the future.")
        done = self._send(file, chosen, source, dated=options["dated"])
        self.stderr.write(f"{done.lines} rows: {done.events} people sent, {done.unreadable} could not be read.")
        if options["drain"]:
            self._drain(inbox.source_key(source))
        self._report(options["report"], running.arguments_of(file, chosen, source, options["dated"]))


def _moment(text: str) -> datetime:
    moment = datetime.fromisoformat(text)
    return moment if moment.tzinfo else timezone.make_aware(moment, timezone.get_default_timezone())
