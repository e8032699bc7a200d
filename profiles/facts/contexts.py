"""What an event says of its circumstances: device, place, the person's own clock, the campaign that brought them.

`CONTEXTS` are the names that a condition on an event may use. What a person was last known by, `last_<name>`, is a
trait like any other and needs nothing here.
"""

import enum
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime, tzinfo
from decimal import Decimal
from types import MappingProxyType
from zoneinfo import ZoneInfo

from profiles.facts.values import Scalar, ValueType

#: Longer than any name of a campaign, a browser or a city; what is longer was not meant as one, and is unknown.
LONGEST = 200
WEEKDAYS = ("monday", "tuesday", "wednesday", "thursday", "friday", "saturday", "sunday")


class DeviceType(enum.StrEnum):
    MOBILE = "mobile"
    TABLET = "tablet"
    DESKTOP = "desktop"
    TV = "tv"
    CONSOLE = "console"
    WEARABLE = "wearable"
    BOT = "bot"


class Kept(enum.StrEnum):
    """How a context lies with the event: in a column of its own, in the context as sent, or read off its time."""

    COLUMN = "column"
    CAMPAIGN = "campaign"
    CLOCK = "clock"


@dataclass(frozen=True, slots=True)
class ContextTerms:
    """A context by name. `choices` are all it can be, where that is known beforehand."""

    name: str
    label: str
    kept: Kept
    type: ValueType = ValueType.TEXT
    choices: tuple[str, ...] = ()


CONTEXTS: Mapping[str, ContextTerms] = MappingProxyType(
    {
        terms.name: terms
        for terms in (
            ContextTerms("device_type", "device type", Kept.COLUMN, choices=tuple(DeviceType)),
            ContextTerms("browser", "browser", Kept.COLUMN),
            ContextTerms("os", "operating system", Kept.COLUMN),
            ContextTerms("country", "country", Kept.COLUMN),
            ContextTerms("region", "region", Kept.COLUMN),
            ContextTerms("city", "city", Kept.COLUMN),
            ContextTerms("local_hour", "local hour", Kept.CLOCK, ValueType.NUMBER),
            ContextTerms("local_weekday", "local weekday", Kept.CLOCK, choices=WEEKDAYS),
            ContextTerms("campaign_source", "campaign source", Kept.CAMPAIGN),
            ContextTerms("campaign_medium", "campaign medium", Kept.CAMPAIGN),
            ContextTerms("campaign_name", "campaign name", Kept.CAMPAIGN),
            ContextTerms("campaign_term", "campaign term", Kept.CAMPAIGN),
            ContextTerms("campaign_content", "campaign content", Kept.CAMPAIGN),
        )
    }
)
CLOCKS = frozenset(name for name, terms in CONTEXTS.items() if terms.kept is Kept.CLOCK)
CAMPAIGN_FIELDS = ("source", "medium", "name", "term", "content")
LAST_TIME_ZONE = "last_timezone"
#: The contexts of which the latest is kept as a trait of the person, under these names.
LAST_KNOWN: tuple[str, ...] = (
    *(f"last_{name}" for name, terms in CONTEXTS.items() if terms.kept is not Kept.CLOCK),
    LAST_TIME_ZONE,
)


@dataclass(frozen=True, slots=True)
class Circumstances:
    """The contexts of one event as they are stored; `time_zone` only where the event itself named one."""

    values: Mapping[str, str] = field(default_factory=dict)
    time_zone: str | None = None


NOWHERE = Circumstances()


def context_value(name: str, circumstances: Circumstances, *, ts: datetime, zone: tzinfo) -> Scalar | None:
    """The value of a context for an event at `ts`; `zone` is whose clock counts where the event names none.

    The Postgres writer says the same in SQL.
    """
    if CONTEXTS[name].kept is not Kept.CLOCK:
        return circumstances.values.get(name)
    local = ts.astimezone(zone if circumstances.time_zone is None else ZoneInfo(circumstances.time_zone))
    return Decimal(local.hour) if name == "local_hour" else WEEKDAYS[local.weekday()]


def known_text(raw: object) -> str | None:
    """A text as one of the names above, or None for what cannot be one."""
    return raw if type(raw) is str and 0 < len(raw) <= LONGEST else None
