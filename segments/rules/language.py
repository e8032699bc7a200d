"""What can be said in a rule, as plain data: the visual builder draws itself from it, and the parser asks it.

A new operator, measure or kind of node is a row here besides its code. `document()` is all of it as JSON.
"""

from collections.abc import Mapping
from types import MappingProxyType
from typing import Any

from profiles.facts.contexts import CLOCKS, CONTEXTS
from profiles.facts.values import ValueType
from segments.rules.language_terms import Field, Kind, MeasureTerms, NodeTerms, Operator, Place, Result, Takes
from segments.rules.vocabulary import FEWEST_STEPS, MOST_STEPS, MOST_TIMES

__all__ = ["Field", "Kind", "Place", "Result", "Takes"]

_BOTH = (Place.RULE, Place.CONDITION)
_RULE = (Place.RULE,)
_CONDITION = (Place.CONDITION,)

OPERATORS: Mapping[str, Operator] = MappingProxyType(
    {
        operator.op: operator
        for operator in (
            Operator("=", "is", Takes.ONE),
            Operator("!=", "is not", Takes.ONE),
            Operator("<", "is less than", Takes.ONE),
            Operator("<=", "is at most", Takes.ONE),
            Operator(">", "is more than", Takes.ONE),
            Operator(">=", "is at least", Takes.ONE),
            Operator("in", "is one of", Takes.SEVERAL),
            Operator("not_in", "is none of", Takes.SEVERAL),
            Operator("between", "is between", Takes.TWO),
            Operator("contains", "contains", Takes.ONE),
            Operator("starts_with", "starts with", Takes.ONE),
            Operator("ends_with", "ends with", Takes.ONE),
            Operator("matches", "matches the pattern", Takes.PATTERN),
            Operator("before", "is before", Takes.ONE),
            Operator("after", "is after", Takes.ONE),
            Operator("within_last", "lies in the last", Takes.DURATION),
            Operator("exists", "is known", Takes.NOTHING),
            Operator("missing", "is not known", Takes.NOTHING),
        )
    }
)

_COMPARED = ("=", "!=", "<", "<=", ">", ">=", "in", "not_in", "between")
_PRESENT = ("exists", "missing")
#: What may be asked of a trait or property of each type.
OPERATORS_OF_TYPE: Mapping[ValueType, tuple[str, ...]] = MappingProxyType(
    {
        ValueType.TEXT: (*_COMPARED, "contains", "starts_with", "ends_with", "matches", *_PRESENT),
        ValueType.NUMBER: (*_COMPARED, *_PRESENT),
        ValueType.BOOLEAN: ("=", "!=", *_PRESENT),
        ValueType.DATETIME: (*_COMPARED, "before", "after", "within_last", *_PRESENT),
        ValueType.LIST: _PRESENT,
        ValueType.OBJECT: _PRESENT,
    }
)
#: What may be asked of an event's circumstances: one of a few words has no order, and a clock can always be read.
OPERATORS_OF_CONTEXT: Mapping[str, tuple[str, ...]] = MappingProxyType(
    {
        name: tuple(
            op
            for op in (("=", "!=", "in", "not_in", *_PRESENT) if terms.choices else OPERATORS_OF_TYPE[terms.type])
            if name not in CLOCKS or op not in _PRESENT
        )
        for name, terms in CONTEXTS.items()
    }
)
#: What may be asked of a measure by what it gives; of one that gives a property's value, what its type allows here.
OPERATORS_OF_RESULT: Mapping[Result, tuple[str, ...]] = MappingProxyType(
    {
        Result.WHOLE: _COMPARED,
        Result.NUMBER: _COMPARED,
        Result.DURATION: ("<", "<=", ">", ">=", "between"),
    }
)
#: A measured value is there or the answer is unknown, and it is not measured against the clock.
NOT_OF_MEASURES = frozenset({*_PRESENT, "within_last"})

