"""One event's context as the columns it is stored with and as what it says of the person. Pure, but for the readers."""

from collections.abc import Iterator, Mapping
from functools import lru_cache
from typing import Any

from msgspec import Struct
from msgspec.json import Encoder

from cdp.copying import field
from profiles.context.agents import UNKNOWN, Agent, agent_of
from profiles.context.places import NOWHERE, Place, place_of
from profiles.context.zones import time_zone_of
from profiles.facts.contexts import CAMPAIGN_FIELDS, LAST_TIME_ZONE, known_text

REMEMBERED = 10_000
#: The columns of `events` that are derived, in the order in which `Derived.columns` spells them.
COLUMNS = (*Agent._fields, *Place._fields, "time_zone")
#: What belongs together and is last known together: a city of one event never stands beside the country of another.
PARTS: Mapping[str, tuple[str, ...]] = {
    "agent": tuple(f"last_{name}" for name in Agent._fields),
    "place": tuple(f"last_{name}" for name in Place._fields),
    "zone": (LAST_TIME_ZONE,),
    "campaign": tuple(f"last_campaign_{name}" for name in CAMPAIGN_FIELDS),
}
Values = tuple[str | None, ...]
_NO_CAMPAIGN: Values = (None,) * len(CAMPAIGN_FIELDS)


# A Struct compared by identity: there is one for each combination, so that a claim can count with them at no cost.
class Derived(Struct, frozen=True, eq=False):
    """`columns` in COPY's spelling; the parts of which anything is known, and the same as JSON texts."""

    columns: str
    parts: tuple[tuple[str, Values], ...]
    spelled: tuple[tuple[str, str], ...] = ()


NOTHING = Derived("\t".join(["\\N"] * len(COLUMNS)), ())
_json = Encoder().encode


def derive(context: Mapping[str, Any]) -> Derived:
    """What the context of one event tells; the same object for the same answer, while it is remembered."""
    if not context:
        return NOTHING
    return _derived(agent_of(context), place_of(context), time_zone_of(context.get("timezone")), _campaign(context))


@lru_cache(maxsize=REMEMBERED)
def _derived(agent: Agent, place: Place, time_zone: str | None, campaign: Values) -> Derived:
    parts = tuple(_known(agent, place, time_zone, campaign))
    if not parts:
        return NOTHING
    spelled = tuple((part, _json(values).decode()) for part, values in parts)
    return Derived("\t".join(map(field, (*agent, *place, time_zone))), parts, spelled)


def _known(agent: Agent, place: Place, time_zone: str | None, campaign: Values) -> Iterator[tuple[str, Values]]:
    if agent != UNKNOWN:
        yield "agent", tuple(agent)
    if place != NOWHERE:
        yield "place", tuple(place)
    if time_zone is not None:
        yield "zone", (time_zone,)
    if campaign != _NO_CAMPAIGN:
        yield "campaign", campaign


def _campaign(context: Mapping[str, Any]) -> Values:
    told = context.get("campaign")
    if type(told) is not dict:
        return _NO_CAMPAIGN
    return tuple(known_text(told.get(name)) for name in CAMPAIGN_FIELDS)
