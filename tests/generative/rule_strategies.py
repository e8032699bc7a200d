"""Random rules, people and moments, close enough to each other that every boundary is met again and again."""

from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any

from hypothesis import strategies as st

from profiles.facts.contexts import CONTEXTS, Circumstances
from profiles.facts.people import Consent, Event, Person
from profiles.facts.values import ValueType
from segments.rules.language import NOT_OF_MEASURES
from segments.rules.parser import parse
from segments.rules.vocabulary import Catalogue
from tests.generative.course_strategies import course_leaves
from tests.rules_spec.snapshots import Snapshots

START = datetime(2026, 3, 29, 0, 30, tzinfo=UTC)  # the night in which Berlin's clocks change

CATALOGUE = Catalogue(
    traits={"t": ValueType.TEXT, "n": ValueType.NUMBER, "b": ValueType.BOOLEAN, "d": ValueType.DATETIME},
    events=frozenset({"A", "B"}),
    properties={
        (event, name): value_type
        for event in ("A", "B")
        for name, value_type in {
            "amount": ValueType.NUMBER,
            "kind": ValueType.TEXT,
            "flag": ValueType.BOOLEAN,
            "on": ValueType.DATETIME,
        }.items()
    },
    purposes=frozenset({"p"}),
    segments={
        "some": parse({"any": [{"trait": "n", "op": ">=", "value": 1}, {"list": "l"}]}),
        "busy": parse({"event": "A", "measure": "count", "op": ">=", "value": 2, "within": "1m"}),
        "both": parse({"all": [{"segment": "busy"}, {"not": {"segment": "some"}}]}),
    },
    lists=frozenset({"l", "m"}),
    thresholds=Snapshots({"p50": 1, "p80": 0.2, "p99": None, "mean + 2 SD": 2.5, "mean + -1 SD": -0.1}, 5, START),
)

_TEXTS = ["", "a", "A", "ä", "z", "%", "o'b", "\\", "ab\n", "a-^]["]
_NUMBERS = [0, 1, 2, 0.1, 0.2, 0.3, -0.1, 1e16, -1e16, 5]
_DATES = ["2026-03-29", "2026-03-29T02:30:00", "2026-03-29T00:30:00Z", "2026-03-28T23:30:00-01:00", "2026-03-01"]
_JUNK = [None, "", "5", 5, True, [], {}, "2026-02-30", 1e30, "9999-12-31", "2026-03-29T02:30:00.1234567"]
_PLACES = ["DE", "de", "o'b", "%"]
_ZONES = ["Europe/Berlin", "America/New_York", "Asia/Kathmandu", "Australia/Lord_Howe"]
_SPANS = ["1s", "10s", "1m", "10m", "1h", "1d"]
_OFFSETS = [0, 1, 9, 10, 11, 59, 60, 61, 599, 600, 601, 3_600, 86_400, 86_401]


def moments() -> st.SearchStrategy[datetime]:
    """Around `START`, mostly at whole distances that windows have, before and after."""
    near = st.sampled_from(_OFFSETS + [-offset for offset in _OFFSETS])
    fine = st.sampled_from([0, 0, 0, 1, -1])
    return st.builds(lambda seconds, micro: START + timedelta(seconds=seconds, microseconds=micro), near, fine)


def rules(depth: int = 3) -> st.SearchStrategy[dict[str, Any]]:
    return _combined(st.one_of(leaves(), leaves(), leaves(), _trends(), nested_segments(), thresholds()), depth)


def leaves() -> st.SearchStrategy[dict[str, Any]]:
    """Those that are due exactly when they change."""
    courses = course_leaves(_combined(conditions(), 1))
    others = st.one_of(_trait_leaves(), _plain())
    return st.one_of(_event_leaves(), _event_leaves(), courses, _lifecycles(), others)


def nested_segments() -> st.SearchStrategy[dict[str, Any]]:
    """Whole rules in the place of a leaf, which are due no more exactly than other combinations."""
    return st.sampled_from([{"segment": key} for key in CATALOGUE.segments])