_NUMBER = (ValueType.NUMBER,)
_ORDERED = (ValueType.NUMBER, ValueType.DATETIME)
_SCALAR = (ValueType.TEXT, ValueType.NUMBER, ValueType.BOOLEAN, ValueType.DATETIME)
MEASURES: Mapping[str, MeasureTerms] = MappingProxyType(
    {
        terms.measure: terms
        for terms in (
            MeasureTerms("count", "number of times", (), Result.WHOLE, nothing=0),
            MeasureTerms("sum", "total", _NUMBER, Result.NUMBER, nothing=0),
            MeasureTerms("avg", "average", _NUMBER, Result.NUMBER, nothing=None),
            MeasureTerms("min", "least", _ORDERED, Result.PROPERTY, nothing=None),
            MeasureTerms("max", "greatest", _ORDERED, Result.PROPERTY, nothing=None),
            MeasureTerms("distinct", "number of different values", _SCALAR, Result.WHOLE, nothing=0),
            MeasureTerms("first", "first value", _SCALAR, Result.PROPERTY, nothing=None),
            MeasureTerms("last", "latest value", _SCALAR, Result.PROPERTY, nothing=None),
            MeasureTerms("distinct_days", "number of days", (), Result.WHOLE, nothing=0),
            MeasureTerms("since_last", "time since the latest", (), Result.DURATION, nothing=None, windowed=False),
            MeasureTerms("since_first", "time since the first", (), Result.DURATION, nothing=None, windowed=False),
        )
    }
)
#: Kinds of lifecycle, with the field that only this kind takes.
LIFECYCLES: Mapping[str, tuple[str, Field | None]] = MappingProxyType(
    {
        "first_time": ("did it for the first time", None),
        "returned": ("did it again after a pause", Field("after", Kind.DURATION)),
        "not_since": ("did it and nothing else since", Field("not_since", Kind.STEP)),
    }
)

_TEST = (Field("op", Kind.OP), Field("value", Kind.VALUE, required=False))
_WINDOW = (
    Field("within", Kind.DURATION, required=False),
    Field("from", Kind.MOMENT, required=False),
    Field("to", Kind.MOMENT, required=False),
)
_WHERE = Field("where", Kind.CONDITION, required=False)
_OF = Field("of", Kind.PROPERTY, required=False)
#: What stands inside "trend".
TREND_FIELDS = (
    Field("event", Kind.EVENT),
    Field("measure", Kind.MEASURE),
    _OF,
    Field("within", Kind.DURATION),
    _WHERE,
)
TREND_MEASURES = ("count", "sum")
#: What stands in a step of a sequence; the first takes neither "within" nor "absent".
STEP_FIELDS = (
    Field("event", Kind.EVENT),
    _WHERE,
    Field("within", Kind.DURATION, required=False),
    Field("absent", Kind.FLAG, required=False),
)
#: What stands inside "session": where one ends, and which events make it, all where none are named.
SESSION_FIELDS = (
    Field("gap", Kind.DURATION),
    Field("events", Kind.EVENTS, required=False),
    Field("ended", Kind.FLAG, required=False),
)
SESSION_MEASURES: Mapping[str, tuple[str, Result]] = MappingProxyType(
    {
        "count": ("number of sessions", Result.WHOLE),
        "duration": ("a session that lasted", Result.DURATION),
        "pages": ("a session with pages", Result.WHOLE),
        "engagement": ("a session with other interactions", Result.WHOLE),
    }
)
#: The kinds that can be repeated: a session without its "within", an event with it and with one of these measures.
REPEATABLE = ("event", "session")
REPEATABLE_MEASURES = ("count", "sum")
NODES: Mapping[str, NodeTerms] = MappingProxyType(
    {
        terms.kind: terms
        for terms in (
            NodeTerms("all", "all of", _BOTH, (Field("all", Kind.RULES),)),
            NodeTerms("any", "any of", _BOTH, (Field("any", Kind.RULES),)),
            NodeTerms("not", "not", _BOTH, (Field("not", Kind.RULE),)),
            NodeTerms("trait", "a trait", _RULE, (Field("trait", Kind.TRAIT), *_TEST)),
            NodeTerms("property", "a property", _CONDITION, (Field("property", Kind.PROPERTY), *_TEST)),
            NodeTerms("context", "a circumstance", _CONDITION, (Field("context", Kind.CONTEXT), *_TEST)),
            NodeTerms(
                "lifecycle",
                "a stage of life",
                _RULE,
                (
                    Field("lifecycle", Kind.LIFECYCLE),
                    Field("event", Kind.EVENT),
                    *_WINDOW,
                    _WHERE,
                    Field("after", Kind.DURATION, required=False),
                    Field("not_since", Kind.STEP, required=False),
                ),
            ),
            NodeTerms("trend", "a trend", _RULE, (Field("trend", Kind.OBJECT), *_TEST)),
            NodeTerms(
                "event",
                "an event",
                _RULE,
                (Field("event", Kind.EVENT), Field("measure", Kind.MEASURE), _OF, *_TEST, *_WINDOW, _WHERE),
            ),
            NodeTerms(
                "sequence",
                "a sequence of events",
                _RULE,
                (Field("sequence", Kind.STEPS), Field("within", Kind.DURATION)),
            ),
            NodeTerms(
                "session",
                "sessions",
                _RULE,
                (
                    Field("session", Kind.SESSION),
                    Field("measure", Kind.SESSION_MEASURE),
                    *_TEST,
                    Field("within", Kind.DURATION, required=False),
                ),
            ),
            NodeTerms(
                "repeated",
                "again and again",
                _RULE,
                (Field("repeated", Kind.REPEATED), Field("times", Kind.WHOLE), Field("within", Kind.DURATION)),
            ),
            NodeTerms("consent", "consent", _RULE, (Field("consent", Kind.PURPOSE),)),
            NodeTerms("segment", "a segment", _RULE, (Field("segment", Kind.SEGMENT),)),
            NodeTerms("list", "an uploaded list", _RULE, (Field("list", Kind.LIST),)),
        )
    }
)


