"""Tracking plans as governed objects; drafts learned from traffic or taken from elsewhere."""

from collections.abc import Mapping
from datetime import datetime
from typing import Any

from cdp.governance import lifecycle
from cdp.governance.content import content_hash
from cdp.governance.errors import ContentInvalid
from cdp.governance.governed import Governed
from cdp.models import User
from cdp.problems import FieldError
from profiles.models import Source, TrackingPlan, TrackingPlanDecision, TrackingPlanVersion
from profiles.plans import iglu, learning, plan, segment, sources, traffic
from profiles.plans.learning import Habits
from profiles.plans.plan import PlanInvalid

LEARNED_FROM = 20_000  # the latest events of the source


def _check(content: Any, /) -> None:
    try:
        plan.read(content)
    except PlanInvalid as error:
        raise as_refusal(error) from None


def as_refusal(error: PlanInvalid) -> ContentInvalid:
    """Say that a plan is none in the lifecycle's way."""
    told = tuple(FieldError(fault.field, fault.reason) for fault in error.faults)
    return ContentInvalid(told[0].detail, errors=told)


def _what_it_would_do(version: Any, /, *, now: datetime) -> Mapping[str, Any]:
    """Freeze what the latest events of every source under this plan would have met with."""
    return {
        "sources": [
            traffic.would_meet(source=source, content=version.content, terms=sources.stated(source), now=now)
            for source in followers(version.head)
        ]
    }


def followers(head: TrackingPlan) -> list[Source]:
    """Return the sources whose live version names the plan."""
    wanted = Source.objects.filter(live_version__content__tracking_plan=head.key)
    return list(wanted.select_related("live_version").order_by("name", "id"))


def learn(*, head: TrackingPlan, source: Source, habits: Habits, by: User, now: datetime) -> TrackingPlanVersion:
    """Draft a plan from what a source sent. Raises NotAllowed, ContentInvalid when it sent nothing."""
    seen = traffic.latest(source_id=source.pk, most=LEARNED_FROM, now=now)
    rules = learning.learn(seen, habits)
    if not rules:
        told = FieldError("source", "It has sent nothing that a plan could be learned from.")
        raise ContentInvalid(told.detail, errors=(told,))
    version: TrackingPlanVersion = lifecycle.draft(head=head, content=plan.spell(rules), by=by, now=now)
    return version


def take_in(*, head: TrackingPlan, document: Any, by: User, now: datetime) -> TrackingPlanVersion:
    """Draft a plan from Segment's rules or from Iglu's schemas, whichever it is. Raises NotAllowed, ContentInvalid."""
    content_hash(document)  # bounds its depth
    try:
        rules = iglu.rules(document) if iglu.is_iglu(document) else segment.rules(document)
    except PlanInvalid as error:
        raise as_refusal(error) from None
    version: TrackingPlanVersion = lifecycle.draft(head=head, content=plan.spell(rules), by=by, now=now)
    return version


TRACKING_PLANS = Governed(
    head=TrackingPlan,
    version=TrackingPlanVersion,
    decision=TrackingPlanDecision,
    validate=_check,
    on_submit=_what_it_would_do,
)
