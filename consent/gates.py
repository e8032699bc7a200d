"""Where consent is asked: when an event is collected, when a profile is read, when two people turn out to be one."""

from collections.abc import Iterable, Iterator, Mapping
from datetime import datetime

from consent import catalogue, collection, projection, section
from consent.decisions import Decision, Outcome, decide, stand
from consent.terms import Terms
from profiles.api.reads import Read, Withheld
from profiles.identity.resolve import Merge
from profiles.ingest.gates import Claim, ResolvedEvent, Verdict
from profiles.lanes import LaneBatch
from profiles.models import Cause


def collection_gate(claim: Claim) -> dict[int, Verdict]:
    """Record the consent that rides on the claim's events, then refuse the events whose purpose was refused.

    An event is judged by where the person stood at the event's own time, this claim's entries included: a withdrawal
    does not undo what was rightly collected before it, and how events are cut into claims cannot matter.
    """
    purposes = catalogue.live_purposes()
    if purposes:
        collection.record(claim, purposes)
    wanted = catalogue.event_purposes()
    guarded = [event for event in claim.events if event.name in wanted]
    return _judge(guarded, wanted, purposes) if guarded else {}


def _judge(
    events: Iterable[ResolvedEvent], wanted: Mapping[str, str], purposes: Mapping[str, Terms]
) -> dict[int, Verdict]:
    acts = projection.acts_behind({event.origin_id for event in events}, {wanted[event.name] for event in events})
    verdicts = {}
    for event in events:
        purpose = wanted[event.name]
        known = acts.get(event.origin_id, {}).get(purpose, ())
        decision = decide(
            purpose=purpose, terms=purposes.get(purpose), standing=stand(known, at=event.ts), now=event.ts
        )
        if decision.outcome is not Outcome.ALLOWED:
            verdicts[event.position] = _verdict(decision)
    return verdicts


def _verdict(decision: Decision) -> Verdict:
    if decision.outcome is Outcome.GAP:
        return Verdict(keep=True, code="consent_gap", reason=decision.reason, gap=True)
    return Verdict(keep=False, code="consent_refused", reason=decision.reason)


def read_gate(read: Read) -> tuple[Withheld, ...]:
    """Withhold what the read's purpose does not allow: everything personal, or what was collected for another one.

    It decides from the card alone. A read without a purpose has nothing that could allow it.
    """
    parts = {_part(field) for field in read.fields} & _PERSONAL
    if not parts:
        return ()
    if not read.purpose:
        return tuple(
            Withheld(part, "The key states no purpose to read for.", "purpose_missing") for part in sorted(parts)
        )
    rules = catalogue.read_rules()
    decision = _decision(read, read.purpose, rules)
    if not decision.is_allowed:
        return tuple(Withheld(part, decision.reason, decision.code) for part in sorted(parts))
    return tuple(_other_purposes(read, rules))


#: The parts of a profile that tell something about a person. Consent itself is told: it is why the rest is not.
_PERSONAL = frozenset({"traits", "identifiers", "segments", "tags", "events"})


def _part(field: str) -> str:
    return field.partition(".")[0]


def _decision(read: Read, purpose: str, rules: catalogue.ReadRules) -> Decision:
    standing = section.standing(read.card.get(projection.SECTION) or {}, purpose)
    return decide(purpose=purpose, terms=rules.purposes.get(purpose), standing=standing, now=read.now)


def _other_purposes(read: Read, rules: catalogue.ReadRules) -> Iterator[Withheld]:
    for field, purpose in _guarded(read, rules):
        decision = _decision(read, purpose, rules)
        if purpose != read.purpose and not decision.is_allowed:
            yield Withheld(field, f"Collected for another purpose. {decision.reason}", decision.code)


def _guarded(read: Read, rules: catalogue.ReadRules) -> Iterator[tuple[str, str]]:
    """Go through the traits and events asked for, one by one or as a whole, that have a purpose of their own."""
    for part, purposes in (("traits", rules.trait_purposes), ("events", rules.event_purposes)):
        has_all = part in read.fields
        for name, purpose in sorted(purposes.items()):
            field = f"{part}.{name}"
            if has_all or field in read.fields:
                yield field, purpose


_ANEW = frozenset({Cause.MERGE.value, Cause.UNMERGE.value, Cause.CONSENT.value})


def lane_step(batch: LaneBatch) -> Mapping[int, datetime]:
    """Compute people who were merged again, write cards whose grants ran out, and say whose runs out next.

    A merge computes its own two people. But an entry that was being written while the merge committed lands under the
    old person; its touch brings it here, after both.
    """
    stale = {person for person, touch in batch.people.items() if not _ANEW.isdisjoint(touch.causes)}
    # Both at once: locks taken in two goes would not be in one order.
    stale |= projection.with_ended_cards(batch.people, now=batch.now)
    if stale:
        projection.settle(profile_ids=stale, now=batch.now)
    return projection.expiries_of(batch.people, now=batch.now)


def merge_step(merge: Merge) -> None:
    """Compute where both stand from the entries of everybody who is now them.

    After a merge the loser stands nowhere; after an undone one their own entries count for them again.
    """
    projection.settle(profile_ids=[merge.winner_id, merge.loser_id], now=merge.now)
