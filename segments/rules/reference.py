"""The meaning of a rule in plain Python: one person, one moment, no cleverness. The compiler is proven equal to this.

Where this file and the compiler disagree, one of them has a bug, and `README.md` decides which.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta, tzinfo
from decimal import Decimal
from itertools import chain
from zoneinfo import ZoneInfo

from profiles.facts.contexts import CONTEXTS, context_value
from profiles.facts.measures import Measure
from profiles.facts.people import Event, Person
from profiles.facts.values import Json, Scalar, ValueType, instant, ratio, typed
from segments.rules.course_meaning import Answers, course_holds, course_moments
from segments.rules.event_reads import selections_of
from segments.rules.lifecycles import holds as lifecycle_holds
from segments.rules.logic import Truth, all_of, any_of, not_of
from segments.rules.measuring import elapsed, measured_value, since_moment, spans_of
from segments.rules.nodes import (
    AllOf,
    AnyOf,
    ConsentLeaf,
    ContextLeaf,
    EventLeaf,
    LifecycleLeaf,
    ListLeaf,
    Nested,
    Node,
    NotOf,
    Period,
    PropertyLeaf,
    RepeatedLeaf,
    Rule,
    SequenceLeaf,
    SessionLeaf,
    Test,
    TraitLeaf,
    TrendLeaf,
    Within,
    leaves_of,
)
from segments.rules.patterns import found
from segments.rules.resolving import resolve
from segments.rules.selecting import Selects
from segments.rules.thresholds import is_open
from segments.rules.trends import window_of
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
            case EventLeaf(measure=Measure.SINCE_LAST | Measure.SINCE_FIRST, test=test):
                since = since_moment(node, self._counted(node, now))
                return None if since is None else elapsed(test, since, now)
            case EventLeaf():
                value = self.measure(node, now)
                value_type = ValueType.NUMBER if isinstance(value, Decimal) else self._measured_type(node)
                return None if value is None else self._compared(node.test, value, value_type)
            case LifecycleLeaf():
                return self._lifecycle(node, now)
            case TrendLeaf(test=test):
                value = self._trend(node, now)
                return None if value is None else self._compared(test, value, ValueType.NUMBER)
            case SequenceLeaf() | SessionLeaf() | RepeatedLeaf():
                return course_holds(node, self._answers(), now)
            case _:
                raise TypeError(f"not part of a rule: {node!r}")

    def _answers(self) -> Answers:
        def compared(test: Test, value: Decimal, operands: tuple[Decimal, ...]) -> bool:
            return compare(test=test, value=value, operands=operands)

        return Answers(self.person.events, self._counted, self.truth, compared)

    def measure(self, leaf: EventLeaf, now: datetime) -> Scalar | None:
        events = self._counted(leaf, now)
        return measured_value(leaf, events, value_type=self._measured_type(leaf), zone=self.zone)

    def _lifecycle(self, leaf: LifecycleLeaf, now: datetime) -> bool:
        happened, *others = (
            [event.ts for event in self._counted(selection, now)] for selection in selections_of(leaf)
        )
        return lifecycle_holds(leaf, happened, [*chain(*others)], inside=lambda ts: self._inside(leaf.window, ts, now))

    def _trend(self, leaf: TrendLeaf, now: datetime) -> Decimal | None:
        before = now - timedelta(seconds=leaf.window.seconds)
        this, last = (self.measure(window_of(leaf), moment) for moment in (now, before))
        return ratio(this, last) if isinstance(this, Decimal) and isinstance(last, Decimal) else None

    def _measured_type(self, leaf: EventLeaf) -> ValueType:
        """The type of the property that is measured; what measures none gives a number."""
        return ValueType.NUMBER if leaf.of is None else self.catalogue.properties[leaf.event, leaf.of]

    def _counted(self, leaf: Selects, now: datetime) -> list[Event]:
        return [event for event in self.person.events if self._counts(leaf, event, now)]

    def critical_moments(self, rule: Rule) -> Iterator[datetime]:
        for _, leaf in leaves_of(rule):
            match leaf:
                case EventLeaf(event=name, window=window):
                    for event in self.person.events:
                        if event.name == name:
                            yield event.ts
                            if isinstance(window, Within):
                                yield event.ts + timedelta(seconds=window.seconds)
                            for within in spans_of(leaf.test):
                                yield event.ts + timedelta(seconds=within.seconds)
                                yield event.ts + timedelta(seconds=within.seconds, microseconds=1)
                case LifecycleLeaf() | TrendLeaf():
                    names = {selection.event for selection in selections_of(leaf)}
                    span = leaf.window.seconds if isinstance(leaf.window, Within) else 0
                    for event in self.person.events:
                        if event.name in names:
                            yield from (event.ts + timedelta(seconds=times * span) for times in (0, 1, 2))
                case SequenceLeaf() | SessionLeaf() | RepeatedLeaf():
                    yield from course_moments(leaf, self.person.events)
                case TraitLeaf(trait, Test(Op.WITHIN_LAST, Within() as within)):
                    moment = typed(self.person.traits.get(trait), ValueType.DATETIME, zone=self.zone)
                    if isinstance(moment, datetime):
                        yield moment
                        yield moment + timedelta(seconds=within.seconds)
                case ConsentLeaf(purpose):
                    consent = self.person.consents.get(purpose)
                    if consent is not None and consent.until is not None:
                        yield consent.until

    def _counts(self, leaf: Selects, event: Event, now: datetime) -> bool:
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
        return self._compared(test, value, value_type)

    def _compared(self, test: Test, value: Scalar, value_type: ValueType) -> bool:
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
        case Op.CONTAINS:
            return first in value  # type: ignore[operator]
        case Op.STARTS_WITH:
            return str(value).startswith(str(first))
        case Op.ENDS_WITH:
            return str(value).endswith(str(first))
        case Op.MATCHES:
            return found(str(first), str(value))
        case _:
            raise ValueError(f"not a comparison: {test.op}")
