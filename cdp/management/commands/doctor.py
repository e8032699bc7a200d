"""Say what is wrong, in plain words."""

import json
import sys
from dataclasses import asdict
from typing import Any

from django.core.management.base import BaseCommand, CommandParser
from django.utils import timezone

from cdp.doctor import Finding, Level, examine

_MARKS = {Level.FINE: "ok ", Level.ATTENTION: "!  ", Level.WRONG: "!! "}


class Command(BaseCommand):
    help = "Look at the whole installation and say what is wrong and what to do. Exit status 1 when something is wrong."
    requires_system_checks: list[str] = []

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("--data", metavar="DIR", help="data folder (default: var/)")
        parser.add_argument("--json", action="store_true", help="one line of JSON with level, told and todo of each")

    def handle(self, **options: Any) -> None:
        findings = list(examine(now=timezone.now()))
        if options["json"]:
            self.stdout.write(json.dumps([asdict(finding) for finding in findings]))
        else:
            for finding in findings:
                self._tell(finding)
            self.stdout.write(_verdict(findings))
        if any(finding.level is Level.WRONG for finding in findings):
            sys.exit(1)

    def _tell(self, finding: Finding) -> None:
        self.stdout.write(f"{_MARKS[finding.level]} {finding.told}")
        if finding.todo:
            self.stdout.write(f"     → {finding.todo}")


def _verdict(findings: list[Finding]) -> str:
    count = {level: sum(finding.level is level for finding in findings) for level in Level}
    if not count[Level.WRONG] and not count[Level.ATTENTION]:
        return "Nothing is wrong."
    return f"{count[Level.WRONG]} wrong, {count[Level.ATTENTION]} to look at, {count[Level.FINE]} fine."
