"""Ten poisoned requests among 10,000 events: each is parked by itself, the rest is stored, and replay works.

python -m tests.faults.poison                 5 that raise and 5 that kill their worker; about four minutes
python -m tests.faults.poison --kills 0       10 that raise
"""

import argparse
import random
import re
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path

import httpx

from profiles.ingest.leases import LEASE_SECONDS, MOST_ATTEMPTS
from tests.faults.gates import KILLS, RAISES
from tests.faults.senders import send
from tests.faults.traffic import BATCH, Event, Traffic
from tests.outages import Product, product

POISON = 10
_SETTINGS = "tests.faults.poisoned_settings"


@dataclass(slots=True)
class Outcome:
    """What became of poison and of everything else."""

    events: int = 0
    seconds_until_rest_is_stored: float = 0
    seconds_until_parked: float = 0
    parked: list[tuple[int, int, str]] = field(default_factory=list)  # id, attempts, error
    most_attempts_of_others: int = 0
    stored_beside_poison: int = 0
    told: int = 0
    stored_after_one: int = 0
    stored_after_all: int = 0
    pending_after_all: int = 0
    problems: list[str] = field(default_factory=list)

    def __str__(self) -> str:
        attempts = max((attempts for _, attempts, _ in self.parked), default=0)
        kinds = sorted({error.split(" at ")[0] for _, _, error in self.parked})
        return "\n".join([
            f"{self.events} events, {POISON} of them poison in {POISON} requests",
            f"parked: {len(self.parked)} requests of one event each, {attempts} attempts at most ({'; '.join(kinds)})",
            f"stored beside them: {self.stored_beside_poison} events, after {self.seconds_until_rest_is_stored:.0f} s",
            f"attempts at most of a request that was stored: {self.most_attempts_of_others}",
            f"the last was parked after {self.seconds_until_parked:.0f} s",
            f"the admin says what to do about each: {self.told} of {len(self.parked)}",
            f"mended, one sent through again: {self.stored_after_one} stored; all: {self.stored_after_all} stored,"
            f" {self.pending_after_all} pending",
            "; ".join(self.problems) or "every promise held",
        ])  # fmt: skip


def run(*, events: int, kills: int, folder: Path) -> Outcome:
    """Send events with poison among them, wait until it is parked, look at it in the admin, mend, send it through."""
    outcome = Outcome(events)
    folder.mkdir(exist_ok=True)
    mended = folder / "mended"
    variables = {"DJANGO_SETTINGS_MODULE": _SETTINGS, "CDP_TEST_MENDED": str(mended)}
    with product(folder, **variables) as running:
        started = time.monotonic()
        send(running, _requests(events, kills))
        others = events - POISON
        _wait(running, lambda: running.totals()["stored"] >= others, seconds=60 + kills * 5 * LEASE_SECONDS)
        outcome.seconds_until_rest_is_stored = time.monotonic() - started
        _wait(running, lambda: len(_parked(running)) >= POISON, seconds=60 + kills * 5 * LEASE_SECONDS)
        outcome.seconds_until_parked = time.monotonic() - started
        _look(running, outcome)
        mended.touch()
        _send_through_again(running, outcome)
    _judge(outcome, others)
    return outcome


def _requests(events: int, kills: int) -> Iterator[list[Event]]:
    """Poison among ordinary batches, in requests of one event each: the request is what is parked."""
    poison = [KILLS if number < kills else RAISES for number in range(POISON)]
    random.Random(1).shuffle(poison)
    ordinary = [event for batch in Traffic(1, events, 400).batches() for event in batch]
    unique = list({event["messageId"]: event for event in ordinary}.values())[: events - POISON]
    batches = [unique[at : at + BATCH] for at in range(0, len(unique), BATCH)]
    every = max(1, len(batches) // POISON)
    now = datetime.now(UTC).isoformat()
    for number, batch in enumerate(batches):
        if number % every == 0 and poison:
            kind = poison.pop()
            yield [{
                "type": "track", "event": "Product Viewed", "userId": f"poison-{number}", "messageId": f"p-{number}",
                "timestamp": now, "properties": {"poison": kind},
            }]  # fmt: skip
        yield batch


def _parked(running: Product) -> list[tuple[int, int, str]]:
    return running.query("SELECT id, attempts, error FROM inbox WHERE state = 2 ORDER BY id")


def _look(running: Product, outcome: Outcome) -> None:
    outcome.parked = _parked(running)
    outcome.stored_beside_poison = running.totals()["stored"]
    outcome.most_attempts_of_others = running.query("SELECT max(attempts) FROM inbox WHERE state = 1")[0][0]


def _send_through_again(running: Product, outcome: Outcome) -> None:
    """Do in the admin what its page says: first one of them, then all."""
    with _signed_in(running) as admin:
        for number, _, _ in outcome.parked:
            page = admin.get(f"/admin/profiles/inboxrow/{number}/change/").text
            outcome.told += "send the request through again" in page and "Send through again" in page
        before = running.totals()["stored"]
        _press(admin, f"/admin/profiles/inboxrow/{outcome.parked[0][0]}/take-up/")
        _wait(running, lambda: running.totals()["stored"] > before, seconds=20)
        outcome.stored_after_one = running.totals()["stored"] - before
        _press(admin, "/admin/profiles/inboxrow/take-up/")
        _wait(running, lambda: not running.totals()["pending"], seconds=20)
    outcome.stored_after_all = running.totals()["stored"]
    outcome.pending_after_all = running.totals()["pending"]


@contextmanager
def _signed_in(running: Product) -> Iterator[httpx.Client]:
    with httpx.Client(base_url=running.base_url, trust_env=False, timeout=30, follow_redirects=True) as admin:
        token = re.search(r'name="csrfmiddlewaretoken" value="([^"]+)"', admin.get("/admin/login/").text)
        assert token is not None
        fields = running.facts["logins"]["author"] | {"csrfmiddlewaretoken": token[1], "next": "/admin/"}
        admin.post("/admin/login/", data=fields, headers={"Referer": f"{running.base_url}/admin/login/"})
        yield admin


def _press(admin: httpx.Client, path: str) -> None:
    token = admin.cookies["csrftoken"]
    admin.post(path, data={"csrfmiddlewaretoken": token}, headers={"Referer": str(admin.base_url)}).raise_for_status()


def _judge(outcome: Outcome, others: int) -> None:
    wanted = {
        f"{POISON} parked": len(outcome.parked) == POISON,
        f"at most {MOST_ATTEMPTS} attempts": all(attempts <= MOST_ATTEMPTS for _, attempts, _ in outcome.parked),
        "the rest stored": outcome.stored_beside_poison == others,
        "told what to do": outcome.told == POISON,
        "one goes through": outcome.stored_after_one == 1,
        "all go through": (outcome.stored_after_all, outcome.pending_after_all) == (outcome.events, 0),
    }
    outcome.problems += [f"not so: {promise}" for promise, held in wanted.items() if not held]


def _wait(running: Product, until: object, *, seconds: float) -> None:
    end = time.monotonic() + seconds
    while not until() and time.monotonic() < end:  # type: ignore[operator]
        time.sleep(0.2)


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m tests.faults.poison", description=__doc__.splitlines()[0])
    parser.add_argument("--events", type=int, default=10_000)
    parser.add_argument("--kills", type=int, default=5, help="how many of the ten kill their worker")
    arguments = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="cdp-poison-") as folder:
        outcome = run(events=arguments.events, kills=arguments.kills, folder=Path(folder))
    print(outcome)
    return int(bool(outcome.problems))


if __name__ == "__main__":
    sys.exit(main())
