"""After a fault run: what is stored, against what must be."""

import subprocess
import sys
from collections import defaultdict
from collections.abc import Iterable, Iterator

from tests.faults.expected import Name, Person, people
from tests.faults.traffic import Said
from tests.outages import Product
from tests.running import ROOT

_PEOPLE = "SELECT id, traits, event_count, first_seen_at, last_seen_at FROM profile WHERE merged_into IS NULL"
_IDENTIFIERS = "SELECT root_id, type, value, identifier.first_seen_at FROM identifier JOIN origin ON id = origin_id"
_MEMBERS = """
SELECT profile_id, segment.key FROM membership JOIN segment ON segment.id = segment_id
 WHERE left_at IS NULL AND segment.key = ANY(%s)
"""
_TIMELESS = ["frequent-buyers", "germans-and-austrians"]
_CARDS = "SELECT profile_id, body FROM card WHERE section = 'profile'"
_SHOWN = 3


def problems(running: Product, said: Iterable[Said], *, parked: int = 0) -> list[str]:
    """Return a sentence for everything that is not as it must be; `said` is all that was ever sent."""
    heard = list(said)
    return [
        *_events(running, {event.message_id for event in heard}),
        *_accounts(running, parked=parked),
        *_people(running, people(heard)),
        *_memberships(running),
    ]


def _events(running: Product, sent: set[str]) -> Iterator[str]:
    stored = [message_id for (message_id,) in running.query("SELECT message_id FROM events")]
    if lost := sent - set(stored):
        yield f"{len(lost)} events lost"
    if extra := set(stored) - sent:
        yield f"{len(extra)} events nobody sent"
    if len(stored) != len(set(stored)):
        yield f"{len(stored) - len(set(stored))} events doubled"


def _accounts(running: Product, *, parked: int) -> Iterator[str]:
    totals = running.totals()
    if totals["accepted"] != totals["stored"] + totals["duplicate"] + totals["rejected"] + totals["pending"]:
        yield f"the accounts do not balance: {totals}"
    if totals["rejected"] or totals["pending"] != parked:
        yield f"events rejected or pending: {totals}"


def _people(running: Product, wanted: dict[frozenset[Name], Person]) -> Iterator[str]:
    stored = stored_people(running)
    if missing := wanted.keys() - stored.keys():
        yield f"{len(missing)} people missing, such as {_some(missing)}"
    if extra := stored.keys() - wanted.keys():
        yield f"{len(extra)} people nobody spoke of, such as {_some(extra)}"
    differing = defaultdict(list)
    for names in wanted.keys() & stored.keys():
        person, (found, segments) = wanted[names], stored[names]
        for what in ("identifiers", "traits", "events", "first_seen_at", "last_seen_at"):
            if getattr(person, what) != getattr(found, what):
                differing[what].append(f"{getattr(found, what)} instead of {getattr(person, what)}")
        if person.segments != segments:
            differing["segments"].append(f"{segments} instead of {person.segments}")
    for what, sentences in differing.items():
        yield f"{len(sentences)} people with wrong {what}: {'; '.join(sentences[:_SHOWN])}"
    yield from _cards(running, stored)
    if not any(person.segments for person in wanted.values()):
        yield "nobody is in any segment: nothing was proven"


def stored_people(running: Product) -> dict[frozenset[Name], tuple[Person, set[str]]]:
    """Return everybody as stored, with those of their segments that do not depend on the moment."""
    names: defaultdict[int, dict] = defaultdict(dict)
    for root, kind, value, first in running.query(_IDENTIFIERS):
        names[root][kind, value] = first
    segments: defaultdict[int, set[str]] = defaultdict(set)
    for profile, segment in running.query(_MEMBERS, _TIMELESS):
        segments[profile].add(segment)
    return {
        frozenset(names[profile]): (Person(names[profile], traits, events, first, last), segments[profile])
        for profile, traits, events, first, last in running.query(_PEOPLE)
    }


def _cards(running: Product, stored: dict[frozenset[Name], tuple[Person, set[str]]]) -> Iterator[str]:
    """What a read answers is the card: it has to say the same."""
    wrong = 0
    seen = 0
    for _, card in running.query(_CARDS + " AND profile_id IN (SELECT id FROM profile WHERE merged_into IS NULL)"):
        names = frozenset((each["type"], each["value"]) for each in card["identifiers"])
        traits = {name: each["value"] for name, each in card["traits"].items()}
        seen += 1
        wrong += names not in stored or stored[names][0].traits != traits
    if wrong or seen != len(stored):
        yield f"{wrong} of {seen} cards say something else, for {len(stored)} people"


def _memberships(running: Product) -> Iterator[str]:
    """The product's own proof as well: every rule, of every person, from scratch."""
    environment = {"CDP_DATA_DIR": str(running.folder), "CDP_BOOTSTRAP": "0", "CDP_LOG_LEVEL": "ERROR"}
    done = subprocess.run(
        [sys.executable, str(ROOT / "manage.py"), "verify_memberships"],
        env=environment | {"PATH": "/usr/bin:/bin"},
        capture_output=True,
        text=True,
        check=False,
    )
    if done.returncode or "0 memberships differ" not in done.stdout:
        yield done.stdout[-500:] + done.stderr[-500:]


def _some(names: Iterable[frozenset[Name]]) -> str:
    return "; ".join(str(sorted(group)) for group in list(names)[:_SHOWN])
