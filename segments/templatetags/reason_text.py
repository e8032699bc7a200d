"""What a page about reasons asks of one look at one person, node by node."""

from collections.abc import Sequence

from django import template

from segments.looking import Ground, Seen
from segments.rules.explain import Explanation

register = template.Library()


@register.filter
def ground(seen: Seen, path: str) -> Ground | None:
    return seen.grounds.get(path)


@register.filter
def hinders(seen: Seen, path: str) -> bool:
    """Say whether a leaf belongs to the first of the smallest sets."""
    return bool(seen.repair.smallest) and path in seen.repair.smallest[0]


@register.filter
def sentences_of(seen: Seen, paths: Sequence[str]) -> list[str]:
    """What the leaves at these paths say, in the order of the paths."""
    said = dict(_said(seen.explanation))
    return [said[path] for path in paths]


def _said(node: Explanation) -> list[tuple[str, str]]:
    below = [told for child in node.children for told in _said(child)]
    return [(node.path, node.sentence), *below]
