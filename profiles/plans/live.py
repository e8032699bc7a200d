"""What holds for each source at this moment: its live version and its plan's, compiled.

Asked once per claim, fresh: whoever approves a mended plan and sends the blocked events through again must not meet the
old plan in some worker's memory. What a version says never changes, so that is read and compiled once per process.
"""

from functools import lru_cache

from django.db import connection
from msgspec import Struct

from profiles.models import SourceVersion, TrackingPlanVersion
from profiles.plans import enforcement, plan
from profiles.plans.checking import CompiledPlan
from profiles.plans.enforcement import SourceTerms

_LIVE = """
SELECT source.id, stated.id, stated.content_hash, planned.id, planned.content_hash
  FROM source JOIN source_version stated ON stated.id = source.live_version_id
  LEFT JOIN tracking_plan ON tracking_plan.key = stated.content->>'tracking_plan'
  LEFT JOIN tracking_plan_version planned ON planned.id = tracking_plan.live_version_id
"""
_KEPT = 256


class LivePlan(Struct, frozen=True):
    """One version of a plan, ready to judge."""

    version_id: int
    key: str
    number: int
    compiled: CompiledPlan


class Standing(Struct, frozen=True):
    """What its live version says about a source. A source without one is not standing anywhere: all of it is taken."""

    terms: SourceTerms
    plan: LivePlan | None


def standing() -> dict[int, Standing]:
    """Return what holds for every source that has a live version."""
    with connection.cursor() as cursor:
        cursor.execute(_LIVE)
        found = cursor.fetchall()
    return {
        source: Standing(_terms(version, of_hash), live_plan(planned, of_plan) if planned is not None else None)
        for source, version, of_hash, planned, of_plan in found
    }


# The hash is part of the key, so that what is remembered can belong to no other database.
@lru_cache(_KEPT)
def _terms(version_id: int, content_hash: str) -> SourceTerms:
    return enforcement.read(SourceVersion.objects.values_list("content", flat=True).get(pk=version_id))


@lru_cache(_KEPT)
def live_plan(version_id: int, content_hash: str) -> LivePlan:
    """Return a version of a plan, compiled."""
    version = TrackingPlanVersion.objects.select_related("head").get(pk=version_id)
    return LivePlan(version.pk, version.head.key, version.number, CompiledPlan(plan.read(version.content)))
