"""Classes of characters as ranges of code points, written so that every engine of patterns reads them alike."""

from collections.abc import Iterable, Iterator

Ranges = tuple[tuple[int, int], ...]

_TOP = 0x10FFFF
_SURROGATES = (0xD800, 0xDFFF)
_SPECIAL = frozenset("\\.[](){}*+?|^$")
_BRACKET_SPECIAL = "]\\[^-"


def literal(char: str) -> str:
    return "\\" + char if char in _SPECIAL else char


def merged(ranges: Iterable[tuple[int, int]]) -> Ranges:
    joined: list[tuple[int, int]] = []
    for low, high in sorted(ranges):
        if joined and low <= joined[-1][1] + 1:
            joined[-1] = (joined[-1][0], max(high, joined[-1][1]))
        else:
            joined.append((low, high))
    return tuple(joined)


def complement(ranges: Iterable[tuple[int, int]]) -> Ranges:
    # No text has a NUL, so nothing begins below 1; nor half a surrogate pair, which could not be written in a pattern.
    outside, low = [], 1
    for start, end in merged([*ranges, _SURROGATES]):
        if low < start:
            outside.append((low, start - 1))
        low = max(low, end + 1)
    if low <= _TOP:
        outside.append((low, _TOP))
    return tuple(outside)


def bracket(ranges: Ranges) -> str:
    """A class in brackets, as its complement where it goes on to the last character there is."""
    if ranges[-1][1] == _TOP and complement(ranges):
        return "[^" + _members(complement(ranges)) + "]"
    members = _members(ranges)
    # A caret in front would turn the class round; it only comes there beside nothing, or beside a dash.
    return literal(members) if len(members) == 1 else "[-^]" if members == "^-" else "[" + members + "]"


def _members(ranges: Ranges) -> str:
    """The inside of brackets: what brackets themselves read as a sign stands alone, and where it is read as itself."""
    plain, signs = [], set()
    for low, high in (part for told in ranges for part in _without_signs_at_the_ends(*told)):
        if low == high and chr(low) in _BRACKET_SPECIAL:
            signs.add(chr(low))
        else:
            plain.append(chr(low) if low == high else f"{chr(low)}-{chr(high)}")
    lead = "]" if "]" in signs else ""
    tail = "".join({"\\": "\\\\"}.get(sign, sign) for sign in "\\[^-" if sign in signs)
    return lead + "".join(plain) + tail


def _without_signs_at_the_ends(low: int, high: int) -> Iterator[tuple[int, int]]:
    while low < high and chr(low) in _BRACKET_SPECIAL:
        yield low, low
        low += 1
    ends = []
    while low < high and chr(high) in _BRACKET_SPECIAL:
        ends.append((high, high))
        high -= 1
    yield low, high
    yield from ends
