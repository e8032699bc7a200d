"""What an identity rule says. Pure: the content of a version in, frozen dataclasses out.

    {"types": [{"name": "user_id"},
               {"name": "email", "traits": ["email"], "limit": 5},
               {"name": "loyalty_no", "traits": ["loyaltyNumber"], "external": ["loyalty"], "unique": true},
               {"name": "anonymous_id", "limit": 20, "within": "30d"}],
     "blocked": {"values": ["null"], "patterns": [{"type": "email", "pattern": "^info@"}]},
     "country": "DE"}

The order of the types is their priority: who is one person is decided along it, so that where a limit lets only some
identifiers in, it is those of the types named first.
"""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import timedelta
from functools import cached_property
from typing import Any

import phonenumbers
import re2

USER_ID, ANONYMOUS_ID, EMAIL, PHONE = "user_id", "anonymous_id", "email", "phone"
MOST_TYPES = 20
MOST_BLOCKED = 1_000
MOST_LIMIT = 10_000
_NAME = re.compile(r"[a-z][a-z0-9_]{0,39}")
_RESERVED = frozenset({"id"})  # how a profile id is asked for
_DURATION = re.compile(r"([1-9][0-9]{0,5})([smhd])")
_UNITS = {"s": "seconds", "m": "minutes", "h": "hours", "d": "days"}


class RuleInvalid(Exception):
    """The content is no identity rule; `field` says where."""

    def __init__(self, field: str, message: str) -> None:
        super().__init__(message)
        self.field = field
        self.message = message


@dataclass(frozen=True, slots=True)
class IdentifierKind:
    """A type of identifier: where it is found besides its own field, and how many of them one person may have.

    With `within`, no more than `limit` of them may have come to a person inside any period of that length. A `unique`
    type never lets two people who each have one become one.
    """

    name: str
    traits: tuple[str, ...] = ()
    external: tuple[str, ...] = ()  # what it is called in context.externalIds
    limit: int | None = None
    within: timedelta | None = None
    unique: bool = False

    @property
    def most(self) -> int | None:
        return 1 if self.unique else self.limit


@dataclass(frozen=True, slots=True)
class BlockedPattern:
    """Values of a type, or of every type where none is named, that are nobody's identifier."""

    type: str
    pattern: str


@dataclass(frozen=True)  # without slots: what is derived from it is computed once and kept
class IdentityRule:
    """Which values are identifiers, and how many of each one person may have. `types` stand in order of priority."""

    types: tuple[IdentifierKind, ...]
    blocked_values: frozenset[str] = frozenset()
    blocked_patterns: tuple[BlockedPattern, ...] = ()
    country: str = ""
    version: int = 0  # the id of the version that says so; 0 is the rule that holds while none is live

    @cached_property
    def names(self) -> tuple[str, ...]:
        return tuple(kind.name for kind in self.types)

    @cached_property
    def ranks(self) -> Mapping[str, int]:
        return {kind.name: rank for rank, kind in enumerate(self.types)}

    @cached_property
    def kinds(self) -> Mapping[str, IdentifierKind]:
        return {kind.name: kind for kind in self.types}

    @cached_property
    def limited(self) -> Mapping[str, IdentifierKind]:
        return {kind.name: kind for kind in self.types if kind.most is not None}

    @cached_property
    def by_trait(self) -> Mapping[str, str]:
        """The type that each trait states, the trait's name in the order of the types."""
        return {trait: kind.name for kind in reversed(self.types) for trait in reversed(kind.traits)}

    @cached_property
    def by_external(self) -> Mapping[str, str]:
        own = {kind.name: kind.name for kind in self.types if kind.name not in (USER_ID, ANONYMOUS_ID)}
        return own | {name: kind.name for kind in self.types for name in kind.external}

    @cached_property
    def patterned(self) -> frozenset[str]:
        """The types of which some values are blocked by a pattern."""
        return frozenset(self._patterns)

    @cached_property
    def _patterns(self) -> Mapping[str, Any]:
        found = {}
        for name in self.names:
            told = [blocked.pattern for blocked in self.blocked_patterns if blocked.type in ("", name)]
            if told:
                found[name] = re2.compile("(?i)" + "|".join(f"(?:{pattern})" for pattern in told))
        return found

    def blocks(self, type: str, value: str) -> bool:
        """Say whether a value is nobody's identifier, whoever sends it."""
        if value.strip().lower() in self.blocked_values:
            return True
        pattern = self._patterns.get(type)
        return pattern is not None and pattern.search(value) is not None


