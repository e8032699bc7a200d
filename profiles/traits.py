"""Which value of a trait wins, for a whole lane's people in one statement.

The winner is a maximum over (method, source priority, observed_at, event id), so no order of arrival can change it,
and equal statements are all kept. It is the first entry of an index per origin: the cost does not grow with how often
a trait was stated. A null that wins is a tombstone: the trait is gone until something later says
otherwise.
"""

from collections.abc import Mapping, Sequence, Set
from typing import Any

from cdp.copying import array
from profiles.models import TraitMethod

# What was inferred from events is folded by `context.last_known`, which knows exactly when it was last told.
_INFERRED = TraitMethod.INFERRED.value
_ORDER = "method DESC, source_priority DESC, observed_at DESC, event_id DESC"
_VALUE = "value, method, source_id, source_priority, observed_at, event_id, applied_at, confidence"

_FOLD = f"""
INSERT INTO trait (profile_id, name, {_VALUE})
SELECT DISTINCT ON (profile_id, name) profile_id, name, {_VALUE}
  FROM ({{wanted}}) AS wanted (profile_id, name)
  JOIN origin ON origin.root_id = wanted.profile_id
 CROSS JOIN LATERAL (
       SELECT {_VALUE} FROM trait_value
        WHERE trait_value.origin_id = origin.id AND trait_value.name = wanted.name AND method > {_INFERRED}
         ORDER BY {_ORDER} LIMIT 1) AS stated
 ORDER BY profile_id, name, {_ORDER}
    ON CONFLICT (profile_id, name) DO UPDATE
   SET ({_VALUE}) = ROW (excluded.{_VALUE.replace(", ", ", excluded.")})
 WHERE (trait.event_id, trait.method, trait.source_priority, trait.value)
       IS DISTINCT FROM (excluded.event_id, excluded.method, excluded.source_priority, excluded.value)
RETURNING profile_id
"""
_FOLD_NAMED = _FOLD.format(wanted="SELECT * FROM unnest(%s::bigint[], %s::text[])")
_FOLD_ALL = _FOLD.format(
    wanted="SELECT DISTINCT origin.root_id, trait_value.name FROM origin JOIN trait_value ON origin_id = origin.id"
    f" WHERE root_id = ANY(%s::bigint[]) AND method > {_INFERRED}"
)
_DROP_LOST = f"""
DELETE FROM trait
 WHERE profile_id = ANY(%s::bigint[]) AND method > {_INFERRED}
   AND NOT EXISTS (SELECT FROM origin JOIN trait_value ON trait_value.origin_id = origin.id
                    WHERE origin.root_id = trait.profile_id AND trait_value.name = trait.name
                      AND trait_value.method > {_INFERRED})
RETURNING profile_id
"""


def fold(
    cursor: Any, *, named: Mapping[int, Set[str]], everything: Sequence[int], regrouped: Sequence[int]
) -> set[int]:
    """Recompute winners: of the named traits, and of all traits for `everything`; return whose traits changed.

    The `regrouped` may have lost an origin, and with it every statement of a trait.
    """
    changed: set[int] = set()
    pairs = sorted((profile, name) for profile, names in named.items() for name in names)
    if pairs:
        columns = array(profile for profile, _ in pairs), array(name for _, name in pairs)
        changed |= _returned(cursor, _FOLD_NAMED, columns)
    if everything:
        changed |= _returned(cursor, _FOLD_ALL, [array(everything)])
    if regrouped:
        changed |= _returned(cursor, _DROP_LOST, [array(regrouped)])
    return changed


def _returned(cursor: Any, statement: str, parameters: Sequence[str]) -> set[int]:
    cursor.execute(statement, parameters)
    return {profile for (profile,) in cursor.fetchall()}
