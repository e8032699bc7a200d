"""The live rules as the lanes see them: loaded once per epoch and process, indexed by what can touch them.

A lane takes the rule lock shared and asks for the current book in a statement of its own, so that its snapshot is newer
than the lock. Whoever changes the set of live rules holds the lock exclusively until its transaction ends. So no person
is ever judged under an epoch that is over, and a lane's compiled statements are good until the epoch changes.
"""

from collections import OrderedDict
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field
from functools import cached_property
from uuid import UUID

from django.db import connection

from segments.dependencies import catalogue_of, published_rules
from segments.models import EpochStatus, RuleEpoch
from segments.rules.course_reads import ANY_EVENT
from segments.rules.nodes import Rule, leaves_of
from segments.rules.reads import NEW_IDENTIFIER, touch_keys
from segments.rules.vocabulary import Catalogue

EVERYTHING = "*"
_SEGMENT = "segment:"
_EVENT = "event:"
_LOCK = 0x5E67_0001
_KEPT_STATEMENTS = 64
# A Postgres select has at most 1,664 columns: two per rule and two per leaf it freezes as evidence.
_COLUMNS_PER_STATEMENT = 1_500


@dataclass(frozen=True, slots=True)
class LiveRule:
    """One segment's live version, with what the lane stamps on its decisions.

    `rule` holds the rules nested in it and the values of its thresholds, so what touches them touches it.
    """

    segment_id: int
    key: str
    name: str
    version_id: int
    number: int
    epoch: int
    replaces: bool
    rule: Rule
    touched_by: frozenset[str]

    @property
    def width(self) -> int:
        """How many columns of a statement it takes at most."""
        return 2 + 2 * len({leaf for _, leaf in leaves_of(self.rule)})


@dataclass(frozen=True)
class Rulebook:
    """Every live rule of one epoch. Statements are compiled when first needed, per set of segments.

    `broken` are live rules that no longer fit the catalogue, say since a property turned from number to text. They are
    not judged and their members stay as they are, because one such rule must not stop the lanes for everybody.
    """

    epoch: int
    stamp: UUID | None
    rules: tuple[LiveRule, ...]
    broken: tuple[LiveRule, ...]
    catalogue: Catalogue
    _statements: "OrderedDict[frozenset[int], str]" = field(default_factory=OrderedDict)

    @property
    def everything(self) -> frozenset[int]:
        return frozenset(rule.segment_id for rule in self.rules)

    def is_gone(self, key: str) -> bool:
        """Say whether a touch key names a segment that is not live."""
        return key.startswith(_SEGMENT) and key.removeprefix(_SEGMENT) not in self._live_keys

    @cached_property
    def _live_keys(self) -> frozenset[str]:
        return frozenset(live.key for live in (*self.rules, *self.broken))

    def affected(self, keys: Iterable[str]) -> frozenset[int]:
        """The segments that a change of these keys can touch."""
        changed = frozenset(NEW_IDENTIFIER if key.startswith(NEW_IDENTIFIER) else key for key in keys)
        if EVERYTHING in changed:
            return self.everything
        if any(key.startswith(_EVENT) for key in changed):
            changed |= {ANY_EVENT}
        return frozenset(rule.segment_id for rule in self.rules if not changed.isdisjoint(rule.touched_by))

    def sets(self, segment_ids: frozenset[int]) -> Iterator[frozenset[int]]:
        """These segments in as few sets as one statement each can judge; one empty set where there are none."""
        fitting: set[int] = set()
        width = 0
        for live in self.rules:
            if live.segment_id not in segment_ids:
                continue
            if fitting and width + live.width > _COLUMNS_PER_STATEMENT:
                yield frozenset(fitting)
                fitting, width = set(), 0
            fitting.add(live.segment_id)
            width += live.width
        yield frozenset(fitting)

    def statement(self, segment_ids: frozenset[int], *, build: Callable[["Rulebook", frozenset[int]], str]) -> str:
        """The SQL that judges these segments, or a few more where that saves compiling yet another set.

        Traffic meets ever new combinations of event names; each set costs milliseconds to compile, a superfluous
        rule microseconds to evaluate.
        """
        if kept := self._statements.get(segment_ids):
            self._statements.move_to_end(segment_ids)
            return kept
        if len(self._statements) >= _KEPT_STATEMENTS // 2:
            for wider, statement in self._statements.items():
                if segment_ids <= wider and len(wider) <= 2 * len(segment_ids):
                    return statement
        statement = self._statements[segment_ids] = build(self, segment_ids)
        if len(self._statements) > _KEPT_STATEMENTS:
            self._statements.popitem(last=False)
        return statement


_NO_BOOK = Rulebook(epoch=0, stamp=None, rules=(), broken=(), catalogue=Catalogue())
_kept: Rulebook = _NO_BOOK


def hold() -> None:
    """Keep the set of live rules from changing until this transaction ends."""
    with connection.cursor() as cursor:
        cursor.execute("SELECT pg_advisory_xact_lock_shared(%s)", [_LOCK])


def hold_to_change() -> None:
    """Wait until no lane judges anybody, and keep all from it until this transaction ends."""
    with connection.cursor() as cursor:
        cursor.execute("SELECT pg_advisory_xact_lock(%s)", [_LOCK])


def current() -> Rulebook:
    """The book of the current epoch; stable only for as long as the caller holds it."""
    global _kept
    with connection.cursor() as cursor:
        cursor.execute("SELECT epoch, stamp FROM rule_epoch ORDER BY epoch DESC LIMIT 1")
        epoch, stamp = cursor.fetchone() or (0, None)
    book = _kept
    if (book.epoch, book.stamp) != (epoch, stamp):
        book = _kept = _load(epoch, stamp)
    return book


def _load(epoch: int, stamp: UUID | None) -> Rulebook:
    # Only what governance calls live: an epoch row, whoever wrote it, brings nothing to life.
    rows = RuleEpoch.objects.latest_per_segment().select_related("segment", "version")
    live = [row for row in rows if row.version_id and row.version_id == row.segment.live_version_id]
    rules = published_rules(live)
    fitting = [row for row in live if row.status != EpochStatus.BROKEN]
    return Rulebook(
        epoch=epoch,
        stamp=stamp,
        rules=tuple(_live_rule(row, rules[row.epoch]) for row in fitting),
        broken=tuple(_live_rule(row, rules[row.epoch]) for row in live if row.status == EpochStatus.BROKEN),
        catalogue=catalogue_of(row.dependencies for row in fitting),
    )


def as_published(row: RuleEpoch) -> Rulebook:
    """The book of one rule alone, as it was published in an epoch that may be over: for looks at the past."""
    return Rulebook(
        epoch=row.epoch,
        stamp=row.stamp,
        rules=(_live_rule(row, published_rules([row])[row.epoch]),),
        broken=(),
        catalogue=catalogue_of([row.dependencies]),
    )


def _live_rule(row: RuleEpoch, rule: Rule) -> LiveRule:
    assert row.version is not None
    return LiveRule(
        segment_id=row.segment_id,
        key=row.segment.key,
        name=row.segment.name,
        version_id=row.version.pk,
        number=row.version.number,
        epoch=row.epoch,
        replaces=row.replaces,
        rule=rule,
        touched_by=touch_keys(rule) | {segment_key(row.segment.key)},
    )


def segment_key(key: str) -> str:
    """The touch key by which a segment itself is evaluated again."""
    return _SEGMENT + key
