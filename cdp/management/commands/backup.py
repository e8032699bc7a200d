"""Save the whole database into a folder; the product may go on meanwhile."""

from pathlib import Path
from typing import Any

from django.core.management.base import BaseCommand, CommandError, CommandParser
from django.utils import timezone

from cdp.embedded import EmbeddedServerFailed
from cdp.operations import backup
from cdp.operations.database import ProgramFailed, reachable
from cdp.operations.manifest import FILE


class Command(BaseCommand):
    help = "Save the whole database into a new folder, with a manifest of hashes and of the root key's fingerprint."
    requires_system_checks: list[str] = []

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("--output", type=Path, required=True, metavar="DIR", help="a new or empty folder")
        parser.add_argument("--with-secret", action="store_true", help="save the root key too; then guard it like one")
        parser.add_argument("--data", metavar="DIR", help="folder for everything that is kept (default: var/)")

    def handle(self, *args: Any, **options: Any) -> None:
        folder = options["output"].expanduser().resolve()
        try:
            with reachable():
                made = backup.back_up(folder=folder, with_secret=options["with_secret"], now=timezone.now())
        except (backup.BackupRefused, ProgramFailed, EmbeddedServerFailed) as error:
            raise CommandError(str(error)) from error
        events, people = made.rows.get("public.events", 0), made.rows.get("public.profile", 0)
        self.stdout.write(f"{events} events and {people} people are saved in {folder}; {FILE} says how to check it.")
        if not made.has_secret:
            self.stdout.write(f"The root key is not in it (fingerprint {made.secret}): keep its file apart and safe.")
