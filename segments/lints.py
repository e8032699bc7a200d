"""What an author should have thought of before anybody approves: found by looking, and acknowledged or gone.

None of these forbids a rule. Each has a code; `"acknowledged": [code]` in the content says that it is meant, and the
reviewer sees that it was said. `true_without_data` comes from the rule's own check, the others from here:

    unsatisfiable           a branch can be true of nobody                      (contradictions.py)
    personal_no_purpose     it reads what is personal and has no purpose in the catalogue
    longer_than_retention   it looks back further than events are kept
    same_rule               another live segment says the same
    few_people              fewer people than CDP_FEWEST_MEMBERS: a segment of three is three people
    same_members            another live segment has exactly these members
"""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import fields, is_dataclass
from datetime import UTC
from typing import Any

from django.conf import settings
from django.db import connection
from psycopg2.extras import Json

from segments.catalogue import workspace_zone
from segments.contradictions import impossible
from segments.rules.event_reads import event_histories
from segments.rules.nodes import ROOT, AllOf, AnyOf, EventNode, Node, NotOf, Rule, Within, leaves_of
from segments.rules.parser import Problem
from segments.rules.vocabulary import Catalogue

_DAYS_A_MONTH = 30
_DAY = 86_400

_UNPURPOSED = """
SELECT DISTINCT read.kind, read.event, read.name, found.personal_class
  FROM segment_reads(%s) AS read
  JOIN (SELECT 'trait' AS kind, '' AS event, name, personal_class, purpose FROM trait_definition
        UNION ALL SELECT 'event', name, '', personal_class, purpose FROM event_definition
        UNION ALL SELECT 'property', event_name, name, personal_class, purpose FROM property_definition) AS found
    ON (found.kind, found.event, found.name) = (read.kind, read.event, read.name)
 WHERE found.personal_class <> 'none' AND found.purpose = ''
 ORDER BY 1, 2, 3
"""


def of_rule(rule: Rule, document: Any, *, key: str, catalogue: Catalogue) -> tuple[Problem, ...]:
    """What can be said of a rule by reading it. `document` is its JSON, `key` the segment it belongs to."""
    return (
        *_unsatisfiable(rule, catalogue),
        *_without_purpose(document),
        *_beyond_retention(rule),
        *_said_already(rule, key, catalogue),
    )


def of_counts(*, size: int, overlaps: Sequence[Mapping[str, Any]]) -> tuple[Problem, ...]:
    """What can be said once everybody was counted. An overlap has `segment`, `name`, `both` and `size`."""
    return (*_few(size), *_same_members(size, overlaps))


def _unsatisfiable(rule: Rule, catalogue: Catalogue) -> Iterator[Problem]:
    for path in impossible(rule, catalogue=catalogue, zone=workspace_zone()):
        what = "This rule" if path == ROOT else f"The branch at {path}"
        yield Problem(path, f"{what} can be true of nobody: what it asks for excludes itself.", "unsatisfiable")


def _without_purpose(document: Any) -> Iterator[Problem]:
    with connection.cursor() as cursor:
        cursor.execute(_UNPURPOSED, [Json(document)])
        rows = cursor.fetchall()
    for kind, event, name, personal_class in rows:
        what = f"{kind} “{name or event}”" + (f" of “{event}”" if kind == "property" else "")
        told = f"The {what} is {personal_class}, and the catalogue names no purpose it was collected for."
        yield Problem(ROOT, told, "personal_no_purpose")


def _beyond_retention(rule: Rule) -> Iterator[Problem]:
    kept = settings.CDP_EVENT_RETENTION_MONTHS * _DAYS_A_MONTH * _DAY
    if not kept:
        return
    for path, leaf in leaves_of(rule):
        reads = tuple(event_histories(leaf, UTC)) if isinstance(leaf, EventNode) else ()
        longest = max((0, *(stretch.seconds for stretch in _stretches(leaf)), *(read.seconds or 0 for read in reads)))
        is_open = any(read.all_time for read in reads)
        if longest > kept or is_open:
            reach = "without end" if is_open else f"{longest // _DAY} days"
            months = settings.CDP_EVENT_RETENTION_MONTHS
            told = f"The part at {path} looks back {reach}, and events are kept for {months} months."
            yield Problem(path, told, "longer_than_retention")


def _stretches(node: Any) -> Iterator[Within]:
    """Every stretch of time anywhere in a node, whatever kinds of nodes there are."""
    if isinstance(node, Within):
        yield node
    elif isinstance(node, tuple):
        for item in node:
            yield from _stretches(item)
    elif is_dataclass(node):
        for field in fields(node):
            yield from _stretches(getattr(node, field.name))


def _said_already(rule: Rule, key: str, catalogue: Catalogue) -> Iterator[Problem]:
    own = _normal(rule)
    for other in catalogue.segments:
        if other != key and _normal(catalogue.segments[other]) == own:
            yield Problem(ROOT, f"The segment “{other}” has the same rule.", "same_rule")


def _normal(node: Node) -> Any:
    """A rule up to the order of its parts, what is said twice, and groups that group nothing."""
    match node:
        case AllOf(children) | AnyOf(children):
            kind = type(node)
            parts = frozenset(_flat(kind, (_normal(child) for child in children)))
            return next(iter(parts)) if len(parts) == 1 else (kind.__name__, parts)
        case NotOf(NotOf(child)):
            return _normal(child)
        case NotOf(child):
            return ("NotOf", _normal(child))
        case _:
            return node


def _flat(kind: type, parts: Iterable[Any]) -> Iterator[Any]:
    for part in parts:
        if isinstance(part, tuple) and part[0] == kind.__name__:
            yield from part[1]
        else:
            yield part


def _few(size: int) -> Iterator[Problem]:
    if size < settings.CDP_FEWEST_MEMBERS:
        people = "person" if size == 1 else "people"
        told = f"{size} {people} would be in it, fewer than {settings.CDP_FEWEST_MEMBERS}"
        yield Problem(ROOT, f"{told}: who sees the segment may know who they are.", "few_people")


def _same_members(size: int, overlaps: Sequence[Mapping[str, Any]]) -> Iterator[Problem]:
    for beside in overlaps:
        if size and beside["both"] == beside["size"] == size:
            yield Problem(ROOT, f"The segment “{beside['segment']}” has exactly the same members.", "same_members")