#: What senders write where they know no id, and addresses that many people share.
_NOBODY = (
    "null", "undefined", "none", "nil", "nan", "n/a", "na", "unknown", "anonymous", "guest", "test", "0", "-1",
    "true", "false", "[object object]", "00000000-0000-0000-0000-000000000000", "00000000000000000000000000000000",
)  # fmt: skip
_SHARED = r"^(no-?reply|do-?not-?reply|info|postmaster|webmaster|test)@"

DEFAULT = IdentityRule(
    types=(
        IdentifierKind(USER_ID),
        IdentifierKind(EMAIL, traits=("email",)),
        IdentifierKind(PHONE, traits=("phone",)),
        IdentifierKind(ANONYMOUS_ID),
    ),
    blocked_values=frozenset(_NOBODY),
    blocked_patterns=(BlockedPattern(EMAIL, _SHARED),),
)


def as_content(rule: IdentityRule) -> dict[str, Any]:
    """Return the content that `read` reads as this rule."""
    return {
        "types": [_kind_content(kind) for kind in rule.types],
        "blocked": {
            "values": sorted(rule.blocked_values),
            "patterns": [{"type": one.type, "pattern": one.pattern} for one in rule.blocked_patterns],
        },
        "country": rule.country,
    }


def _kind_content(kind: IdentifierKind) -> dict[str, Any]:
    told: dict[str, Any] = {"name": kind.name}
    if kind.traits:
        told["traits"] = list(kind.traits)
    if kind.external:
        told["external"] = list(kind.external)
    if kind.limit is not None:
        told["limit"] = kind.limit
    if kind.within is not None:
        told["within"] = spelled(kind.within)
    if kind.unique:
        told["unique"] = True
    return told


def spelled(period: timedelta) -> str:
    seconds = int(period.total_seconds())
    for unit, length in (("d", 86_400), ("h", 3_600), ("m", 60)):
        if seconds % length == 0:
            return f"{seconds // length}{unit}"
    return f"{seconds}s"


def read(content: Any, *, version: int = 0) -> IdentityRule:
    """Read a version's content. Raises RuleInvalid naming the field."""
    told = _fields(content, {"types", "blocked", "country"}, at="")
    types = tuple(_kind(given, at=f"types.{at}") for at, given in enumerate(_list(told, "types", MOST_TYPES)))
    _check_types(types)
    blocked = _fields(told.get("blocked", {}), {"values", "patterns"}, at="blocked")
    values = _list(blocked, "values", MOST_BLOCKED, at="blocked.")
    names = {kind.name for kind in types}
    patterns = tuple(
        _pattern(given, names, at=f"blocked.patterns.{at}")
        for at, given in enumerate(_list(blocked, "patterns", MOST_BLOCKED, at="blocked."))
    )
    return IdentityRule(
        types=types,
        blocked_values=frozenset(_text(value, at="blocked.values").strip().lower() for value in values),
        blocked_patterns=patterns,
        country=_country(told.get("country", "")),
        version=version,
    )


