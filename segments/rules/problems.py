"""What stands in the way of a rule: the problem, its place, and how sentences about it quote what was written."""

import difflib
from collections.abc import Collection, Mapping
from dataclasses import dataclass
from decimal import Decimal
from typing import Any


@dataclass(frozen=True, slots=True)
class Problem:
    """What is wrong, where, in a sentence that says what to do about it."""

    path: str
    message: str
    code: str = "invalid_rule"


class Refused(ValueError):
    """The document is not a rule."""

    def __init__(self, problems: Collection[Problem]) -> None:
        self.problems = tuple(problems)
        super().__init__("; ".join(f"{problem.path}: {problem.message}" for problem in self.problems))


def shown(raw: Any) -> str:
    """A value as a sentence quotes it: short, whatever it is."""
    text = f'"{raw}"' if isinstance(raw, str) else str(raw) if isinstance(raw, int | float | Decimal) else noun(raw)
    return text if len(text) <= 60 else text[:59] + "…"


def suggestion(word: str, known: Collection[str]) -> str:
    """', did you mean …?' or a full stop."""
    close = difflib.get_close_matches(word, list(known), n=1)
    return f'; did you mean "{close[0]}"?' if close else "."


def noun(raw: Any) -> str:
    match raw:
        case None:
            return "null"
        case bool():
            return "true" if raw else "false"
        case Mapping():
            return "an object"
        case list() | tuple():
            return "a list"
        case str():
            return "a text"
        case int() | float() | Decimal():
            return "a number"
        case _:
            return f"a {type(raw).__name__}"


def words(choices: Collection[str]) -> str:
    listed = list(choices)
    return listed[0] if len(listed) == 1 else ", ".join(listed[:-1]) + " or " + listed[-1]
