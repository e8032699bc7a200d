"""Where plans are asked: a screen of ingest, before anybody is resolved.

A source without a live version costs a look-up by its number, and one without a plan no more.
"""

from collections.abc import Sequence

from profiles.ingest.gates import Arrival, Findings, Verdict
from profiles.plans import live, violations
from profiles.plans.explaining import Judgement
from profiles.plans.findings import ViolationType
from profiles.plans.live import LivePlan

UNPLANNED_EVENT = "unplanned_event"
SCHEMA_VIOLATION = "schema_violation"
SOURCE_DISABLED = "source_disabled"
#: Refusals that a mended plan may undo.
CODES = (UNPLANNED_EVENT, SCHEMA_VIOLATION)

# Nothing of them is kept: to collect nothing is what disabling a source is for.
_DISABLED = Verdict(keep=False, code=SOURCE_DISABLED, reason="The source is disabled: its events are not taken.")


def plan_gate(arrivals: Sequence[Arrival]) -> Findings:
    """Hold each event against the plan of its source, and count what does not follow it."""
    standing = live.standing()
    if not standing:
        return Findings()
    verdicts: dict[int, Verdict] = {}
    tally = violations.Tally()
    for arrival in arrivals:
        found = standing.get(arrival.source_id)
        if found is None:
            continue
        if not found.terms.enabled:
            verdicts[arrival.position] = _DISABLED
            continue
        if found.plan is None:
            continue
        judgement = found.plan.compiled.judge(arrival.event, found.terms.enforcement)
        if judgement is None:
            continue
        tally.add(arrival.event, judgement.findings, source_id=arrival.source_id, plan_version_id=found.plan.version_id)
        if judgement.is_blocked or judgement.omits:
            verdicts[arrival.position] = _verdict(judgement, found.plan)
    return Findings(verdicts, tally.write if tally else None)


def _verdict(judgement: Judgement, plan: LivePlan) -> Verdict:
    if not judgement.is_blocked:
        return Verdict(omit=judgement.omits, protocols=_protocols(judgement, plan))
    first, *others = judgement.findings
    code = UNPLANNED_EVENT if first.type == ViolationType.UNPLANNED_EVENT else SCHEMA_VIOLATION
    more = f" And {len(others)} more." if others else ""
    reason = f"{first.field}: {first.description}{more} (Plan {plan.key}, version {plan.number}.)"
    return Verdict(keep=False, code=code, reason=reason, field=first.field, keep_payload=True)


def _protocols(judgement: Judgement, plan: LivePlan) -> dict[str, object]:
    """Say with the event what it came with and does not hold any more, as Segment does, and by which version."""
    said = {"omitted": list(judgement.unplanned), "omitted_on_violation": list(judgement.violating)}
    told: dict[str, object] = {name: names for name, names in said.items() if names}
    return {**told, "tracking_plan": {"key": plan.key, "version": plan.number}}
