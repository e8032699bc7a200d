"""The circumstances of an event as Postgres columns. `contexts.context_value` says the same in Python."""

from profiles.facts.contexts import CONTEXTS, LONGEST, WEEKDAYS, Kept
from profiles.facts.relations import ContextColumn, Reading
from profiles.facts.values import ValueType

_EVENTS = "origin o JOIN events e ON e.origin_id = o.id"
_PERSON = "JOIN profile whose ON whose.id = o.root_id"


def events_of_people(reading: Reading) -> str:
    """What events are selected from: with their people only where a clock is read that may be the person's."""
    contexts = (column.context for column in reading.properties if isinstance(column, ContextColumn))
    reads_clock = any(CONTEXTS[name].kept is Kept.CLOCK for name in contexts)
    return f"{_EVENTS} {_PERSON}" if reads_clock else _EVENTS


def context_sql(column: ContextColumn, *, zone: str) -> str:
    """The value of a context of event `e`; `zone` is a quoted literal, the workspace's."""
    value = _value(column.context, zone)
    if column.presence:
        return f"({value}) IS NOT NULL"
    return f'({value}) COLLATE "C"' if column.type is ValueType.TEXT else value


def _value(name: str, zone: str) -> str:
    match CONTEXTS[name].kept:
        case Kept.COLUMN:
            return f"e.{name}"
        case Kept.CAMPAIGN:
            return _campaign(name.removeprefix("campaign_"))
        case Kept.CLOCK:
            return _clock(name, zone)


def _campaign(field: str) -> str:
    told = f"(e.context->'campaign'->'{field}')"
    text = f"({told} #>> '{{}}')"
    return f"CASE WHEN jsonb_typeof({told}) = 'string' AND char_length({text}) BETWEEN 1 AND {LONGEST} THEN {text} END"


def _clock(name: str, zone: str) -> str:
    # Both zones were looked up among those PostgreSQL knows before they were stored: an unknown one would abort a lane.
    local = f"(e.ts AT TIME ZONE coalesce(e.time_zone, whose.time_zone, {zone}))"
    if name == "local_hour":
        return f"extract(hour FROM {local})::numeric(38, 9)"
    days = ", ".join(f"'{day}'" for day in WEEKDAYS)
    return f"(ARRAY[{days}])[extract(isodow FROM {local})::integer]"
