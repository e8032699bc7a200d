"""Where somebody stood at a moment of the past, for statements over the past (`profiles.facts.past`).

The standing is computed by `decisions.stand`, as it always is, from the entries that count; only then is it a row.
Which version of a purpose was live is no matter of knowledge: it is the one that was in force at the moment.
"""

from collections import defaultdict
from collections.abc import Iterable, Mapping
from datetime import datetime
from typing import Any

import orjson

from consent import projection
from consent.decisions import Act, Standing, stand

#: The tables that rules read of consent, as of %(now)s.
TABLES: Mapping[str, str] = {
    "consent_state": "SELECT * FROM jsonb_populate_recordset(NULL::consent_state, %(consents)s::jsonb)",
    # When a version went live is told by the last of its approvals; a retired one was live until its retirement.
    "consent_purpose": """SELECT head.id, head.key,
         (SELECT CASE WHEN gone.at IS NULL THEN lived.id END
            FROM (SELECT v.id, max(d.at) AS at FROM consent_purpose_version v
                    JOIN consent_purpose_decision d ON d.version_id = v.id AND d.decision = 'approve'
                   WHERE v.head_id = head.id AND v.state IN ('live', 'superseded', 'retired') GROUP BY v.id) lived
            LEFT JOIN consent_purpose_decision gone ON gone.version_id = lived.id AND gone.decision = 'retire'
                  AND gone.at <= %(now)s::timestamptz
           WHERE lived.at <= %(now)s::timestamptz ORDER BY lived.at DESC, lived.id DESC LIMIT 1) AS live_version_id
    FROM consent_purpose head""",
}


def parameters(*, profile_id: int, origins: Iterable[int], at: datetime, known_at: datetime | None) -> dict[str, Any]:
    """What TABLES asks for: where the person of these origins stood at `at`, by what was known at `known_at`."""
    rows = [
        projection.as_row(profile_id, purpose, standing)
        for purpose, standing in standings(origins=origins, at=at, known_at=known_at).items()
    ]
    return {"consents": orjson.dumps(rows).decode()}


def standings(*, origins: Iterable[int], at: datetime, known_at: datetime | None) -> dict[str, Standing]:
    """Return by purpose where the entries of these origins left a person; `known_at` of None is all that is known."""
    known = "" if known_at is None else f" AND e.received_at <= '{known_at.isoformat()}'::timestamptz"
    acts: dict[str, list[Act]] = defaultdict(list)
    for by_purpose in projection.acts_by(_ACTS + known, origins, None).values():
        for purpose, said in by_purpose.items():
            acts[purpose] += said
    found = {purpose: stand(said, at=at) for purpose, said in acts.items()}
    return {purpose: standing for purpose, standing in found.items() if standing.act is not None}


_ACTS = """
SELECT e.origin_id, p.purpose, e.seq, e.hash, e.operation, e.occurred_at, e.assurance, p.until, e.supersedes
  FROM consent_entry e CROSS JOIN LATERAL unnest(e.purposes, e.untils) AS p (purpose, until)
 WHERE e.origin_id = ANY (%(ids)s::bigint[])"""
