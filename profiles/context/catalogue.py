"""The last-known traits in the catalogue: described by us, since no sender states them."""

from collections.abc import Iterable
from datetime import datetime

from django.db import connection

from profiles.context.deriving import PARTS, Derived
from profiles.models import DefinitionStatus, PersonalClass, ValueType

#: Where somebody is, to the town, says who they are; a country or a browser does not.
_PERSONAL = frozenset({"last_region", "last_city"})
_DECLARE = """
INSERT INTO trait_definition (name, type, description, personal_class, status, first_seen_at, last_seen_at)
SELECT name, %s, description, personal_class, %s, %s, %s
  FROM unnest(%s::text[], %s::text[], %s::text[]) AS told (name, description, personal_class)
 WHERE NOT EXISTS (SELECT FROM trait_definition known WHERE known.name = told.name) ORDER BY name
    ON CONFLICT DO NOTHING
"""


def declare(told: Iterable[Derived], *, now: datetime) -> None:
    """Enter the traits that these contexts are last known by, each once."""
    names = sorted({name for derived in told for part, _ in derived.parts for name in PARTS[part]})
    if names:
        descriptions = [f"{name.removeprefix('last_').replace('_', ' ')} of the latest event to tell" for name in names]
        classes = [_class(name).value for name in names]
        with connection.cursor() as cursor:
            kinds = [ValueType.TEXT.value, DefinitionStatus.CONFIRMED.value]
            cursor.execute(_DECLARE, [*kinds, now, now, names, descriptions, classes])


def _class(name: str) -> PersonalClass:
    return PersonalClass.PERSONAL if name in _PERSONAL else PersonalClass.NONE
