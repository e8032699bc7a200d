"""An answer of the evaluator as JSON: node by node what it says, whether it holds, what was seen, on what it rests."""

from collections.abc import Collection, Mapping
from dataclasses import dataclass
from decimal import Decimal
from typing import Any

from segments.looking import Ground, Seen
from segments.rules.explain import Explanation, Observed


@dataclass(frozen=True, slots=True)
class Blind:
    """What must not be told: the leaves at these paths, and which leaves' events."""

    paths: Collection[str] = ()
    events: Collection[str] = ()


NOTHING_HIDDEN = Blind()


def as_tree(seen: Seen, *, blind: Blind = NOTHING_HIDDEN) -> Mapping[str, Any]:
    """An explanation as JSON: what each node says, whether it holds (null: unknown), what was observed.

    Leaves at the paths that are blind keep back everything but their place, and so does what they are combined into:
    with the comparison and its answer the value would be told.
    """
    return _tree(seen.explanation, seen, blind)


def smallest(seen: Seen, *, blind: Blind = NOTHING_HIDDEN) -> list[list[str]]:
    """The smallest sets of leaves that would have to change; none where one that is kept back is among the leaves."""
    return [] if blind.paths else [list(paths) for paths in seen.repair.smallest]


def _tree(node: Explanation, seen: Seen, blind: Blind) -> dict[str, Any]:
    tree: dict[str, Any] = {"path": node.path}
    if _is_told(node, blind):
        tree |= {"sentence": node.sentence, "holds": node.value}
        if not node.children:
            tree |= _leaf(node, seen, blind)
    if node.children:
        tree["children"] = [_tree(child, seen, blind) for child in node.children]
    return tree


def _leaf(node: Explanation, seen: Seen, blind: Blind) -> dict[str, Any]:
    told: dict[str, Any] = {"observed": as_json(node.observed), "in_the_way": node.path in seen.repair.in_the_way}
    if node.threshold is not None:
        told["threshold"] = {
            "value": as_json(node.threshold.value),
            "people": node.threshold.people,
            "taken_at": node.threshold.taken_at,
        }
    ground = seen.grounds.get(node.path)
    return told if ground is None else told | _ground(ground, tells_events=node.path not in blind.events)


def _ground(ground: Ground, *, tells_events: bool) -> dict[str, Any]:
    told: dict[str, Any] = {}
    if ground.consent is not None:
        consent = ground.consent
        told["consent"] = {
            "operation": consent.operation,
            "at": consent.at,
            "until": consent.until,
            "entry": consent.entry,
        }
    if ground.events and tells_events:
        told["events"] = [{"id": str(one.event_id), "name": one.name, "at": one.at} for one in ground.events]
        told["events_total"] = ground.total
    return told


def _is_told(node: Explanation, blind: Blind) -> bool:
    return node.path not in blind.paths and all(_is_told(child, blind) for child in node.children)


def as_json(observed: Observed) -> Any:
    """Numbers as JSON numbers, as the frozen evidence spells them."""
    if isinstance(observed, Decimal):
        return int(observed) if observed == observed.to_integral_value() else float(observed)
    return observed