def document() -> dict[str, Any]:
    """All of the language as JSON."""
    return {
        "operators": {op: {"label": terms.label, "takes": terms.takes} for op, terms in OPERATORS.items()},
        "operators_of_type": {str(type_): list(ops) for type_, ops in OPERATORS_OF_TYPE.items()},
        "operators_of_result": {str(result): list(ops) for result, ops in OPERATORS_OF_RESULT.items()},
        "contexts": {name: _context(name) for name in CONTEXTS},
        "operators_not_of_measures": sorted(NOT_OF_MEASURES),
        "measures": {name: _measure(terms) for name, terms in MEASURES.items()},
        "lifecycles": {
            name: {"label": label, "takes": _field(own) if own else None} for name, (label, own) in LIFECYCLES.items()
        },
        "trend": {"fields": [_field(field) for field in TREND_FIELDS], "measures": list(TREND_MEASURES)},
        "sequence": {"step_fields": [_field(field) for field in STEP_FIELDS], "steps": [FEWEST_STEPS, MOST_STEPS]},
        "session": {
            "fields": [_field(field) for field in SESSION_FIELDS],
            "measures": {
                name: {"label": label, "result": result} for name, (label, result) in SESSION_MEASURES.items()
            },
        },
        "repeated": {"kinds": list(REPEATABLE), "measures": list(REPEATABLE_MEASURES), "most_times": MOST_TIMES},
        "nodes": {
            kind: {
                "label": terms.label,
                "places": list(terms.places),
                "fields": [_field(field) for field in terms.fields],
            }
            for kind, terms in NODES.items()
        },
    }


def _context(name: str) -> dict[str, Any]:
    terms = CONTEXTS[name]
    return {
        "label": terms.label,
        "type": str(terms.type),
        "choices": list(terms.choices),
        "operators": list(OPERATORS_OF_CONTEXT[name]),
    }


def _measure(terms: MeasureTerms) -> dict[str, Any]:
    return {
        "label": terms.label,
        "of": [str(value_type) for value_type in terms.of],
        "result": terms.result,
        "nothing": terms.nothing,
        "windowed": terms.windowed,
    }


def _field(field: Field) -> dict[str, Any]:
    return {"name": field.name, "kind": field.kind, "required": field.required}
