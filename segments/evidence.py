"""What approval would do, counted on everybody when it is asked for, and frozen into the request.

    hash         of the content that was counted
    size …       who would be in, enter, leave and stay, with up to five of each by their public ids
    consent      for each purpose of the destinations that would be told: how many that purpose lets through
    overlaps     with every other live segment, in the statement that counted
    thresholds   what each of them came to, from whom and when: the snapshot that goes live with the version
    dependents   rules that nest this segment, destinations that listen to it
    warnings     what the lints found, and whether the author acknowledged it
    approvals    how many people have to approve

Evidence that is old when somebody approves is taken again in that same transaction; the approval keeps the new counts,
and says so where they are far from those that were frozen.
"""

import json
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from django.conf import settings
from django.db import connection
from django.utils.module_loading import import_string

from cdp.governance.content import content_hash
from consent.audiences import outcomes_over
from segments import lints, preview
from segments.content import require_acknowledged, review_content, rule_of, still_open, told
from segments.models import Segment
from segments.rules.parser import Problem
from segments.rules.vocabulary import Catalogue
from segments.thresholds.fresh import evidence_of, looking_catalogue

MOST_OVERLAPS = 50

_OVERLAPS = """
SELECT coalesce(jsonb_agg(to_jsonb(beside) ORDER BY beside."both" DESC, beside.segment), '[]')
  FROM (SELECT segment.key AS segment, segment.name, count(*) AS size, count(c.profile_id) AS "both"
          FROM segment JOIN membership m ON m.segment_id = segment.id AND m.left_at IS NULL
          LEFT JOIN compared c ON c.profile_id = m.profile_id AND c.holds
         WHERE segment.live_version_id IS NOT NULL AND segment.id IS DISTINCT FROM %(segment_id)s
         GROUP BY segment.id HAVING count(c.profile_id) > 0) AS beside
"""
_DECIDED = """
SELECT coalesce(jsonb_object_agg(outcome, people), '{{}}')
  FROM (SELECT outcome, count(*) AS people FROM ({outcomes}) AS one (profile_id, outcome) GROUP BY outcome) AS each
"""
_WOULD_BE_IN = "(SELECT profile_id FROM compared WHERE holds) AS scope (profile_id)"
_NESTED_IN = """
SELECT segment.key FROM segment JOIN segment_version AS version ON version.id = segment.live_version_id
 WHERE segment.id <> %(id)s AND (
       jsonb_path_exists(version.content, '$.rule.**.segment ? (@ == $key)', %(key)s)
    OR jsonb_path_exists(version.content, '$.rule.**.over ? (@ == $key)', %(key)s))
 ORDER BY 1
"""


@dataclass(frozen=True, slots=True)
class Listener:
    """Somewhere that would be told of a segment's changes, and for which purpose."""

    name: str
    purpose: str


Listeners = Callable[[str], Iterable[Listener]]


@dataclass(frozen=True, slots=True)
class Moved:
    """How far new counts are from those that were frozen, as a share of the larger segment."""

    share: float
    before: int
    after: int

    @property
    def much(self) -> bool:
        return self.share > settings.CDP_EVIDENCE_DRIFT_PERCENT / 100


def freeze(version: Any, /, *, now: datetime) -> Mapping[str, Any]:
    """Take the evidence of a request for approval. Raises ContentInvalid while a warning waits for its author."""
    taken, warnings = _take(version, now=now)
    require_acknowledged(still_open(warnings, acknowledged=version.content.get("acknowledged", ())))
    return taken


def renew(version: Any, /, *, now: datetime) -> Mapping[str, Any]:
    """Return what the approval's record keeps besides: nothing while the evidence is fresh, else the new counts.

    Raises ContentInvalid where a warning appeared that nobody acknowledged.
    """
    if not is_stale(version.evidence, now=now):
        return {}
    taken = freeze(version, now=now)
    moved = distance(version.evidence, taken)
    remark = f"The evidence was taken again at {now.isoformat(' ', 'seconds')}"
    if moved.much:
        remark += f" and had moved much: {moved.before:,} → {moved.after:,} people"
    without_people = {name: value for name, value in taken.items() if not name.endswith("sample")}
    return {"evidence": without_people | {"moved": round(moved.share, 4)}, "remark": f"{remark}."}


