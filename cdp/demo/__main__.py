"""The sample shop, from any shell: `python -m cdp.demo fill --url … --credentials var/workspace.json`."""

import argparse
import json
import sys
import time
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path

from cdp import credentials
from cdp.credentials import Credentials
from cdp.demo import filling, report, rules
from cdp.demo.client import Door, Refused, as_person, in_batches, send
from cdp.demo.filling import Sample, TooSlow
from cdp.demo.live import Street


def fill(url: str, secrets: Credentials, sample: Sample) -> int:
    """Send the sample, have the segments approved, and wait until the product has worked it off."""
    with Door(url, key=secrets.write_key) as website, Door(url, key=secrets.read_key) as reading:
        filling.send_history(website, sample)
        with Door(url, key=secrets.compliance_key) as office:
            filling.tell_consent(office, sample)
        _wait(lambda: not reading.get("/v1/accounting")["pending"], "Working off events")
        with _person(url, secrets, "author") as author, _person(url, secrets, "approver") as approver:
            rules.bring_to_life(author=author, approver=approver)
        _wait(lambda: _settled(reading), "Finding out who is in which segment")
    return 0


def visit(url: str, secrets: Credentials, sample: Sample) -> int:
    """Keep visitors coming until somebody stops us."""
    street = Street(seed=sample.seed, people=sample.people, opened_at=datetime.now(UTC))
    with Door(url, key=secrets.write_key) as website:
        while True:
            for _ in send(website, in_batches(street.due(now=datetime.now(UTC)))):
                pass
            time.sleep(1)


def tell(url: str, secrets: Credentials, sample: Sample) -> int:
    """Print the report as JSON; fail when something is not as promised."""
    with Door(url, key=secrets.read_key) as reading, Door(url, key=secrets.compliance_key) as office:
        told = report.ask(reading=reading, compliance=office, sample=sample)
    sys.stdout.write(json.dumps(told.as_json()) + "\n")
    return 1 if told.problems() else 0


def _settled(reading: Door) -> bool:
    counts = reading.get("/v1/accounting")
    backfilling = [each for each in report.segments(reading) if each["status"] == "backfilling"]
    return not (counts["pending"] or counts["being_evaluated"] or backfilling)


def _wait(holds: Callable[[], bool], doing: str) -> None:
    sys.stderr.write(f"{doing} …\n")
    filling.wait_until(holds, what=f"{doing} did not end")


def _person(url: str, secrets: Credentials, role: str) -> Door:
    login = secrets.logins[role]
    return as_person(url, username=login.username, password=login.password)


JOBS = {"fill": fill, "visit": visit, "report": tell}


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m cdp.demo", description=__doc__)
    parser.add_argument("job", choices=JOBS)
    parser.add_argument("--url", required=True)
    parser.add_argument("--credentials", type=Path, required=True, help="the file of a workspace's first run")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--people", type=int, default=2000)
    parser.add_argument("--until", type=datetime.fromisoformat, default=datetime.now(UTC), help="where histories end")
    options = parser.parse_args()
    secrets = credentials.read(options.credentials)
    if secrets is None:
        parser.error(f"{options.credentials} is not there: the shop cannot come in without keys.")
    try:
        return JOBS[options.job](options.url, secrets, Sample(options.seed, options.people, options.until))
    except (Refused, TooSlow) as failure:
        sys.stderr.write(f"{failure}\n")
        return 1


if __name__ == "__main__":
    sys.exit(main())
