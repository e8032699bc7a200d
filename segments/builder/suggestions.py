"""The commonest values of a trait or a property, for whoever writes a rule about it.

A list of values is a list of people where each value belongs to one of them. So nothing is suggested for what the
catalogue calls personal or sensitive, nor for names that tell who somebody is; and of everything else only values that
at least CDP_SMALLEST_COUNT people share, counted in a sample: whoever types another value may, the rule takes any.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from django.conf import settings
from django.db import connection

from profiles.facts.contexts import LAST_KNOWN
from profiles.identity.rules import known_rule
from profiles.models import EventDefinition, PropertyDefinition, TraitDefinition
from profiles.models.definition import Definition, PersonalClass
from segments.builder.bounds import TookTooLong, at_most

_MOST = 20
_SAMPLED = 20_000
_SECONDS = 1.5
_LONGEST = 200
#: Traits by which people are called; what identifies them is in the identity rule.
_CALLED = frozenset(
    {
        "name",
        "firstname",
        "first_name",
        "lastname",
        "last_name",
        "displayname",
        "fullname",
        "username",
        "title",
        "avatar",
    }
    | {"address", "street", "birthday", "phone", "email"}
)

# By whole pages, so that it costs the same however large the table is; everything where there are no statistics yet.
_SHARE = """
least(100, 100.0 * %(sampled)s / greatest((SELECT sum(greatest(c.reltuples, 0)) FROM pg_class c
  WHERE c.oid = %(table)s::regclass OR c.oid IN (SELECT inhrelid FROM pg_inherits WHERE inhparent = %(table)s::regclass)
), 1))
"""
_OF_TRAIT = f"""
SELECT p.traits ->> %(name)s AS value, p.id AS person FROM profile p TABLESAMPLE SYSTEM (({_SHARE}))
 WHERE p.merged_into IS NULL AND jsonb_typeof(p.traits -> %(name)s) = 'string'
"""
_OF_PROPERTY = f"""
SELECT e.properties ->> %(name)s AS value, o.root_id AS person
  FROM events e TABLESAMPLE SYSTEM (({_SHARE})) JOIN origin o ON o.id = e.origin_id
 WHERE e.name = %(event)s AND jsonb_typeof(e.properties -> %(name)s) = 'string'
"""
_TOP = """
WITH held AS MATERIALIZED ({held})
SELECT value, count(DISTINCT person)::float / greatest((SELECT count(DISTINCT person) FROM held), 1) AS share
  FROM held WHERE length(value) <= %(longest)s AND strpos(lower(value), lower(%(begun)s)) > 0
 GROUP BY value HAVING count(DISTINCT person) >= %(smallest)s ORDER BY share DESC, value LIMIT %(most)s
"""


@dataclass(frozen=True, slots=True)
class Suggested:
    """A value, and which share of those of whom one is known have it."""

    value: str
    share: float


@dataclass(frozen=True, slots=True)
class Suggestions:
    """What may be suggested; `withheld` says why nothing is, where that has a reason."""

    values: Sequence[Suggested] = ()
    withheld: str | None = None


def of_trait(*, name: str, begun: str) -> Suggestions:
    """The commonest values of a trait that hold what has been typed."""
    defined = TraitDefinition.objects.filter(name=name).first()
    # What an event's circumstances last told has no definition of its own until somebody writes one.
    is_circumstance = defined is None and name in LAST_KNOWN
    if not is_circumstance and (withheld := _withheld(name, defined)):
        return Suggestions(withheld=withheld)
    return _top(_OF_TRAIT, {"name": name, "table": "profile"}, begun)


def of_property(*, event: str, name: str, begun: str) -> Suggestions:
    """The commonest values of an event's property that hold what has been typed."""
    defined = PropertyDefinition.objects.filter(event_name=event, name=name).first()
    if withheld := _withheld(name, defined, EventDefinition.objects.filter(name=event).first()):
        return Suggestions(withheld=withheld)
    return _top(_OF_PROPERTY, {"name": name, "event": event, "table": "events"}, begun)


def _withheld(name: str, *defined: Definition | None) -> str | None:
    if any(one is None for one in defined):
        return f"Nothing called “{name}” has been seen yet."
    for one in defined:
        if one is not None and one.personal_class != PersonalClass.NONE:
            return f"“{name}” is {one.personal_class}: its values are not suggested."
    if name.lower() in _CALLED or name in known_rule().names:
        return f"“{name}” tells who somebody is: its values are not suggested."
    return None


def _top(held: str, asked: dict[str, str], begun: str) -> Suggestions:
    given: dict[str, Any] = {**asked, "begun": begun, "smallest": max(1, settings.CDP_SMALLEST_COUNT), "most": _MOST}
    try:
        with at_most(_SECONDS), connection.cursor() as cursor:
            cursor.execute(_TOP.format(held=held), {**given, "longest": _LONGEST, "sampled": _SAMPLED})
            found = [Suggested(value, share) for value, share in cursor.fetchall()]
    except TookTooLong:
        return Suggestions(withheld="Looking for values took too long.")
    return Suggestions(found)
