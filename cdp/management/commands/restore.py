"""Put a backup into an empty database."""

from pathlib import Path
from typing import Any

from django.core.management.base import BaseCommand, CommandError, CommandParser

from cdp.embedded import EmbeddedServerFailed
from cdp.operations import restore
from cdp.operations.database import InUse, ProgramFailed, reachable
from cdp.operations.manifest import Damaged

_REFUSALS = (Damaged, InUse, ProgramFailed, EmbeddedServerFailed, restore.RestoreRefused, restore.RestoreFailed)


class Command(BaseCommand):
    help = (
        "Restore a backup into an empty database: checks its hashes and the root key, and migrates it if it is older."
    )
    requires_system_checks: list[str] = []

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("--from", dest="folder", type=Path, required=True, metavar="DIR", help="the backup")
        parser.add_argument("--replace", action="store_true", help="drop everything that is in the database first")
        parser.add_argument("--with-secret", action="store_true", help="put the backup's root key into its place too")
        parser.add_argument("--data", metavar="DIR", help="folder for everything that is kept (default: var/)")

    def handle(self, *args: Any, **options: Any) -> None:
        try:
            with reachable() as runs:
                if runs:
                    raise CommandError("The product runs on this data folder. Stop it first.")
                found = restore.restore(
                    folder=options["folder"].expanduser().resolve(),
                    over_what_is_there=options["replace"],
                    with_secret=options["with_secret"],
                )
        except _REFUSALS as error:
            raise CommandError(str(error)) from error
        events, people = found.rows.get("public.events", 0), found.rows.get("public.profile", 0)
        self.stdout.write(f"{events} events and {people} people of {found.made_at:%Y-%m-%d %H:%M} UTC are restored.")
        self.stdout.write("Prove it once the product runs: manage.py verify_memberships; manage.py doctor.")
