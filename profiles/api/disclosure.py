"""What a key is told about one person: one path from the token to the record, for every shape a read can have.

A door opens the request and spells the answer. Who asks, for which purpose, what the key's list and the gates keep
back, and that all of it is written down, is decided here and nowhere else.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from cdp import access, api_keys
from cdp.access import Actor
from cdp.api_keys import KeyFacts
from cdp.ids import to_public
from cdp.models import Scope
from cdp.models.access_record import Outcome
from cdp.problems import FieldError, Problem
from profiles import lanes
from profiles.api.reads import Read, Withheld, withhold
from profiles.identity.rules import known_types
from profiles.queries import PROFILE_ID, PersonCard, find_card

ACTIVITY = "activity"
TRAIT = "traits."
EVERYTHING = "*"
_PERSONAL = frozenset({"identifiers", "traits", "segments", "tags"})


def types() -> tuple[str, ...]:
    """The kinds of names that a person can be read by."""
    return (*known_types(), PROFILE_ID)


@dataclass(frozen=True, slots=True)
class Disclosure:
    """A person as one key may see them: `fields` are those asked for and allowed, less what is withheld."""

    key: KeyFacts
    card: PersonCard
    fields: frozenset[str]
    withheld: tuple[Withheld, ...]

    @property
    def public_id(self) -> str:
        return to_public(self.card.profile_id)

    @property
    def hidden(self) -> frozenset[str]:
        return frozenset(one.field for one in self.withheld)

    def tells(self, part: str) -> bool:
        """Say whether a whole part may be told; single fields of it may be withheld all the same."""
        return part in self.fields and not self.hidden & {part, EVERYTHING}

    def tells_trait(self, name: str) -> bool:
        field = f"{TRAIT}{name}"
        return bool(self.fields & {"traits", field}) and not self.hidden & {"traits", field, EVERYTHING}

    @property
    def tells_activity(self) -> bool:
        """Say whether it may be told when and how often somebody was seen: not on a read that no gate has judged."""
        return bool(_personal(self.fields)) and not self.hidden & {ACTIVITY, EVERYTHING}


def admit(token: str | None, *, now: datetime) -> KeyFacts:
    """Return the key that was shown and may read people; raises a Problem."""
    key = api_keys.authenticate(token, now=now) if token else None
    if key is None:
        told = "Send a key: Authorization: Bearer <key>." if not token else "The key is unknown, revoked or expired."
        code = "not_authenticated" if not token else "invalid_key"
        raise Problem(401, code, told, headers={"WWW-Authenticate": "Bearer"})
    if not key.may(Scope.PROFILES_READ):
        raise Problem(403, "scope_missing", f"The key lacks the scope {Scope.PROFILES_READ}.")
    return key


def check_purpose(asked: str, *, key: KeyFacts) -> None:
    """Refuse any other purpose than the key's own; raises a Problem."""
    if asked and asked != key.purpose:
        told = "A read may only state the purpose its key was issued for."
        raise Problem(403, "purpose_not_allowed", told, (FieldError("purpose", told),))


def check_type(type: str) -> None:
    """Refuse a kind of name that nobody has here; raises a Problem."""
    if type not in types():
        told = f"type is one of {', '.join(types())}."
        raise Problem(400, "unknown_identifier_type", told, (FieldError("type", told),))


def disclose(*, key: KeyFacts, type: str, value: str, asked: frozenset[str], now: datetime) -> Disclosure:
    """Find the person and decide what of `asked` this key is told; raises a Problem where it is nobody."""
    check_type(type)
    card = _current_card(type, value)
    if card is None:
        raise Problem(404, "not_found", "There is nobody under this name.")
    fields, barred = _narrow(asked, key)
    withheld = withhold(Read(card.profile_id, key.purpose, fields, card.sections, now))
    return Disclosure(key, card, fields, (*barred, *_with_activity(fields, withheld)))


def record(disclosure: Disclosure, *, action: str, now: datetime, basis: Mapping[str, Any] | None = None) -> None:
    """Write down what is told to whom; no record, no answer."""
    access.record(
        actor=Actor.key(disclosure.key),
        action=action,
        profile_ids=(disclosure.card.profile_id,),
        purpose=disclosure.key.purpose,
        fields=sorted(disclosure.fields),
        now=now,
        basis=basis,
        outcome=Outcome.WITHHELD if disclosure.withheld else Outcome.ALLOWED,
        withheld=[{"field": one.field, "code": one.code} for one in disclosure.withheld],
        using="reads",
    )


def _current_card(type: str, value: str) -> PersonCard | None:
    """Read the card; where time alone may have changed it since it was written, evaluate the person first."""
    card = find_card(type=type, value=value, using="reads")
    if card is not None and card.is_due:
        lanes.refresh(card.profile_id)
        card = find_card(type=type, value=value, using="reads")
    return card


def _narrow(asked: frozenset[str], key: KeyFacts) -> tuple[frozenset[str], tuple[Withheld, ...]]:
    """Return the fields that are both asked for and in the key's list, and tell which were asked for in vain."""
    if not key.fields:
        return asked, ()
    listed = frozenset(key.fields)
    allowed = set(asked & listed)
    allowed |= {field for field in asked if field.startswith(TRAIT) and "traits" in listed}
    if "traits" in asked and "traits" not in listed:
        allowed |= {field for field in listed if field.startswith(TRAIT)}
    barred = [
        field for field in sorted(asked - allowed) if field != "traits" or not any(f.startswith(TRAIT) for f in allowed)
    ]
    return frozenset(allowed), tuple(
        Withheld(field, "The key's field list does not name it.", "field_not_allowed") for field in barred
    )


def _with_activity(fields: frozenset[str], withheld: tuple[Withheld, ...]) -> tuple[Withheld, ...]:
    """Withhold when and how often somebody was seen as well, where no personal part that was asked for may be told."""
    hidden = {one.field for one in withheld}
    if _personal(fields) - hidden and EVERYTHING not in hidden:
        return withheld
    why = next((one for one in withheld if one.field in (*_PERSONAL, EVERYTHING)), None)
    return (*withheld, Withheld(ACTIVITY, why.reason, why.code)) if why else withheld


def _personal(fields: frozenset[str]) -> set[str]:
    return {field.partition(".")[0] for field in fields} & _PERSONAL
