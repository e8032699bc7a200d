"""Random sequences, sessions and repetitions, over the spans and events that `rule_strategies` deals in."""

from typing import Any

from hypothesis import strategies as st

Rule = dict[str, Any]

_EVENTS = ["A", "A", "B"]
_WAITS = ["1s", "10s", "1m"]
_GAPS = ["1s", "10s", "1m", "10m"]
_WINDOWS = ["10m", "1h", "1d"]
_SPANS = [*_GAPS, "1h", "1d"]


def course_leaves(conditions: st.SearchStrategy[Rule]) -> st.SearchStrategy[Rule]:
    """Any leaf about a course of events; `conditions` are those of a where."""
    where = st.one_of(st.just({}), st.just({}), conditions.map(lambda condition: {"where": condition}))
    return st.one_of(_sequences(where), _sequences(where), _sessions(), _repeated_sessions(), _repeated_events(where))


def _sequences(where: st.SearchStrategy[Rule]) -> st.SearchStrategy[Rule]:
    first = st.builds(lambda event, part: {"event": event} | part, st.sampled_from(_EVENTS), where)
    return st.builds(
        lambda first, others, window: {"sequence": [first, *others], "within": window},
        first,
        st.lists(_steps(where), min_size=1, max_size=4),
        st.sampled_from(_WINDOWS),
    )


def _steps(where: st.SearchStrategy[Rule]) -> st.SearchStrategy[Rule]:
    """Absent steps wait a minute at most, so that four of them still leave a sequence that can come true."""
    within = st.one_of(st.just({}), st.sampled_from(_SPANS).map(lambda span: {"within": span}))
    wait = st.one_of(st.just({}), st.sampled_from(_WAITS).map(lambda span: {"within": span}))
    event = st.sampled_from(_EVENTS)
    return st.one_of(
        st.builds(lambda event, within, part: {"event": event} | within | part, event, within, where),
        st.builds(lambda event, wait, part: {"event": event, "absent": True} | wait | part, event, wait, where),
    )


def _sessions() -> st.SearchStrategy[Rule]:
    counted = _numbers(["count"])
    return st.builds(
        lambda session, test, window: {"session": session, "within": window} | test,
        _session(),
        st.one_of(counted, _durations(), _numbers(["pages", "engagement"])),
        st.sampled_from(_SPANS),
    )


def _repeated_sessions() -> st.SearchStrategy[Rule]:
    return st.builds(
        lambda session, test, times, window: {
            "repeated": {"session": session} | test,
            "times": times,
            "within": window,
        },
        _session(),
        st.one_of(_durations(), _numbers(["pages", "engagement"])),
        st.integers(1, 3),
        st.sampled_from(_SPANS),
    )


def _repeated_events(where: st.SearchStrategy[Rule]) -> st.SearchStrategy[Rule]:
    amounts = st.sampled_from([0, 1, 0.3, -0.1, 5])
    compared = st.sampled_from(["=", "!=", "<", "<=", ">", ">="])
    measure = st.one_of(
        st.builds(lambda op, value: {"measure": "count", "op": op, "value": value}, compared, st.integers(0, 3)),
        st.builds(lambda op, value: {"measure": "sum", "of": "amount", "op": op, "value": value}, compared, amounts),
    )
    return st.builds(
        lambda event, inner, part, measure, times, window: {
            "repeated": {"event": event, "within": inner} | part | measure,
            "times": times,
            "within": window,
        },
        st.sampled_from(_EVENTS),
        st.sampled_from(_SPANS),
        where,
        measure,
        st.integers(1, 3),
        st.sampled_from(_SPANS),
    )


def _session() -> st.SearchStrategy[Rule]:
    return st.builds(
        lambda gap, more: {"gap": gap} | more,
        st.sampled_from(_GAPS),
        st.fixed_dictionaries({}, optional={"events": st.sampled_from([["A"], ["A", "B"]]), "ended": st.booleans()}),
    )


def _durations() -> st.SearchStrategy[Rule]:
    single = st.builds(
        lambda op, value: {"measure": "duration", "op": op, "value": value},
        st.sampled_from(["<", "<=", ">", ">="]),
        st.sampled_from(_SPANS),
    )
    return st.one_of(single, st.just({"measure": "duration", "op": "between", "value": ["1s", "10m"]}))


def _numbers(measures: list[str]) -> st.SearchStrategy[Rule]:
    return st.builds(
        lambda measure, op, value: {"measure": measure, "op": op, "value": value},
        st.sampled_from(measures),
        st.sampled_from(["=", "!=", "<", "<=", ">", ">="]),
        st.integers(0, 3),
    )
