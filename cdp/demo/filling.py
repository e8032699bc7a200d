"""Fill an empty workspace: everybody's history, some mistakes, some repeats, and what people told the shop."""

import sys
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import datetime

from rich.console import Console
from rich.progress import Progress

from cdp.demo import histories
from cdp.demo.client import Door, in_batches, send
from cdp.demo.people import Answer, meet
from cdp.demo.visits import Event, stamp

OPTED_IN, TOOK_BACK = 10, 30  # every so manieth customer confirms by e-mail; every so manieth takes that back
PATIENCE = 240.0


class TooSlow(RuntimeError):
    """The product took events but did not work them off in time."""


@dataclass(frozen=True, slots=True)
class Sample:
    """Whose history to send: the same sample gives the same events, byte for byte."""

    seed: int
    people: int
    until: datetime

    def events(self) -> Iterator[Event]:
        for events in histories.histories(seed=self.seed, people=self.people, until=self.until):
            yield from events


def send_history(door: Door, sample: Sample) -> int:
    """Send everybody's history, some mistakes, and one batch a second time, as a client that missed an answer."""
    events = list(sample.events())
    repeated = events[:100]
    mistakes = histories.broken_events(seed=sample.seed, until=sample.until)
    total = len(events) + len(mistakes) + len(repeated)
    sys.stderr.write(f"Sending {total:,} events …\n")
    with Progress(console=Console(file=sys.stderr), transient=True, disable=not sys.stderr.isatty()) as progress:
        shown = progress.add_task("", total=total)
        for part in (events, mistakes, repeated):
            for count in send(door, in_batches(part)):
                progress.advance(shown, count)
    return total


def tell_consent(door: Door, sample: Sample) -> None:
    """Tell what customers decided away from the shop's pages: confirmations by e-mail, and some of them taken back."""
    for number in range(OPTED_IN, sample.people + 1, OPTED_IN):
        person, _ = meet(sample.seed, number)
        if person.user_id is None or person.answer is Answer.NONE:
            continue
        decision = "withdraw" if number % TOOK_BACK == 0 else "grant"
        door.post(
            "/v1/consent",
            {
                "identifier": {"type": "user_id", "value": person.user_id},
                "operation": decision,
                "purposes": ["marketing"],
                "occurred_at": stamp(sample.until),
                "method": "confirmation by e-mail",
            },
            once=f"demo-{sample.seed}-{number}",
        )


def wait_until(holds: Callable[[], bool], *, what: str, seconds: float = PATIENCE) -> None:
    """Wait for the product to catch up; raises TooSlow."""
    until = time.monotonic() + seconds
    while not holds():
        if time.monotonic() > until:
            raise TooSlow(f"{what} within {seconds:g} s")
        time.sleep(0.2)
