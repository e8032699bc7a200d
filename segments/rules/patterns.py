"""Patterns of texts: the part of regular expressions that RE2 and PostgreSQL read alike, and nothing else.

The two agree about literal characters, groups, alternatives, repetitions and the ends of a text. About the rest they
differ in silence: what a dot or a space may be, where a line ends, what a letter is, how large a repetition may grow.
So a pattern is read here, and written anew with every class of characters spelled out and nothing left to either
engine's taste. RE2, which the reference asks with the pattern as its author wrote it, has the last word on both.

Only whether a text matches is asked, so a group captures nothing, and a lazy repetition is as good as a greedy one.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from functools import lru_cache

import re2

from segments.rules.characters import Ranges, bracket, complement, literal, merged

MAX_STATES = 1_000
MAX_REPEAT = 255  # more PostgreSQL does not count
MAX_GROUPS = 20

_DIGITS: Ranges = ((0x30, 0x39),)
_WORD: Ranges = ((0x30, 0x39), (0x41, 0x5A), (0x5F, 0x5F), (0x61, 0x7A))
_SPACE: Ranges = ((0x09, 0x0A), (0x0C, 0x0D), (0x20, 0x20))
_CLASSES = {"d": _DIGITS, "w": _WORD, "s": _SPACE}
_CONTROLS = {"n": "\n", "t": "\t", "r": "\r", "f": "\f"}


class PatternRefused(ValueError):
    """The pattern cannot be used; the message is a sentence that says why."""


@dataclass(frozen=True, slots=True)
class _Piece:
    """A part of the pattern written anew, and how many states an engine needs for it."""

    text: str
    states: int


def portable(pattern: str) -> str:
    """The pattern as both engines read it alike. Raises PatternRefused."""
    written = _Reading(pattern).whole()
    compiled(pattern)
    return written


@lru_cache(maxsize=512)
def compiled(pattern: str) -> "re2._Regexp[str]":
    """The pattern for RE2. Raises PatternRefused."""
    options = re2.Options()
    options.log_errors = False
    try:
        return re2.compile(pattern, options)
    except re2.error as error:
        told = error.args[0].decode() if isinstance(error.args[0], bytes) else error.args[0]
        raise PatternRefused(f"This is not a pattern: {told}.") from error


def found(pattern: str, text: str) -> bool:
    """Whether the pattern matches anywhere in the text."""
    return compiled(pattern).search(text) is not None


class _Reading:
    """One pattern and how far it has been read."""

    def __init__(self, pattern: str) -> None:
        self._pattern = pattern
        self._at = 0
        self._depth = 0

    def whole(self) -> str:
        if not self._pattern:
            raise PatternRefused("A pattern cannot be empty: it would match every text.")
        piece = self._alternatives()
        if self._at < len(self._pattern):
            raise PatternRefused("A closing bracket has no opening one; write \\) for the character itself.")
        if piece.states > MAX_STATES:
            raise PatternRefused(f"This pattern is too large: written out it has more than {MAX_STATES:,} parts.")
        return piece.text

    def _alternatives(self) -> _Piece:
        branches = [self._branch()]
        while self._next("|"):
            branches.append(self._branch())
        return _Piece("|".join(branch.text for branch in branches), sum(branch.states for branch in branches))

    def _branch(self) -> _Piece:
        pieces: list[_Piece] = []
        while self._at < len(self._pattern) and self._pattern[self._at] not in "|)":
            pieces.append(self._repeated())
        return _Piece("".join(piece.text for piece in pieces), 1 + sum(piece.states for piece in pieces))

    def _repeated(self) -> _Piece:
        anchor = self._anchor()
        atom = anchor or self._atom()
        bounds = self._bounds()
        if bounds is None:
            return atom
        if anchor is not None:
            raise PatternRefused("The beginning and the end of a text cannot be repeated.")
        self._next("?")  # lazy
        if self._at < len(self._pattern) and self._pattern[self._at] in "*+?{":
            raise PatternRefused("A repetition cannot be repeated; put what is repeated into brackets.")
        text, times = bounds
        piece = _Piece(atom.text + text, atom.states * times)
        if piece.states > MAX_STATES:
            raise PatternRefused(f"This pattern is too large: written out it has more than {MAX_STATES:,} parts.")
        return piece

    def _anchor(self) -> _Piece | None:
        for written, meant in (("^", "^"), ("$", "$"), ("\\A", "^"), ("\\z", "$")):
            if self._next(written):
                return _Piece(meant, 1)
        return None

    def _bounds(self) -> tuple[str, int] | None:
        """A repetition as written anew, and how often it is written out."""
        for sign, times in (("*", 1), ("+", 2), ("?", 1)):
            if self._next(sign):
                return sign, times
        if not self._next("{"):
            return None
        least = self._digits()
        most = (self._digits() if self._peek() != "}" else None) if self._next(",") else least
        if not self._next("}"):
            raise PatternRefused("A repetition is written {2}, {2,} or {2,5}; write \\{ for the character itself.")
        if max(least, most or 0) > MAX_REPEAT:
            raise PatternRefused(f"A repetition may count to {MAX_REPEAT}, not further.")
        if most is not None and most < least:
            raise PatternRefused("A repetition takes the smaller number first.")
        if most is None:
            return f"{{{least},}}", least + 1
        return (f"{{{least}}}" if least == most else f"{{{least},{most}}}"), max(most, 1)

    def _digits(self) -> int:
        start = self._at
        while self._peek() in "0123456789" and self._peek():
            self._at += 1
        told = self._pattern[start : self._at]
        if not told or len(told) > 4:
            raise PatternRefused("A repetition is written {2}, {2,} or {2,5}; write \\{ for the character itself.")
        return int(told)

    def _atom(self) -> _Piece:
        if self._next("("):
            return self._group()
        if self._next("["):
            return self._class()
        if self._next("."):
            return _Piece(bracket(complement(((0x0A, 0x0A),))), 1)
        if self._next("\\"):
            return self._escape()
        char = self._take()
        if char in "*+?{":
            raise PatternRefused(f"There is nothing to repeat before {char}; write \\{char} for the character itself.")
        return _Piece(literal(char), 1)

    def _group(self) -> _Piece:
        if self._next("?") and not self._next(":"):
            raise PatternRefused(
                "Brackets can only group, ( ) or (?: ): looking around, naming and flags are not read alike everywhere."
            )
        self._depth += 1
        if self._depth > MAX_GROUPS:
            raise PatternRefused(f"Groups may be nested {MAX_GROUPS} deep, not deeper.")
        inner = self._alternatives()
        if not self._next(")"):
            raise PatternRefused("A bracket is not closed; write \\( for the character itself.")
        self._depth -= 1
        return _Piece(f"(?:{inner.text})", inner.states)

    def _escape(self) -> _Piece:
        if self._peek().lower() in _CLASSES and self._peek():
            return _Piece(bracket(self._shorthand()), 1)
        return _Piece(literal(self._escaped()), 1)

    def _shorthand(self) -> Ranges:
        letter = self._take()
        ranges = _CLASSES[letter.lower()]
        return complement(ranges) if letter.isupper() else ranges

    def _escaped(self) -> str:
        """The character after a backslash."""
        if not self._peek():
            raise PatternRefused("A pattern cannot end with a backslash; write \\\\ for the character itself.")
        char = self._take()
        if char in _CONTROLS:
            return _CONTROLS[char]
        if char.isascii() and not char.isalnum():
            return char
        if char.isdigit():
            raise PatternRefused("A pattern cannot refer back to what a group matched.")
        raise PatternRefused(
            f"\\{char} is not read alike everywhere; use \\d, \\w, \\s, \\D, \\W, \\S, \\n, \\t, \\r, \\f, \\A or \\z."
        )

    def _class(self) -> _Piece:
        negated = self._next("^")
        ranges: list[tuple[int, int]] = []
        first = True
        while first or self._peek() != "]":
            ranges += self._member(first)
            first = False
        self._at += 1
        meant = complement(ranges) if negated else merged(ranges)
        if not meant:
            raise PatternRefused("This class of characters has none in it.")
        return _Piece(bracket(meant), 1)

    def _member(self, first: bool) -> Iterable[tuple[int, int]]:
        if self._pattern.startswith("[:", self._at):
            raise PatternRefused("Named classes such as [:alpha:] are not read alike everywhere; write a-z or \\d.")
        if self._peek() == "\\" and self._pattern[self._at + 1 : self._at + 2].lower() in (*_CLASSES,):
            self._at += 1
            ranges = self._shorthand()
            if self._peek() == "-" and self._pattern[self._at + 1 : self._at + 2] != "]":
                raise PatternRefused("A range goes from one character to another.")
            return ranges
        if self._peek() == "-" and not first and self._pattern[self._at + 1 : self._at + 2] != "]":
            raise PatternRefused("In a class, - stands between two characters; write \\- for the character itself.")
        low = self._single()
        if self._peek() != "-" or self._pattern[self._at + 1 : self._at + 2] in ("]", ""):
            return [(ord(low), ord(low))]
        self._at += 1
        if self._peek() == "\\" and self._pattern[self._at + 1 : self._at + 2].lower() in (*_CLASSES,):
            raise PatternRefused("A range goes from one character to another.")
        high = self._single()
        if high < low:
            raise PatternRefused("A range takes the lower character first.")
        return [(ord(low), ord(high))]

    def _single(self) -> str:
        if not self._peek():
            raise PatternRefused("A class is not closed; write \\[ for the character itself.")
        return self._escaped() if self._next("\\") else self._take()

    def _peek(self) -> str:
        return self._pattern[self._at : self._at + 1]

    def _take(self) -> str:
        self._at += 1
        return self._pattern[self._at - 1]

    def _next(self, wanted: str) -> bool:
        """Go on if this comes next."""
        if not self._pattern.startswith(wanted, self._at):
            return False
        self._at += len(wanted)
        return True