def _kind(given: Any, *, at: str) -> IdentifierKind:
    told = _fields(given, {"name", "traits", "external", "limit", "within", "unique"}, at=at)
    name = told.get("name")
    if not isinstance(name, str) or not _NAME.fullmatch(name) or name in _RESERVED:
        message = "A type is named by lower-case letters, digits and _, begins with a letter and is not “id”."
        raise RuleInvalid(f"{at}.name", message)
    limit, within, unique = told.get("limit"), told.get("within"), told.get("unique", False)
    if limit is not None and (type(limit) is not int or not 1 <= limit <= MOST_LIMIT):
        raise RuleInvalid(f"{at}.limit", f"A limit is a whole number from 1 to {MOST_LIMIT:,}.")
    if within is not None and limit is None:
        raise RuleInvalid(f"{at}.within", "A period goes with a limit.")
    if type(unique) is not bool:
        raise RuleInvalid(f"{at}.unique", "unique is true or false.")
    if unique and limit is not None:
        raise RuleInvalid(f"{at}.limit", "A unique type has no limit beside it: one person never has two of them.")
    if name in (USER_ID, ANONYMOUS_ID) and (told.get("traits") or told.get("external")):
        message = f"{name} has a field of its own in every event and is taken from nothing else."
        raise RuleInvalid(f"{at}.traits", message)
    return IdentifierKind(
        name=name,
        traits=_words(told, "traits", at=at),
        external=_words(told, "external", at=at),
        limit=limit,
        within=None if within is None else _duration(within, at=f"{at}.within"),
        unique=unique,
    )


def _check_types(types: tuple[IdentifierKind, ...]) -> None:
    names = [kind.name for kind in types]
    if missing := {USER_ID, ANONYMOUS_ID} - set(names):
        raise RuleInvalid("types", f"{' and '.join(sorted(missing))} cannot be left out: every event carries one.")
    for told, field in (
        (names, "name"),
        ([trait for kind in types for trait in kind.traits], "traits"),
        ([name for kind in types for name in kind.external], "external"),
    ):
        if twice := sorted({one for one in told if told.count(one) > 1}):
            raise RuleInvalid("types", f"Two types have the same {field}: {', '.join(twice)}.")


def _pattern(given: Any, names: set[str], *, at: str) -> BlockedPattern:
    told = _fields(given, {"type", "pattern"}, at=at)
    type, pattern = told.get("type", ""), _text(told.get("pattern"), at=f"{at}.pattern")
    if type and type not in names:
        raise RuleInvalid(f"{at}.type", "The pattern is for a type that the rule does not have.")
    try:
        matches_nothing = re2.compile(pattern).search("") is not None
    except re2.error as error:
        raise RuleInvalid(f"{at}.pattern", f"This is no regular expression: {error}.") from None
    if matches_nothing:
        raise RuleInvalid(f"{at}.pattern", "The pattern matches every value.")
    return BlockedPattern(type, pattern)


def _country(given: Any) -> str:
    if given == "" or given in phonenumbers.SUPPORTED_REGIONS:
        return str(given)
    raise RuleInvalid("country", "Write a country by its two letters, such as DE, or nothing.")


def _duration(given: Any, *, at: str) -> timedelta:
    found = _DURATION.fullmatch(given) if isinstance(given, str) else None
    if found is None:
        raise RuleInvalid(at, "Write a period as 30d, 12h, 45m or 10s.")
    return timedelta(**{_UNITS[found[2]]: int(found[1])})


def _words(told: Mapping[str, Any], field: str, *, at: str) -> tuple[str, ...]:
    return tuple(_text(word, at=f"{at}.{field}") for word in _list(told, field, MOST_TYPES, at=f"{at}."))


def _text(given: Any, *, at: str) -> str:
    if not isinstance(given, str) or not given.strip() or len(given) > 200:
        raise RuleInvalid(at, "Write a text of 1 to 200 characters.")
    return given


def _list(told: Mapping[str, Any], field: str, most: int, *, at: str = "") -> list[Any]:
    given = told.get(field, [])
    if not isinstance(given, list) or len(given) > most:
        raise RuleInvalid(f"{at}{field}", f"This is a list of at most {most} entries.")
    return given


def _fields(given: Any, known: set[str], *, at: str) -> Mapping[str, Any]:
    if not isinstance(given, dict):
        raise RuleInvalid(at, "This is an object.")
    if unknown := sorted(given.keys() - known):
        message = f"There is no such field; known are {', '.join(sorted(known))}."
        raise RuleInvalid(f"{at}.{unknown[0]}".lstrip("."), message)
    return given
