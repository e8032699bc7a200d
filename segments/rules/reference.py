"""The meaning of a rule in plain Python: one person, one moment, no cleverness. The compiler is proven equal to this.

Where this file and the compiler disagree, one of them has a bug, and `README.md` decides which.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta, tzinfo
from decimal import Decimal
from zoneinfo import ZoneInfo

from profiles.facts.contexts import CONTEXTS, context_value
from profiles.facts.measures import Measure
from profiles.facts.people import Event, Person
from profiles.facts.values import Json, Scalar, ValueType, instant, number, typed
from segments.rules.logic import Truth, all_of, any_of, not_of
from segments.rules.nodes import (
    AllOf,
    AnyOf,
    ConsentLeaf,
    ContextLeaf,
    EventLeaf,
    ListLeaf,
    Nested,
    Node,
    NotOf,
    Period,
    PropertyLeaf,
    Rule,
    Test,
    TraitLeaf,
    Within,
    leaves_of,
)
from segments.rules.resolving import resolve
from segments.rules.thresholds import is_open
from segments.rules.vocabulary import Catalogue, Op


@dataclass(frozen=True, slots=True)
class Decision:
    """What a rule says about a person, and when time alone will next make it say something else (None = never)."""

    value: Truth
    due: datetime | None


def evaluate(
    rule: Rule, person: Person, *, now: datetime, catalogue: Catalogue, workspace_tz: tzinfo = UTC
) -> Decision:
    """Decide `rule` for `person` as of `now`.

    The due time is found by force: every moment at which anything in the rule could change is tried, in order.
    """
    meaning = _Meaning(person, catalogue, workspace_tz)
    rule = resolve(rule, catalogue=catalogue)
    value = meaning.truth(rule, now)
    moments = sorted({moment for moment in meaning.critical_moments(rule) if moment > now})
    due = next((moment for moment in moments if meaning.truth(rule, moment) is not value), None)
    return Decision(value, due)


def value_at(
    rule: Rule, person: Person, *, now: datetime, catalogue: Catalogue, workspace_tz: tzinfo = UTC
) -> Truth:
    """Only the value, for whoever asks about one moment."""
    return _Meaning(person, catalogue, workspace_tz).truth(resolve(rule, catalogue=catalogue), now)


@dataclass(frozen=True, slots=True)
class _Meaning:
    person: Person
    catalogue: Catalogue
    zone: tzinfo

    def truth(self, node: Node, now: datetime) -> Truth:
        match node:
            case AllOf(children):
                return all_of(self.truth(child, now) for child in children)
            case AnyOf(children):
                return any_of(self.truth(child, now) for child in children)
            case NotOf(child):
                return not_of(self.truth(child, now))
            case Nested(_, rule):
                return self.truth(rule, now)
            case ListLeaf(key):
                return key in self.person.lists
            case TraitLeaf(test=test) | EventLeaf(test=test) if is_open(test.value):
                return None
            case TraitLeaf(trait, test):
                return self._holds(test, self.person.traits.get(trait), self.catalogue.traits[trait], now)
            case ConsentLeaf(purpose):
                return self._consented(purpose, now)
            case EventLeaf():
                return compare(test=node.test, value=self.measure(node, now), operands=_numbers(node.test))
            case _:
                raise TypeError(f"not part of a rule: {node!r}")

    def measure(self, leaf: EventLeaf, now: datetime) -> Decimal:
        events = [event for event in self.person.events if self._counts(leaf, event, now)]
        if leaf.measure is Measure.COUNT:
            return Decimal(len(events))
        amounts = (number(event.properties.get(leaf.of or "")) for event in events)
        return sum((amount for amount in amounts if amount is not None), Decimal(0))

    def critical_moments(self, rule: Rule) -> Iterator[datetime]:
        for _, leaf in leaves_of(rule):
            match leaf:
                case EventLeaf(event=name, window=window):
                    for event in self.person.events:
                        if event.name == name:
                            yield event.ts
                            if isinstance(window, Within):
                                yield event.ts + timedelta(seconds=window.seconds)
                case TraitLeaf(trait, Test(Op.WITHIN_LAST, Within() as within)):
                    moment = typed(self.person.traits.get(trait), ValueType.DATETIME, zone=self.zone)
                    if isinstance(moment, datetime):
                        yield moment
                        yield moment + timedelta(seconds=within.seconds)
                case ConsentLeaf(purpose):
                    consent = self.person.consents.get(purpose)
                    if consent is not None and consent.until is not None:
                        yield consent.until

    def _counts(self, leaf: EventLeaf, event: Event, now: datetime) -> bool:
        return (
            event.name == leaf.event
            and event.ts <= now
            and self._inside(leaf.window, event.ts, now)
            and (leaf.where is None or self._condition(leaf.where, event) is True)
        )

    def _inside(self, window: Within | Period | None, ts: datetime, now: datetime) -> bool:
        match window:
            case Within():
                return ts > now - timedelta(seconds=window.seconds)
            case Period(start, end):
                first = instant(start, zone=self.zone) if start is not None else None
                last = instant(end, zone=self.zone) if end is not None else None
                return (first is None or first <= ts) and (last is None or ts < last)
            case _:
                return True

    def _condition(self, node: Node, event: Event) -> Truth:
        match node:
            case AllOf(children):
                return all_of(self._condition(child, event) for child in children)
            case AnyOf(children):
                return any_of(self._condition(child, event) for child in children)
            case NotOf(child):
                return not_of(self._condition(child, event))
            case PropertyLeaf(name, test):
                value_type = self.catalogue.properties[event.name, name]
                # An event is judged as of its own time: it does not change its mind as it grows older.
                return self._holds(test, event.properties.get(name), value_type, event.ts)
            case ContextLeaf(name, test):
                told = context_value(name, event.circumstances, ts=event.ts, zone=self._clock())
                return self._holds(test, told, CONTEXTS[name].type, event.ts)  # type: ignore[arg-type]
            case _:
                raise TypeError(f"not part of a where: {node!r}")

    def _clock(self) -> tzinfo:
        """Whose time an event has that named no time zone: the person's last known one, else the workspace's."""
        return self.zone if self.person.time_zone is None else ZoneInfo(self.person.time_zone)

    def _holds(self, test: Test, raw: Json, value_type: ValueType, now: datetime) -> Truth:
        if test.op is Op.EXISTS:
            return raw is not None
        if test.op is Op.MISSING:
            return raw is None
        value = typed(raw, value_type, zone=self.zone)
        if value is None:
            return None
        if test.op is Op.WITHIN_LAST and isinstance(test.value, Within) and isinstance(value, datetime):
            return now - timedelta(seconds=test.value.seconds) < value <= now
        operands = test.operands(value_type, zone=self.zone)
        if test.op is Op.BETWEEN and value_type is ValueType.DATETIME:
            return operands[0] <= value < operands[1]  # type: ignore[operator]
        return compare(test=test, value=value, operands=operands)

    def _consented(self, purpose: str, now: datetime) -> Truth:
        consent = self.person.consents.get(purpose)
        if consent is None:
            return None
        return consent.granted and (consent.until is None or now < consent.until)


def compare(*, test: Test, value: Scalar, operands: tuple[Scalar, ...]) -> bool:
    """One known value against known operands."""
    first = operands[0]
    match test.op:
        case Op.EQ:
            return value == first
        case Op.NE:
            return value != first
        case Op.LT | Op.BEFORE:
            return value < first  # type: ignore[operator]
        case Op.LE:
            return value <= first  # type: ignore[operator]
        case Op.GT | Op.AFTER:
            return value > first  # type: ignore[operator]
        case Op.GE:
            return value >= first  # type: ignore[operator]
        case Op.IN:
            return value in operands
        case Op.NOT_IN:
            return value not in operands
        case Op.BETWEEN:
            return first <= value <= operands[1]  # type: ignore[operator]
        case _:
            raise ValueError(f"not a comparison: {test.op}")


def _numbers(test: Test) -> tuple[Scalar, ...]:
    return test.operands(ValueType.NUMBER, zone=UTC)
