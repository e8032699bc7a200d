"""Who reads people through segments, for which purpose, and what must not be told to them.

A key reads for its one purpose, and the consent of each person to it decides, by the same gates as for a profile. A
person of the organisation reads by their role, as in the admin; both leave a record.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from django.db import connection
from rest_framework.request import Request

from cdp import access
from cdp.access import Actor
from cdp.api.authentication import KeyUser
from cdp.models.access_record import Outcome
from cdp.problems import FieldError, Problem
from profiles.api.reads import Read, Withheld, withhold
from profiles.queries import Sections

_SECTIONS = "SELECT profile_id, section, body::text FROM card WHERE profile_id = ANY(%s)"


@dataclass(frozen=True, slots=True)
class Reader:
    """The caller; `listed` is the key's list of fields it may read, empty for all."""

    actor: Actor
    purpose: str
    is_gated: bool
    listed: frozenset[str] = frozenset()

    def withheld(
        self, *, profile_ids: Sequence[int], fields: Iterable[str], now: datetime
    ) -> dict[int, tuple[Withheld, ...]]:
        """What must not be told, per person; absent where everything may."""
        if not self.is_gated:
            return {}
        asked = frozenset(fields)
        found = {}
        cards = _cards(profile_ids)
        for profile_id in profile_ids:
            card = Sections(cards.get(profile_id, {}))
            if hidden := (*self._barred(asked), *withhold(Read(profile_id, self.purpose, asked, card, now))):
                found[profile_id] = hidden
        return found

    def _barred(self, fields: frozenset[str]) -> tuple[Withheld, ...]:
        barred = sorted(field for field in fields if not self._lists(field))
        return tuple(Withheld(one, "The key's field list does not name it.", "field_not_allowed") for one in barred)

    def _lists(self, field: str) -> bool:
        """As reads of profiles take the list: a part or one trait by its name, or "traits" for all of them."""
        return not self.listed or field in self.listed or field.partition(".")[0] in self.listed

    def record(
        self,
        *,
        action: str,
        profile_ids: Sequence[int],
        fields: Iterable[str],
        now: datetime,
        basis: Mapping[str, Any],
        withheld: Sequence[Withheld] = (),
    ) -> None:
        """Write who read what; no record, no answer."""
        access.record(
            actor=self.actor,
            action=action,
            profile_ids=profile_ids,
            purpose=self.purpose,
            fields=sorted(fields),
            now=now,
            basis=basis,
            outcome=Outcome.WITHHELD if withheld else Outcome.ALLOWED,
            withheld=[{"field": one.field, "code": one.code} for one in withheld],
        )


def reader_of(request: Request) -> Reader:
    """Raises a Problem where a key asks for another purpose than its own."""
    asked = request.query_params.get("purpose", "")
    if not isinstance(request.user, KeyUser):
        return Reader(Actor.person(_person(request)), asked, is_gated=False)
    facts = request.user.facts
    if asked and asked != facts.purpose:
        told = "A read may only state the purpose its key was issued for."
        raise Problem(403, "purpose_not_allowed", told, (FieldError("purpose", told),))
    return Reader(Actor.key(facts), facts.purpose, is_gated=True, listed=frozenset(facts.fields))


def _person(request: Request) -> Any:
    return request.user  # no stranger: every view that asks demands a key or a role


def _cards(profile_ids: Sequence[int]) -> dict[int, dict[str, str]]:
    cards: dict[int, dict[str, str]] = {}
    with connection.cursor() as cursor:
        cursor.execute(_SECTIONS, [list(profile_ids)])
        for profile_id, section, body in cursor.fetchall():
            cards.setdefault(profile_id, {})[section] = body
    return cards
