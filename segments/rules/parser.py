"""JSON to nodes: the shape of a rule, without any catalogue. Every problem is found, not only the first.

A part that cannot be read becomes a `Broken` node, so that its neighbours are still looked at; `parse` never returns
one.
"""

from collections.abc import Callable, Mapping
from typing import Any

from segments.rules.event_shapes import event_leaf
from segments.rules.language import NODES, REPEATABLE, Place
from segments.rules.lifecycles import lifecycle_leaf
from segments.rules.nodes import (
    ROOT,
    AllOf,
    AnyOf,
    ConsentLeaf,
    ContextLeaf,
    ListLeaf,
    Node,
    NotOf,
    PropertyLeaf,
    Rule,
    SegmentLeaf,
    Test,
    TraitLeaf,
)
from segments.rules.problems import Problem, Refused, noun, shown, suggestion, words
from segments.rules.repetitions import repeated_leaf
from segments.rules.sequences import sequence_leaf
from segments.rules.sessions import session_leaf, sessions
from segments.rules.shapes import Broken, Parts
from segments.rules.trends import trend_leaf
from segments.rules.vocabulary import MAX_DEPTH, MAX_NODES

__all__ = ["Broken", "Problem", "Refused", "parse", "read", "shown", "suggestion"]

_SHAPES: Mapping[str, frozenset[str]] = {
    kind: frozenset(field.name for field in terms.fields) for kind, terms in NODES.items()
}
_RULE_KINDS = tuple(kind for kind, terms in NODES.items() if Place.RULE in terms.places)
_CONDITION_KINDS = tuple(kind for kind, terms in NODES.items() if Place.CONDITION in terms.places)

_TESTED: Mapping[str, Callable[[str, Test], Node]] = {
    "trait": TraitLeaf,
    "context": ContextLeaf,
    "property": PropertyLeaf,
}
_NAMED: Mapping[str, Callable[[str], Node]] = {"consent": ConsentLeaf, "segment": SegmentLeaf, "list": ListLeaf}
_OF_EVENTS = {"event": event_leaf, "lifecycle": lifecycle_leaf, "trend": trend_leaf, "sequence": sequence_leaf}


def parse(document: Any) -> Rule:
    """Read a decoded JSON document as a rule. Raises Refused with every problem of its shape."""
    node, problems = read(document)
    if problems:
        raise Refused(problems)
    return node  # type: ignore[return-value]


def read(document: Any) -> tuple[Node | Broken, tuple[Problem, ...]]:
    """The tree as far as it can be read, and what could not be."""
    reader = _Reader()
    node = reader.node(document, ROOT, _RULE_KINDS, depth=1, above=())
    return node, tuple(reader.parts.problems)


class _Reader:
    """One reading of one document: the problems found and the nodes counted so far."""

    def __init__(self) -> None:
        self.parts = Parts()
        self._nodes = 0

    def node(self, raw: Any, path: str, kinds: tuple[str, ...], *, depth: int, above: tuple[int, ...]) -> Node | Broken:
        if id(raw) in above:
            return self.parts.refuse(path, "This part of the rule contains itself.")
        if depth > MAX_DEPTH:
            return self.parts.refuse(path, f"A rule may be nested {MAX_DEPTH} levels deep, not deeper.")
        self._nodes += 1
        if self._nodes > MAX_NODES:
            too_large = f"A rule may have {MAX_NODES} parts, not more."
            told = any(problem.message == too_large for problem in self.parts.problems)
            return Broken() if told else self.parts.refuse(ROOT, too_large)
        if not isinstance(raw, Mapping):
            return self.parts.refuse(path, f"A rule is an object with one of {words(kinds)}, not {noun(raw)}.")
        kind = self._kind(raw, path, kinds)
        if kind is None:
            return Broken()
        self.parts.only(raw, _SHAPES[kind], kind, path)
        return self._read_kind(kind, raw, path, kinds, depth, (*above, id(raw)))

    def _read_kind(
        self, kind: str, raw: Mapping[str, Any], path: str, kinds: tuple[str, ...], depth: int, above: tuple[int, ...]
    ) -> Node | Broken:
        def child(part: Any, part_path: str) -> Any:
            return self.node(part, part_path, kinds, depth=depth + 1, above=above)

        def where(part: Any, part_path: str) -> Any:
            return self.node(part, part_path, _CONDITION_KINDS, depth=depth + 1, above=above)

        def repeatable(part: Any, part_path: str) -> Any:
            return self.node(part, part_path, REPEATABLE, depth=depth + 1, above=above)

        match kind:
            case "all" | "any":
                return self._combination(kind, raw[kind], f"{path}.{kind}", child, above)
            case "not":
                return NotOf(child(raw["not"], f"{path}.not"))
            case "session":
                return session_leaf(self.parts, raw, path) if kinds == REPEATABLE else sessions(self.parts, raw, path)
            case "repeated":
                return repeated_leaf(self.parts, raw, path, child=repeatable)
            case "trait" | "context" | "property":
                return self._named_test(kind, raw, path)
            case "consent" | "segment" | "list":
                name = self.parts.name(raw, kind, path)
                return _NAMED[kind](name) if name is not None else Broken()
            case _:
                return _OF_EVENTS[kind](self.parts, raw, path, where=where)

    def _kind(self, raw: Mapping[str, Any], path: str, kinds: tuple[str, ...]) -> str | None:
        named = [kind for kind in kinds if kind in raw]
        # What one kind takes as a field does not name a kind of its own beside it.
        present = [kind for kind in named if not any(kind in _SHAPES[other] for other in named if other != kind)]
        if len(present) == 1:
            return present[0]
        if present:
            together = f"{words(present)} cannot stand together; use all or any."
            self.parts.refuse(path, f"One object says one thing: {together}")
            return None
        misplaced = [kind for kind in _SHAPES if kind in raw]
        if misplaced:
            place = "inside where" if misplaced[0] in _CONDITION_KINDS else "outside where"
            self.parts.refuse(path, f'"{misplaced[0]}" can only stand {place}.')
        else:
            first = next((str(key) for key in raw), "")
            hint = suggestion(first, kinds) if first else "."
            self.parts.refuse(path, f"Expected one of {words(kinds)}{hint}")
        return None

    def _combination(
        self, kind: str, parts: Any, path: str, child: Callable[[Any, str], Any], above: tuple[int, ...]
    ) -> Node | Broken:
        if id(parts) in above:
            return self.parts.refuse(path, "This part of the rule contains itself.")
        if not isinstance(parts, list | tuple):
            return self.parts.refuse(path, f'"{kind}" takes a list of rules, not {noun(parts)}.')
        if not parts:
            return self.parts.refuse(path, f'"{kind}" needs at least one rule.')
        if len(parts) > MAX_NODES:
            return self.parts.refuse(ROOT, f"A rule may have {MAX_NODES} parts, not more.")
        children = tuple(child(part, f"{path}[{index}]") for index, part in enumerate(parts))
        return AllOf(children) if kind == "all" else AnyOf(children)

    def _named_test(self, kind: str, raw: Mapping[str, Any], path: str) -> Node | Broken:
        name = self.parts.name(raw, kind, path)
        test = self.parts.test(raw, path)
        return _TESTED[kind](name, test) if name is not None and test is not None else Broken()