def thresholds() -> st.SearchStrategy[dict[str, Any]]:
    """Comparisons with the population, which are due when the person's own side changes: sound, and early."""
    taken = [{"percentile": 50}, {"percentile": 80, "over": "some"}, {"percentile": 99}]
    taken += [{"mean_plus_sd": 2, "over": "both"}, {"mean_plus_sd": -1}]
    compared = _pairs(["<", "<=", ">", ">="], st.sampled_from(taken))
    of_events = _event_leaves().filter(_is_of_a_number).flatmap(lambda leaf: compared.map(lambda test: leaf | test))
    return st.one_of(of_events, of_events, compared.map(lambda test: {"trait": "n"} | test))


def _is_of_a_number(leaf: dict[str, Any]) -> bool:
    if leaf["measure"].startswith("since"):
        return False
    of_a_value = leaf["measure"] in {"min", "max", "first", "last"}
    return not of_a_value or CATALOGUE.properties[leaf["event"], leaf["of"]] is ValueType.NUMBER


def _plain() -> st.SearchStrategy[dict[str, Any]]:
    return st.sampled_from([{"consent": "p"}, {"list": "l"}, {"list": "m"}])


def people() -> st.SearchStrategy[Person]:
    return st.builds(
        Person,
        traits=_optional(
            {
                "t": _mostly(_TEXTS),
                "n": _mostly(_NUMBERS),
                "b": _mostly([True, False]),
                "d": _dates_or_junk(),
            }
        ),
        events=st.lists(_events(), max_size=8).map(_numbered),
        time_zone=_zones(),
        consents=st.one_of(st.just({}), _consents().map(lambda consent: {"p": consent})),
        lists=st.frozensets(st.sampled_from(["l", "m"])),
    )


def _combined(leaf: st.SearchStrategy[dict[str, Any]], depth: int) -> st.SearchStrategy[dict[str, Any]]:
    if depth == 0:
        return leaf
    below = _combined(leaf, depth - 1)
    several = st.lists(below, min_size=1, max_size=3)
    return st.one_of(
        leaf,
        several.map(lambda parts: {"all": parts}),
        several.map(lambda parts: {"any": parts}),
        below.map(lambda part: {"not": part}),
    )


def _trait_leaves() -> st.SearchStrategy[dict[str, Any]]:
    return st.sampled_from(["t", "n", "b", "d"]).flatmap(
        lambda name: _tests(CATALOGUE.traits[name]).map(lambda test: {"trait": name, **test})
    )


def _property_leaves() -> st.SearchStrategy[dict[str, Any]]:
    return st.sampled_from(["amount", "kind", "flag", "on"]).flatmap(
        lambda name: _tests(CATALOGUE.properties["A", name]).map(lambda test: {"property": name, **test})
    )


def conditions() -> st.SearchStrategy[dict[str, Any]]:
    """What may stand in a where."""
    return st.one_of(_property_leaves(), _property_leaves(), _context_leaves())


def _context_leaves() -> st.SearchStrategy[dict[str, Any]]:
    def tests(name: str) -> st.SearchStrategy[dict[str, Any]]:
        if name == "local_hour":
            return _comparisons([0, 1, 2, 3, 4, 12, 23])
        choices = list(CONTEXTS[name].choices) or _PLACES
        told = st.one_of(
            _pairs(["=", "!="], st.sampled_from(choices)),
            _pairs(["in", "not_in"], st.lists(st.sampled_from(choices), min_size=1, max_size=3)),
        )
        presence = st.sampled_from([{"op": "exists"}, {"op": "missing"}])
        return told if name == "local_weekday" else st.one_of(told, presence)

    names = st.sampled_from(["device_type", "country", "campaign_source", "local_hour", "local_hour", "local_weekday"])
    return names.flatmap(lambda name: tests(name).map(lambda test: {"context": name, **test}))


def _event_leaves() -> st.SearchStrategy[dict[str, Any]]:
    measure = st.one_of(_counts(), _counts(), _amounts(), _values_of_properties())
    measured = _joined(_selections(), measure, st.one_of(st.just({}), _windows()))
    recency = _joined(_selections(), _elapsed())
    return st.one_of(measured, measured, measured, recency)


def _lifecycles() -> st.SearchStrategy[dict[str, Any]]:
    after = st.sampled_from(_SPANS).map(lambda span: {"lifecycle": "returned", "after": span})
    other = st.one_of(st.sampled_from(["A", "B"]), _selections())
    since = other.map(lambda other: {"lifecycle": "not_since", "not_since": other})
    first = _joined(_windows(), st.just({"lifecycle": "first_time"}))
    later = _joined(st.one_of(st.just({}), _windows()), st.one_of(after, since))
    return _joined(_selections(), st.one_of(first, later))


