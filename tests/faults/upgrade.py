"""An upgrade: the release before fills a data folder, this one migrates it and goes on; everybody is compared.

    python -m tests.faults.upgrade --events 5000

The release before is taken from the repository's history, so this needs git and a clone that has it.
"""

import argparse
import io
import subprocess
import sys
import tarfile
import tempfile
from dataclasses import dataclass, field, replace
from pathlib import Path

from cdp.demo.rules import LIVE
from tests.faults import comparison
from tests.faults.run import make_rules
from tests.faults.senders import send
from tests.faults.traffic import Traffic
from tests.outages import product
from tests.running import ROOT

#: The last commit of the release before this one.
PREVIOUS = "4f94cf1"
#: The sample's segments in the words that release knows: it has no tags.
KNOWN_BEFORE = tuple(replace(definition, tag="") for definition in LIVE)


class NoHistory(RuntimeError):
    """The release before cannot be had here."""


@dataclass(slots=True)
class Outcome:
    """What was there before, and what is wrong after."""

    events_before: int = 0
    events_after: int = 0
    migrations: int = 0
    problems: list[str] = field(default_factory=list)

    def __str__(self) -> str:
        return (
            f"{self.events_before} events stored by {PREVIOUS}, {self.migrations} migrations applied,"
            f" {self.events_after} events after this release had its turn: "
            + ("; ".join(self.problems) or "0 lost, 0 doubled, 0 people differ, 0 memberships differ")
        )


def run(*, events: int, folder: Path) -> Outcome:
    """Let the release before store half of the events and this one all of them. Raises NoHistory."""
    outcome = Outcome()
    release, data = folder / "release", folder / "var"
    extract(PREVIOUS, release)
    traffic = Traffic(1, events, max(20, events // 25))
    batches = list(traffic.batches())
    with product(data, release) as running:
        heard = make_rules(running, live=KNOWN_BEFORE)
        send(running, batches[: len(batches) // 2])
        running.wait_until_applied()
        outcome.events_before = running.totals()["stored"]
        before = running.query("SELECT count(*) FROM django_migrations")[0][0]
        entries = running.query("SELECT seq, hash, bytes FROM consent_entry ORDER BY seq")
    with product(data) as running:
        outcome.migrations = running.query("SELECT count(*) FROM django_migrations")[0][0] - before
        if running.query("SELECT seq, hash, bytes FROM consent_entry ORDER BY seq") != entries:
            outcome.problems.append("the consent ledger was changed")
        send(running, batches)  # the first half is known: it must change nothing
        running.wait_until_applied()
        outcome.events_after = running.totals()["stored"]
        outcome.problems += comparison.problems(running, heard + traffic.said)
    if not outcome.migrations:
        outcome.problems.append("nothing was migrated: nothing was proven")
    return outcome


def extract(commit: str, folder: Path) -> None:
    """Put the files of a commit into `folder`. Raises NoHistory."""
    archive = subprocess.run(["git", "archive", commit], cwd=ROOT, capture_output=True, check=False)
    if archive.returncode:
        raise NoHistory(f"{commit} is not in this clone: {archive.stderr.decode().strip()}")
    with tarfile.open(fileobj=io.BytesIO(archive.stdout)) as files:
        files.extractall(folder, filter="data")


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m tests.faults.upgrade", description=__doc__.splitlines()[0])
    parser.add_argument("--events", type=int, default=5_000)
    arguments = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="cdp-upgrade-") as folder:
        Path(folder).chmod(0o755)
        outcome = run(events=arguments.events, folder=Path(folder))
    print(outcome)
    return int(bool(outcome.problems))


if __name__ == "__main__":
    sys.exit(main())
