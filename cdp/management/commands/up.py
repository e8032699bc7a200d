"""Run the whole product until Ctrl-C."""

import argparse
import json
from typing import Any

from django.conf import settings
from django.core.management.base import BaseCommand, CommandError, CommandParser

from cdp.supervisor.bring_up import FAILURES, Product, Wish, product

_HIGHEST_PORT = 65_535


class Command(BaseCommand):
    help = "Start PostgreSQL, Valkey, web, worker and beat, and stay until Ctrl-C."
    requires_system_checks: list[str] = []

    def add_arguments(self, parser: CommandParser) -> None:
        add_arguments(parser)

    def handle(self, **options: Any) -> None:
        try:
            with product(wish(options)) as running:
                announce(self, running, as_json=options["json"])
                running.stay()
        except KeyboardInterrupt:
            self.stderr.write("Stopped.")
        except FAILURES as failure:
            raise CommandError(str(failure)) from failure


def add_arguments(parser: CommandParser) -> None:
    """Add what `up` and `demo` share."""
    parser.add_argument("--host", default="127.0.0.1", help="address to listen on (default: this machine only)")
    parser.add_argument("--port", type=_port, default=8000, help="port of the web server; 0 takes any free one")
    parser.add_argument("--data", metavar="DIR", help="folder for everything that is kept (default: var/)")
    parser.add_argument("--json", action="store_true", help="print one line of JSON once ready; words go to stderr")


def _port(text: str) -> int:
    if not text.isdigit() or int(text) > _HIGHEST_PORT:
        raise argparse.ArgumentTypeError(f"{text} is no port: write a number from 0 to {_HIGHEST_PORT}.")
    return int(text)


def wish(options: dict[str, Any], **changes: str) -> Wish:
    # manage.py has already put --data into the settings, which are read before any argument is.
    return Wish(data=settings.CDP_DATA_DIR, host=options["host"], port=options["port"], changes=changes)


def announce(command: BaseCommand, running: Product, *, as_json: bool) -> None:
    """Say where the product is and how to get in."""
    if as_json:
        command.stdout.write(json.dumps(way_in(running)))
        command.stdout.flush()
        return
    for line in _lines(running):
        command.stdout.write(line)


def way_in(running: Product) -> dict[str, Any]:
    """Return the addresses, logins and keys that every command tells with --json."""
    addresses = {"base_url": running.base_url, "admin_url": f"{running.base_url}/admin/"}
    return addresses | running.credentials.as_json()


def _lines(running: Product) -> list[str]:
    credentials = running.credentials
    lines = ["", f"  Admin        {running.base_url}/admin/", f"  API          {running.base_url}/docs/"]
    if not credentials.logins:
        return [*lines, "", "  Logins and keys were shown at the first start; make new ones in the admin.", ""]
    lines += [f"  {role:<12} {login.username} / {login.password}" for role, login in credentials.logins.items()]
    lines += [
        f"  Write key    {credentials.write_key}",
        f"  Read key     {credentials.read_key}",
        f"  Compliance   {credentials.compliance_key}",
        f"  (kept in {running.tree.folder.path / 'workspace.json'} for you alone; delete it once you have noted them)",
        "",
        "  Ctrl-C stops everything.",
    ]
    return lines
