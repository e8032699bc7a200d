"""What verdicts do to the events on their way: leave out what is to be omitted, set aside what is refused.

A refused event teaches nothing. If screens spoke after people are resolved, an unplanned event that says
`userId: "null"` would join strangers before anybody could refuse it, and who is who would no longer follow from the
events that were accepted. So a screened-out event keeps only the name it goes by first, is paired with no other, and
makes nobody known, with one exception: where it tells a decision about consent, its person is made known (an empty one,
joined with nobody), so that a withdrawal is not lost because a property was missing. The gates are asked about it all
the same: if its person does not allow it to be collected, its payload is not kept among the refused ones either.
"""

from collections import defaultdict
from collections.abc import Callable, Mapping
from typing import Any

from msgspec import structs
from msgspec.json import Encoder

from profiles.identity import naming
from profiles.identity.naming import Name
from profiles.ingest import dialects, singled
from profiles.ingest.drafts import Draft, Work
from profiles.ingest.gates import Arrival, Verdict, both, screens
from profiles.ingest.incoming import Kind, Rejected

_json = Encoder().encode
PROTOCOLS = "protocols"


def screen(work: Work) -> list[Callable[[], None]]:
    """Ask every screen about the claim's events, and return what they want written in its transaction."""
    asked = screens()
    if not asked or not work.drafts:
        return []
    arrivals = [
        Arrival(position, work.rows[draft.row].source_id, draft.event) for position, draft in enumerate(work.drafts)
    ]
    verdicts: dict[int, Verdict] = {}
    writes = []
    for ask in asked:
        found = ask(arrivals)
        if found.write is not None:
            writes.append(found.write)
        for position, verdict in found.verdicts.items():
            earlier = verdicts.get(position)
            verdicts[position] = verdict if earlier is None else both(earlier, verdict)
    for position, verdict in verdicts.items():
        draft = work.drafts[position]
        if verdict.keep:
            _omit(draft, verdict)
            names, draft.blocked = naming.names(draft.event, work.rule)
            draft.names = names or draft.names[:1]  # somebody's it has to be
        else:
            draft.refused, draft.names = verdict, draft.names[:1]
    return writes


def makes_known(work: Work, draft: Draft) -> bool:
    """Say whether an event may make its person known: accepted ones may, refused ones if they speak of consent."""
    if draft.refused is None:
        return True
    row = work.rows[draft.row]
    return draft.event.consent is not None or (row.gpc and row.assurance == dialects.CLIENT)


def set_aside(work: Work, origin_of: Mapping[Name, int]) -> None:
    """Refuse the screened-out events of people nobody knows: there is no one the gates could be asked about."""
    unknown = {
        position: draft.refused
        for position, draft in enumerate(work.drafts)
        if draft.refused is not None and draft.names[0] not in origin_of
    }
    if unknown:
        carry_out(work, unknown)


def with_screened(work: Work, verdicts: dict[int, Verdict]) -> dict[int, Verdict]:
    """Add what the screens said to what the gates said."""
    for position, draft in enumerate(work.drafts):
        if draft.refused is not None:
            later = verdicts.get(position)
            verdicts[position] = draft.refused if later is None else both(draft.refused, later)
    return verdicts


def carry_out(work: Work, verdicts: Mapping[int, Verdict]) -> list[Draft]:
    """Take refused events out of the work and out of their context what is to be omitted; return the refused ones."""
    refused = {position for position, verdict in verdicts.items() if not verdict.keep}
    for position, verdict in verdicts.items():
        draft = work.drafts[position]
        draft.gap = verdict.gap
        if verdict.keep and verdict.omit:
            _omit(draft, verdict)
    _reject(work, {position: verdicts[position] for position in sorted(refused)})
    gone = [work.drafts[position] for position in refused]
    if refused:
        work.drafts = [draft for position, draft in enumerate(work.drafts) if position not in refused]
    return gone


def _reject(work: Work, refused: Mapping[int, Verdict]) -> None:
    kept: defaultdict[int, list[int]] = defaultdict(list)
    for position, verdict in refused.items():
        if verdict.keep_payload:
            kept[work.drafts[position].row].append(work.drafts[position].event.position)
    payloads = {row: singled.each_alone(work.rows[row], places) for row, places in kept.items()}
    for position, verdict in refused.items():
        draft = work.drafts[position]
        event = draft.event
        # What may not be collected is counted with its reason and not kept: a copy among the refused is a collection.
        payload = payloads[draft.row][event.position] if verdict.keep_payload else b""
        work.rejected[draft.row].append(
            Rejected(event.position, event.message_id, verdict.code, verdict.field, verdict.reason, payload, event.name)
        )
        work.outcomes[draft.row].rejected += 1


def _omit(draft: Draft, verdict: Verdict) -> None:
    """Leave names out of what is stored. The hash of the body stays: a retry of the whole event is no conflict."""
    event = draft.event
    changed: dict[str, Any] = {}
    if verdict.omit:
        gone = frozenset(verdict.omit)
        left = {name: value for name, value in event.properties.items() if name not in gone}
        changed = {"properties": left, "traits": left if event.kind is Kind.IDENTIFY else event.traits}
        draft.properties = _json(left).decode()
    if verdict.protocols:
        earlier = event.context.get(PROTOCOLS)
        said = {**earlier, **verdict.protocols} if type(earlier) is dict else dict(verdict.protocols)
        changed["context"] = {**event.context, PROTOCOLS: said}
    if changed:
        draft.event = structs.replace(event, **changed)
