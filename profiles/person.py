"""Finding a person by any name they go by, and what a page about them begins with."""

from dataclasses import dataclass

from cdp.ids import from_public
from profiles.identity import resolve
from profiles.identity.canonical import canonical
from profiles.identity.rules import known_rule
from profiles.models import Origin, Profile

_NAME_TRAITS = ("name", "displayName", "fullName")


@dataclass(frozen=True, slots=True)
class Headline:
    """How a person is called on a page; `name` falls back to the e-mail address, then to the id."""

    name: str
    email: str


def find(*, text: str) -> tuple[int, ...]:
    """Return the people that `text` names as a profile id or as an identifier of any type.

    Each lookup is one probe of an index: identifiers are found by their keyed hash, never by a part of their text.
    An id that was merged away finds the person it became.
    """
    given = text.strip()
    rule = known_rule()
    names = [(kind, canonical(kind, given, country=rule.country)) for kind in rule.names]
    origins = set(resolve.find([(kind, value) for kind, value in names if value]).values())
    number = from_public(given)
    if number is not None:
        origins.add(number)
    return tuple(sorted(set(resolve.roots(origins).values())))


def current(*, profile_id: int) -> Profile | None:
    """Return the person that a profile id stands for now."""
    root = Origin.objects.filter(id=profile_id).values("root_id")
    return Profile.objects.filter(id__in=root).first()


def headline(profile: Profile) -> Headline:
    """Choose what to call a person from the traits that won."""
    traits = profile.traits or {}
    parts = [traits.get("firstName") or traits.get("first_name"), traits.get("lastName") or traits.get("last_name")]
    full = next((str(traits[name]) for name in _NAME_TRAITS if traits.get(name)), "")
    email = traits.get("email")
    return Headline(full or " ".join(str(part) for part in parts if part), email if isinstance(email, str) else "")
