"""Run the whole product with a sample shop: `up`, plus people, segments, and visitors who keep coming."""

import json
import sys
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from django.core.management.base import BaseCommand, CommandError, CommandParser

from cdp.demo.printing import curl_lines, in_words
from cdp.management.commands import up
from cdp.supervisor.bring_up import FAILURES, Product, product
from cdp.supervisor.programs import Program
from cdp.workspace import FILE


class Command(BaseCommand):
    help = "Start everything, fill it with a sample shop's people, events and segments, and stay until Ctrl-C."
    requires_system_checks: list[str] = []

    def add_arguments(self, parser: CommandParser) -> None:
        up.add_arguments(parser)
        parser.add_argument("--people", type=int, default=2000, help="how many people have a history (default: 2000)")
        parser.add_argument("--seed", type=int, default=1, help="another seed makes other people")
        parser.add_argument("--once", action="store_true", help="run the main job, print a report, stop everything")

    def handle(self, **options: Any) -> None:
        try:
            with product(up.wish(options, CDP_REQUIRE_OTP="0")) as running:
                Shop(self, running, options).open()
        except KeyboardInterrupt:
            self.stderr.write("Stopped.")
        except FAILURES as failure:
            raise CommandError(str(failure)) from failure


class Shop:
    """One run of the demo: the sample shop's own programs, as children beside the product's."""

    def __init__(self, command: BaseCommand, running: Product, options: dict[str, Any]) -> None:
        if not running.credentials.logins:
            raise CommandError(
                f"{FILE} is gone, and with it the passwords of this database: use another --data folder."
            )
        self.command, self.running, self.options = command, running, options

    def open(self) -> None:
        """Fill the workspace; then tell how it went and leave, or announce everything and stay."""
        self._run("fill")
        report = json.loads(self._run("report"))
        if self.options["once"]:
            self._print(report)
            return
        up.announce(self.command, self.running, as_json=self.options["json"])
        if not self.options["json"]:
            self.command.stdout.write(curl_lines(self.running.base_url, self.running.credentials.read_key, report))
        self.running.tree.start(Program("visitors", self._job("visit"), grace=3), environment=self.running.environment)
        self.running.stay()

    def _run(self, job: str) -> str:
        status, printed = self.running.tree.run(self._job(job), environment=self.running.environment)
        if status and not printed:
            raise CommandError(f"The sample shop could not {job}; its last words are above.")
        if status:
            raise CommandError("The main job did not end well: " + "; ".join(json.loads(printed)["problems"]))
        return printed

    def _print(self, report: dict[str, Any]) -> None:
        if self.options["json"]:
            self.command.stdout.write(json.dumps(up.way_in(self.running) | report))
        else:
            self.command.stdout.write(in_words(report))

    def _job(self, job: str) -> tuple[str, ...]:
        folder = self.running.tree.folder.path
        return (
            *(sys.executable, "-m", "cdp.demo", job, "--url", self.running.base_url),
            *("--credentials", str(folder / FILE), "--seed", str(self.options["seed"])),
            *("--people", str(self.options["people"]), "--until", opened_at(folder).isoformat()),
        )


def opened_at(folder: Path) -> datetime:
    """Return when the sample's histories end: the moment of the first demo in this folder.

    Kept, because the same end gives the same events: a second run, or one after a kill, sends repeats only.
    """
    path = folder / "demo.json"
    if not path.exists():
        path.write_text(json.dumps({"until": datetime.now(UTC).isoformat(timespec="seconds")}))
    return datetime.fromisoformat(json.loads(path.read_text())["until"])
