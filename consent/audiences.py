"""The decision of `decisions`, for many people at once, as SQL. A test proves the two equal on random histories.

Which assurance a purpose accepts and on which basis it stands is read from its live version when the statement runs,
so a statement compiled before a new version went live still decides by the new one.
"""

from collections.abc import Iterable
from datetime import datetime

from django.db import connection

from consent.catalogue import live_purposes
from consent.decisions import Outcome
from profiles.exports.gates import Permission, PurposeRefused
from profiles.facts.relations import ExtraColumn
from profiles.facts.values import ValueType

_TERMS = """SELECT v.content->>'legal_basis' AS basis,
               NOT coalesce(v.content->'accepted_assurance', '["client", "server"]'::jsonb) @> '"client"' AS server_only
          FROM consent_purpose h JOIN consent_purpose_version v ON v.id = h.live_version_id WHERE h.key = {purpose}"""

_OUTCOME = """CASE WHEN t.basis IS NULL THEN 'gap'
            WHEN t.basis = 'consent' THEN
                CASE WHEN d.granted IS NULL THEN 'gap'
                     WHEN NOT d.granted OR d.until <= %(now)s THEN 'refused'
                     ELSE 'allowed' END
            WHEN t.basis IN ('legitimate_interest', 'public_task') AND s.operation IN ('deny', 'withdraw')
            THEN 'refused'
            ELSE 'allowed' END"""

_OUTCOMES = f"""
WITH terms AS ({_TERMS.format(purpose="%(purpose)s")})
SELECT scope.profile_id, {_OUTCOME}
  FROM {{scope}}
  LEFT JOIN terms t ON true
  LEFT JOIN consent_state s ON s.profile_id = scope.profile_id AND s.purpose = %(purpose)s
  LEFT JOIN LATERAL (SELECT CASE WHEN t.server_only THEN s.assured_granted ELSE s.granted END AS granted,
                            CASE WHEN t.server_only THEN s.assured_until ELSE s.until END AS until) d ON true
"""


_OUTCOMES_OF = _OUTCOMES.format(scope="unnest(%(people)s::bigint[]) AS scope (profile_id)")
_OUTCOMES_OF_ALL = _OUTCOMES.format(scope="(SELECT id FROM profile) AS scope (profile_id)")


def outcomes(*, purpose: str, profile_ids: Iterable[int], now: datetime) -> dict[int, Outcome]:
    """Decide for many people at once whether their data may be used for a purpose."""
    with connection.cursor() as cursor:
        cursor.execute(_OUTCOMES_OF, {"purpose": purpose, "people": list(profile_ids), "now": now})
        return {person: Outcome(outcome) for person, outcome in cursor.fetchall()}


def outcomes_over(scope: str, *, purpose: str) -> str:
    """Return the same decision as a select over a relation of people, for statements that count them.

    `scope` is what stands behind FROM and is called `scope`, with a column `profile_id`; the select takes `%(now)s`
    and gives (profile_id, outcome).
    """
    quoted = "'" + purpose.replace("'", "''").replace("%", "%%") + "'"
    return _OUTCOMES.replace("%(purpose)s", quoted).format(scope=scope)


def export_gate(*, purpose: str, now: datetime) -> Permission:
    """Permit whom the purpose allows to be used. Raises PurposeRefused for a purpose that is not live."""
    if purpose not in live_purposes():
        raise PurposeRefused(f"There is no live purpose “{purpose}”: nobody has permitted anything for it.")
    allowed = f"SELECT person FROM ({_OUTCOMES_OF_ALL}) decided (person, outcome) WHERE outcome = 'allowed'"
    return Permission(f"p.id IN ({allowed})", {"purpose": purpose, "now": now})


def consent_columns(purpose: str) -> tuple[ExtraColumn, ...]:
    """Return what a rule reads of a purpose: whether a grant decides (null: nothing on record), and until when.

    The end is a column of its own because a rule decides for a `now` of its own, and has to know when to look again.
    """
    return (
        ExtraColumn(f"consent:{purpose}", ValueType.BOOLEAN, _column(purpose, "granted")),
        ExtraColumn(f"consent_until:{purpose}", ValueType.DATETIME, _column(purpose, "until")),
    )


def _column(purpose: str, column: str) -> str:
    """Write the scalar over the profile row `p`. A purpose that is not live has no terms, and so no value."""
    quoted = "'" + purpose.replace("'", "''") + "'"
    terms = _TERMS.format(purpose=quoted)
    return (
        f"(SELECT CASE (SELECT terms.server_only FROM ({terms}) terms)"
        f" WHEN true THEN s.assured_{column} WHEN false THEN s.{column} END"
        f" FROM consent_state s WHERE s.profile_id = p.id AND s.purpose = {quoted})"
    )