def is_stale(evidence: Mapping[str, Any], *, now: datetime) -> bool:
    taken_at = evidence.get("as_of")
    if taken_at is None:
        return True
    return now - datetime.fromisoformat(taken_at) > timedelta(minutes=settings.CDP_EVIDENCE_MINUTES)


def distance(before: Mapping[str, Any], after: Mapping[str, Any]) -> Moved:
    """The largest change among size, entering and leaving, over the larger of the two sizes."""
    sizes = before.get("size", 0), after["size"]
    largest = max(abs(after[name] - before.get(name, 0)) for name in ("size", "entering", "leaving"))
    return Moved(largest / max(*sizes, 1), *sizes)


def warnings_of(content: Any, *, segment_id: int | None, catalogue: Catalogue) -> tuple[Problem, ...]:
    """What reading a content finds to warn of. Raises ContentInvalid where it is not even a rule."""
    key = Segment.objects.filter(pk=segment_id or 0).values_list("key", flat=True).first()
    found = review_content(content, catalogue=catalogue).findings.warnings
    return (*found, *lints.of_rule(rule_of(content), content["rule"], key=key or "", catalogue=catalogue))


def _take(version: Any, *, now: datetime) -> tuple[Mapping[str, Any], tuple[Problem, ...]]:
    content, head, catalogue = version.content, version.head, looking_catalogue(version.content, now=now)
    warnings = warnings_of(content, segment_id=head.pk, catalogue=catalogue)
    listeners = _listeners(head.key)
    purposes = sorted({listener.purpose for listener in listeners if listener.purpose})
    seen, more = preview.counted(
        rule=rule_of(content),
        segment_id=head.pk,
        catalogue=catalogue,
        now=now,
        also=(_OVERLAPS, *(_DECIDED.format(outcomes=outcomes_over(_WOULD_BE_IN, purpose=one)) for one in purposes)),
    )
    overlaps, *decided = (json.loads(found) for found in more)
    warnings += lints.of_counts(size=seen.size, overlaps=overlaps)
    acknowledged = frozenset(content.get("acknowledged", ()))
    listed = preview.warnings_as_json(warnings)
    taken: Mapping[str, Any] = dict(preview.as_evidence(seen, warnings=())) | {
        "hash": content_hash(content),
        "sentence": told(content),
        "approvals": approvals(content),
        "consent": [_consent(purpose, found, listeners) for purpose, found in zip(purposes, decided, strict=True)],
        "overlaps": overlaps[:MOST_OVERLAPS],
        "thresholds": evidence_of(rule_of(content), catalogue=catalogue),
        "dependents": {"segments": _nested_in(head), "destinations": sorted(one.name for one in listeners)},
        "warnings": [one | {"acknowledged": one["code"] in acknowledged} for one in listed],
    }
    return taken, warnings


def approvals(content: Any, /) -> int:
    """How many people have to approve, as the database says it: by the content, or by what it reads being sensitive."""
    with connection.cursor() as cursor:
        cursor.execute("SELECT segment_version_approvals(%s)", [json.dumps(content)])
        return int(cursor.fetchone()[0])


def _listeners(key: str) -> Sequence[Listener]:
    return [found for path in settings.SEGMENT_LISTENERS for found in import_string(path)(key)]


def _consent(purpose: str, decided: Mapping[str, int], listeners: Iterable[Listener]) -> Mapping[str, Any]:
    allowed = decided.get("allowed", 0)
    return {
        "purpose": purpose,
        "destinations": sorted(one.name for one in listeners if one.purpose == purpose),
        "allowed": allowed,
        "blocked": sum(decided.values()) - allowed,
        "refused": decided.get("refused", 0),
        "no_record": decided.get("gap", 0),
    }


def _nested_in(head: Any) -> list[str]:
    with connection.cursor() as cursor:
        cursor.execute(_NESTED_IN, {"id": head.pk, "key": json.dumps({"key": head.key})})
        return [key for (key,) in cursor.fetchall()]
