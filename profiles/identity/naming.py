"""By which names an event goes, and which of them it says are one person's. Pure; asked once for every event."""

from collections.abc import Iterable, Iterator, Mapping
from typing import Any, Protocol

from profiles.identity.canonical import canonical
from profiles.identity.rule import ANONYMOUS_ID, EMAIL, USER_ID, IdentityRule
from profiles.models import LinkReason

#: (identifier type, canonical value)
Name = tuple[str, str]
Pair = tuple[Name, Name, str]

MAX_ID = 500
_EXTERNAL = "externalIds"
_MOST_EXTERNAL = 20
_NOTHING: tuple[Name, ...] = ()
_TOGETHER, _STATED, _ALIAS = LinkReason.SEEN_TOGETHER.value, LinkReason.STATED.value, LinkReason.ALIAS.value
_SAME_EMAIL = LinkReason.SAME_EMAIL.value


class NamedEvent(Protocol):
    """What an event says about who it is about; `traits` are those of an identify call alone."""

    @property
    def user_id(self) -> str | None: ...
    @property
    def anonymous_id(self) -> str | None: ...
    @property
    def traits(self) -> Mapping[str, Any]: ...
    @property
    def context(self) -> Mapping[str, Any]: ...


def names(event: NamedEvent, rule: IdentityRule) -> tuple[tuple[Name, ...], tuple[Name, ...]]:
    """Return the event's names, whose event it is first, and those that the rule says are nobody's."""
    # What `rule.blocks` says, spelled out for the two ids that nearly every event carries.
    traits, context, nobodys, patterned = event.traits, event.context, rule.blocked_values, rule.patterned
    found: list[Name] = []
    blocked: tuple[Name, ...] = _NOTHING
    if (user := event.user_id) is not None:
        if user.strip().lower() in nobodys or (USER_ID in patterned and rule.blocks(USER_ID, user)):
            blocked = ((USER_ID, user),)
        else:
            found.append((USER_ID, user))
    if (device := event.anonymous_id) is not None:
        if device.strip().lower() in nobodys or (ANONYMOUS_ID in patterned and rule.blocks(ANONYMOUS_ID, device)):
            blocked = (*blocked, (ANONYMOUS_ID, device))
        else:
            found.append((ANONYMOUS_ID, device))
    if traits or _EXTERNAL in context:
        for name in _stated(traits, context, rule):
            if rule.blocks(*name):
                blocked = (*blocked, name)
            else:
                found.append(name)
    return tuple(found), blocked


def _stated(traits: Mapping[str, Any], context: Mapping[str, Any], rule: IdentityRule) -> Iterable[Name]:
    """The names beside the event's own ids, each once, in the rule's order and then by their spelling."""
    found = stated_by_traits(traits, rule)
    if _EXTERNAL in context:
        found |= set(_external(context[_EXTERNAL], rule))
    return sorted(found, key=lambda name: (rule.ranks[name[0]], name[1])) if len(found) > 1 else found


def stated_by_traits(traits: Mapping[str, Any], rule: IdentityRule) -> set[Name]:
    """The identifiers among the traits of an identify call."""
    by_trait = rule.by_trait
    found: set[Name] = set()
    for trait in by_trait.keys() & traits.keys():
        spelled = _spelled(by_trait[trait], traits[trait], rule)
        if spelled is not None:
            found.add((by_trait[trait], spelled))
    return found


def _external(given: Any, rule: IdentityRule) -> Iterator[Name]:
    """Segment's list of further ids: [{"id", "type", "collection", "encoding"}]. What it is not is passed over."""
    for entry in given[:_MOST_EXTERNAL] if isinstance(given, list) else ():
        if not isinstance(entry, dict) or not isinstance(called := entry.get("type"), str):
            continue
        if entry.get("collection", "users") != "users" or entry.get("encoding", "none") != "none":
            continue
        if (type := rule.by_external.get(called)) and (spelled := _spelled(type, entry.get("id"), rule)) is not None:
            yield type, spelled


def _spelled(type: str, value: Any, rule: IdentityRule) -> str | None:
    if value.__class__ is int:  # not a bool
        value = str(value)
    if not isinstance(value, str) or value.isspace() or len(value) > MAX_ID:
        return None
    return canonical(type, value, country=rule.country)


def pairs(found: tuple[Name, ...]) -> Iterator[Pair]:
    """Return who is seen with whom in an event by its names, the one that would follow the other first.

    Everything is stated for the user. Without one it is stated for the first of what was stated: the device it came
    from, and whatever else was stated with it.
    """
    if len(found) < 2:
        return
    subject = found[0]
    if subject[0] == USER_ID:
        for name in found[1:]:
            yield name, subject, _reason(name)
    elif subject[0] == ANONYMOUS_ID:
        yield subject, found[1], _TOGETHER
        for name in found[2:]:
            yield name, found[1], _STATED
    else:
        for name in found[1:]:
            yield name, subject, _STATED


def _reason(name: Name) -> str:
    if name[0] == EMAIL:
        return _SAME_EMAIL
    return _TOGETHER if name[0] == ANONYMOUS_ID else _STATED


def alias_pairs(
    found: tuple[Name, ...], *, previous_id: str, anonymous_id: str | None, rule: IdentityRule
) -> Iterator[Pair]:
    """Return both readings of an alias's previous id, as a device and as a user, each to follow the new user id."""
    user = found[0]
    if user[0] != USER_ID or previous_id == user[1] or rule.blocks(USER_ID, previous_id):
        return
    yield (ANONYMOUS_ID, previous_id), user, _ALIAS
    if previous_id != anonymous_id:
        yield (USER_ID, previous_id), user, _ALIAS
