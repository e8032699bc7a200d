"""Who leans on whom: live rules that hold other segments, lists, or populations, and what may not happen to these.

The changes of live rules ask here under the exclusive rule lock, when nobody else can change any: two people who
approve two halves of a circle at the same moment approve one after the other, and the second is refused.
"""

from collections.abc import Iterator

from cdp.governance.errors import ContentInvalid, WrongState
from cdp.problems import FieldError
from segments.rules.nodes import ListLeaf, Rule, leaves_of
from segments.rules.resolving import MAX_RESOLVED_NODES, circle, closure, resolved_size, segments_used, told_circle
from segments.rules.vocabulary import Catalogue

_NAMED = 10


def refuse_circle(*, key: str, rule: Rule, catalogue: Catalogue) -> None:
    """Raises ContentInvalid, naming everybody in it, where the segment would lean on itself with this rule."""
    if way := circle(key, rule, segments=catalogue.segments):
        raise _invalid(told_circle(way))


def refuse_outgrown(*, key: str, catalogue: Catalogue) -> None:
    """Raises ContentInvalid where rules that lean on the segment would become too large by what it says now."""
    outgrown = [
        user
        for user in catalogue.segments
        if key in closure(catalogue.segments[user], segments=catalogue.segments)
        and resolved_size(catalogue.segments[user], segments=catalogue.segments) > MAX_RESOLVED_NODES
    ]
    if outgrown:
        raise _invalid(
            f"Rules that lean on this one would have more than {MAX_RESOLVED_NODES:,} parts: {_listed(outgrown)}."
        )


def refuse_retirement(*, key: str, catalogue: Catalogue) -> None:
    """Raises WrongState, with their names, while live rules lean on the segment."""
    users = [user for user in catalogue.segments if key in segments_used(catalogue.segments[user])]
    if users:
        raise WrongState(f"Live rules lean on “{key}”: {_listed(users)}. Change or retire them first.")


def users_of_list(*, key: str, catalogue: Catalogue) -> tuple[str, ...]:
    """The live segments whose own rule asks for the list."""
    return tuple(user for user in sorted(catalogue.segments) if key in _lists(catalogue.segments[user]))


def _lists(rule: Rule) -> Iterator[str]:
    yield from (leaf.list for _, leaf in leaves_of(rule) if isinstance(leaf, ListLeaf))


def _listed(keys: list[str]) -> str:
    told = ", ".join(f"“{key}”" for key in sorted(keys)[:_NAMED])
    return told if len(keys) <= _NAMED else f"{told} and {len(keys) - _NAMED} more"


def _invalid(message: str) -> ContentInvalid:
    return ContentInvalid(message, errors=(FieldError("rule", message),))
