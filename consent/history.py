"""One person's consent: where they stand, and the entries that say so. For the API and the person's page."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from consent import ledger, projection, section
from consent.models import Entry
from profiles.models import Origin
from profiles.subject import Place, Section

_SHOWN = 100


@dataclass(frozen=True, slots=True)
class PersonConsent:
    """`standings` as the card writes them; the latest entries, newest first."""

    standings: Mapping[str, Any]
    entries: Sequence[Entry]
    has_more: bool


def of_person(*, profile_id: int, now: datetime) -> PersonConsent:
    """Return a person's consent as it stands at `now`."""
    known = projection.standings_of([profile_id]).get(profile_id, {})
    origins = Origin.objects.filter(root_id=profile_id).values("id")
    entries = list(Entry.objects.filter(origin_id__in=origins).order_by("-occurred_at", "-seq")[: _SHOWN + 1])
    return PersonConsent(section.body(known, now=now), entries[:_SHOWN], len(entries) > _SHOWN)


def public_id(entry: Entry) -> str:
    return ledger.public_id(entry.seq)


def subject_section(profile_id: int, now: datetime, /) -> Section:
    """A person's consent for their page and their access package."""
    known = of_person(profile_id=profile_id, now=now)
    return Section(
        key="consent",
        title="Consent",
        rows=tuple(_row(entry) for entry in known.entries),
        empty="Nothing is on record. Consent comes with events, through the API, or is entered here.",
        template="consent/subject.html",
        place=Place.SIDE,
        more={"standings": known.standings, "has_more": known.has_more},
    )


def _row(entry: Entry) -> dict[str, object]:
    return {
        "operation": entry.get_operation_display(),
        "purposes": entry.purposes,
        "occurred_at": entry.occurred_at,
        "recorded_at": entry.received_at,
        "channel": entry.get_channel_display(),
        "source": entry.source,
        "assurance": entry.assurance,
        "entry": public_id(entry),
        "seq": entry.seq,
    }