def _trends() -> st.SearchStrategy[dict[str, Any]]:
    measure = st.sampled_from([{"measure": "count"}, {"measure": "sum", "of": "amount"}])
    within = st.sampled_from(_SPANS).map(lambda span: {"within": span})
    inner = _joined(_selections(), measure, within).map(lambda trend: {"trend": trend})
    return _joined(inner, _comparisons([0, 0.5, 1, 2, 0.333333333, -1]))


def _selections() -> st.SearchStrategy[dict[str, Any]]:
    """Events of a name, some with a condition."""
    event = st.sampled_from(["A", "A", "B"]).map(lambda event: {"event": event})
    where = st.one_of(st.just({}), _combined(conditions(), 1).map(lambda condition: {"where": condition}))
    return _joined(event, where)


def _windows() -> st.SearchStrategy[dict[str, Any]]:
    return st.one_of(
        st.sampled_from(_SPANS).map(lambda span: {"within": span}),
        st.sampled_from(_SPANS).map(lambda span: {"within": span}),
        st.sampled_from(_DATES[:3]).map(lambda start: {"from": start}),
        st.just({"from": "2026-03-29T00:20:00Z", "to": "2026-03-29T02:30:01"}),
        st.sampled_from(_DATES[:3]).map(lambda end: {"to": end}),
    )


def _joined(*parts: st.SearchStrategy[dict[str, Any]]) -> st.SearchStrategy[dict[str, Any]]:
    return st.tuples(*parts).map(lambda told: {key: value for part in told for key, value in part.items()})


def _counts() -> st.SearchStrategy[dict[str, Any]]:
    distinct = st.sampled_from(["amount", "kind", "flag", "on"]).map(lambda of: {"measure": "distinct", "of": of})
    counted = st.one_of(st.just({"measure": "count"}), st.just({"measure": "distinct_days"}), distinct)
    return st.builds(lambda measure, test: measure | test, counted, _comparisons([0, 1, 2, 3]))


def _amounts() -> st.SearchStrategy[dict[str, Any]]:
    measure = st.sampled_from(["sum", "sum", "avg", "avg", "min", "max"])
    return st.builds(
        lambda measure, test: {"measure": measure, "of": "amount"} | test,
        measure,
        _comparisons([*_NUMBERS, 0.5, 0.333333333]),
    )


def _values_of_properties() -> st.SearchStrategy[dict[str, Any]]:
    def tested(of: str) -> st.SearchStrategy[dict[str, Any]]:
        value_type = CATALOGUE.properties["A", of]
        known = _tests(value_type).filter(lambda test: test["op"] not in NOT_OF_MEASURES)
        ordered = ["min", "max"] if value_type is ValueType.DATETIME else []
        measure = st.sampled_from(["first", "last", *ordered])
        return st.builds(lambda measure, test: {"measure": measure, "of": of} | test, measure, known)

    return st.sampled_from(["amount", "kind", "flag", "on"]).flatmap(tested)


def _elapsed() -> st.SearchStrategy[dict[str, Any]]:
    measure = st.sampled_from([{"measure": "since_last"}, {"measure": "since_first"}])
    one = _pairs(["<", "<=", ">", ">="], st.sampled_from(_SPANS))
    two = st.sampled_from(["1s", "10s", "1m"]).map(lambda low: {"op": "between", "value": [low, "10m"]})
    return st.builds(lambda measure, test: measure | test, measure, st.one_of(one, one, two))


def _tests(value_type: ValueType) -> st.SearchStrategy[dict[str, Any]]:
    presence = st.sampled_from([{"op": "exists"}, {"op": "missing"}])
    match value_type:
        case ValueType.TEXT:
            return st.one_of(presence, _comparisons(_TEXTS), _comparisons(_TEXTS), _searches())
        case ValueType.NUMBER:
            return st.one_of(presence, _comparisons(_NUMBERS))
        case ValueType.BOOLEAN:
            return st.one_of(presence, _pairs(["=", "!="], st.booleans()))
        case _:
            dated = _pairs(["=", "!=", "<", "<=", ">", ">=", "before", "after"], st.sampled_from(_DATES))
            recent = _pairs(["within_last"], st.sampled_from(_SPANS))
            chosen = _pairs(["in", "not_in"], st.lists(st.sampled_from(_DATES), min_size=1, max_size=3))
            between = st.just({"op": "between", "value": ["2026-03-28T23:30:00-01:00", "2026-03-29T02:30:00"]})
            return st.one_of(presence, dated, recent, recent, chosen, between)


