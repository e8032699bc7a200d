"""The people column of a list: whether any of a person's names is on it now."""

from collections.abc import Iterable

from profiles.facts.postgres import quoted
from profiles.facts.relations import ExtraColumn
from profiles.facts.values import ValueType
from segments.rules.reads import list_name

# From the person to their names and from each name to the list: every step is a probe of an index.
_LISTED = """
EXISTS (SELECT FROM origin lo
          JOIN LATERAL (
               SELECT li.type, li.hash FROM identifier li WHERE li.origin_id = lo.id AND NOT li.is_blocked
               UNION ALL SELECT 'profile_id', int8send(lo.id)) AS ln (type, hash) ON true
          JOIN list_entry le ON le.type = ln.type AND le.hash = ln.hash AND le.removed_in IS NULL
         WHERE lo.root_id = p.id AND le.list_id = (SELECT id FROM uploaded_list WHERE key = {key}))
"""


def list_columns(key: str) -> Iterable[ExtraColumn]:
    """What `compile` reads of a list."""
    return (ExtraColumn(list_name(key), ValueType.BOOLEAN, _LISTED.format(key=quoted(key)).strip()),)
