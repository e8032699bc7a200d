"""Sources as governed objects: what a version must say, and what going live sets in motion."""

from collections.abc import Mapping
from datetime import datetime
from typing import Any

from cdp.governance.errors import ContentInvalid
from cdp.governance.governed import Governed
from cdp.governance.models import DecisionKind, State
from cdp.models import User
from cdp.problems import FieldError
from profiles.models import Source, SourceDecision, SourceVersion, TrackingPlan
from profiles.plans import enforcement, traffic
from profiles.plans.enforcement import SourceTerms, TermsInvalid

_DEFAULT = SourceTerms(name="default")


def _check(content: Any, /) -> None:
    try:
        terms = enforcement.read(content)
    except TermsInvalid as error:
        told = tuple(FieldError(fault.field, fault.reason) for fault in error.faults)
        raise ContentInvalid(told[0].detail, errors=told) from None
    if terms.tracking_plan and not TrackingPlan.objects.filter(key=terms.tracking_plan).exists():
        told = (FieldError("tracking_plan", f"There is no tracking plan “{terms.tracking_plan}”."),)
        raise ContentInvalid(told[0].detail, errors=told)


def _what_it_would_do(version: Any, /, *, now: datetime) -> Mapping[str, Any]:
    """Freeze what the source's latest events would have met with."""
    terms = enforcement.read(version.content)
    plan = TrackingPlan.objects.filter(key=terms.tracking_plan).select_related("live_version").first()
    content = plan.live_version.content if plan and plan.live_version else None
    return {"sources": [traffic.would_meet(source=version.head, content=content, terms=terms, now=now)]}


def _is_live(version: Any, /, *, now: datetime) -> None:
    terms = enforcement.read(version.content)
    decision = version.decisions.filter(decision=DecisionKind.APPROVE).latest("pk")
    head = version.head
    head.name, head.kind, head.priority = terms.name, terms.kind, terms.priority
    _note(head, by=decision.decided_by, now=now, reason=f"follows v{version.number}")


def _is_retired(head: Any, /, *, now: datetime) -> None:
    """From here on everything that the source sends is taken, as before its first version."""
    retired = SourceVersion.objects.filter(head=head, state=State.RETIRED).latest("decided_at")
    decision = SourceDecision.objects.filter(version=retired, decision=DecisionKind.RETIRE).latest("pk")
    head.priority = _DEFAULT.priority
    _note(head, by=decision.decided_by, now=now, reason=f"v{retired.number} retired")


def _note(head: Any, *, by: User, now: datetime, reason: str) -> None:
    head._history_user, head._history_date, head._change_reason = by, now, reason
    head.save()
    del head._history_user, head._history_date, head._change_reason


def stated(source: Source) -> SourceTerms:
    """Return what holds for a source: its live version's terms, else the defaults."""
    if source.live_version is not None:
        return enforcement.read(source.live_version.content)
    return SourceTerms(name=source.name, kind=source.kind, priority=source.priority)


SOURCES = Governed(
    head=Source,
    version=SourceVersion,
    decision=SourceDecision,
    validate=_check,
    on_submit=_what_it_would_do,
    on_live=_is_live,
    on_retired=_is_retired,
)