def _comparisons(values: list[Any]) -> st.SearchStrategy[dict[str, Any]]:
    several = st.lists(st.sampled_from(values), min_size=1, max_size=3)
    ends = st.lists(st.sampled_from(values), min_size=2, max_size=2).map(sorted)
    return st.one_of(
        _pairs(["=", "!=", "<", "<=", ">", ">="], st.sampled_from(values)),
        _pairs(["in", "not_in"], several),
        _pairs(["between"], ends),
    )


def _searches() -> st.SearchStrategy[dict[str, Any]]:
    parts = st.sampled_from([text for text in _TEXTS if text])
    plain = _pairs(["contains", "starts_with", "ends_with"], parts)
    return st.one_of(plain, _pairs(["matches"], patterns()))


def patterns() -> st.SearchStrategy[str]:
    """Patterns of the part of the language that is taken, built from its own words."""
    atoms = ["a", "b", "A", "ä", ".", "\\d", "\\w", "\\S", "\\.", "\\\\", "\\n", "%", "-", "'"]
    classes = ["[a-z]", "[^a]", "[]a]", "[^]]", "[a^]", "[-a]", "[\\]\\-^]", "[\\w-]", "[^\\d\\s]", "[+--]", "[[^]"]
    repeated = st.sampled_from(["", "", "", "*", "+", "?", "{2}", "{0,1}", "{1,}", "+?"])
    atom = st.builds(lambda atom, times: atom + times, st.sampled_from(atoms + classes), repeated)
    several = st.lists(st.one_of(atom, st.sampled_from(["^", "$", "\\A", "\\z"])), min_size=1, max_size=4).map("".join)
    grouped = st.builds(lambda inner, more, times: f"({inner}|{more}){times}", several, several, repeated)
    return st.one_of(several, grouped, st.builds(lambda *parts: "".join(parts), several, grouped, several))


def _pairs(ops: list[str], values: st.SearchStrategy[Any]) -> st.SearchStrategy[dict[str, Any]]:
    return st.builds(lambda op, value: {"op": op, "value": value}, st.sampled_from(ops), values)


def _optional(fields: dict[str, st.SearchStrategy[Any]]) -> st.SearchStrategy[dict[str, Any]]:
    return st.fixed_dictionaries({}, optional=fields)


def _mostly(values: list[Any]) -> st.SearchStrategy[Any]:
    return st.one_of(st.sampled_from(values), st.sampled_from(values), st.sampled_from(_JUNK))


def _dates_or_junk() -> st.SearchStrategy[Any]:
    spelled: Callable[[datetime], str] = datetime.isoformat
    return st.one_of(moments().map(spelled), _mostly(_DATES))


def _events() -> st.SearchStrategy[tuple[Any, ...]]:
    properties = _optional(
        {
            "amount": _mostly(_NUMBERS),
            "kind": _mostly(_TEXTS),
            "flag": _mostly([True, False]),
            "on": _dates_or_junk(),
        }
    )
    # A page is one to sessions alone, and who tells that he is somebody does nothing.
    names = st.sampled_from(["A", "A", "A", "A", "B", "B", "Page Viewed", "$identify"])
    return st.tuples(names, moments(), properties, _circumstances())


def _circumstances() -> st.SearchStrategy[Circumstances]:
    told = _optional(
        {
            "device_type": st.sampled_from(CONTEXTS["device_type"].choices),
            "country": st.sampled_from(_PLACES),
            "campaign_source": st.sampled_from(_PLACES),
        }
    )
    return st.builds(Circumstances, values=told, time_zone=_zones())


def _zones() -> st.SearchStrategy[str | None]:
    return st.sampled_from([None, None, *_ZONES])


def _numbered(events: list[tuple[Any, ...]]) -> tuple[Event, ...]:
    return tuple(Event(name, ts, number, *told) for number, (name, ts, *told) in enumerate(events, start=1))


def _consents() -> st.SearchStrategy[Consent]:
    return st.builds(Consent, granted=st.booleans(), until=st.one_of(st.none(), moments()))
