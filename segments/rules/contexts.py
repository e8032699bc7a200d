"""What an event's circumstances are compared with: one of the few words some can be, an hour of the day."""

from collections.abc import Iterator
from decimal import Decimal
from typing import Any

from profiles.facts.contexts import CONTEXTS
from segments.rules.problems import Problem, shown, suggestion, words
from segments.rules.vocabulary import Op

_HOURS = range(24)
#: Operators that compare with a whole word, not with a part of one.
_WHOLE = frozenset({Op.EQ, Op.NE, Op.IN, Op.NOT_IN})


def context_misfits(name: str, op: Op, path: str, value: Any) -> Iterator[Problem]:
    """What is wrong with one value of the right type: a word or an hour that there is not."""
    choices = CONTEXTS[name].choices
    if choices and op in _WHOLE and isinstance(value, str) and value not in choices:
        hint = suggestion(value, choices)
        yield Problem(path, f"{shown(value)} is no {CONTEXTS[name].label}; it is {words(choices)}{hint}")
    if name == "local_hour" and isinstance(value, Decimal) and value not in _HOURS:
        yield Problem(path, f"An hour of the day is a whole number from 0 to 23, not {value:f}.")
