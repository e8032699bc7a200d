"""The latest telling: no order in which events come in, and no way in which they are cut into claims, can change it."""

from hypothesis import given
from hypothesis import strategies as st

from profiles.context.deriving import derive
from profiles.context.latest import decode, encode, later, spelled, told_by

CONTEXTS = [
    {"timezone": "Europe/Berlin"},
    {"campaign": {"source": "mail", "term": "x"}},
    {"campaign": {"source": "search"}, "location": {"country": "DE", "city": "Ulm"}},
    {"location": {"country": "FR"}, "userAgent": "curl/8.4.0"},
    {"os": {"name": "iOS"}},
    {},
]


def _derived(number: int):
    # A zone is asked of the database: these are about order alone.
    return derive({key: value for key, value in CONTEXTS[number].items() if key != "timezone"})


def stamped() -> st.SearchStrategy[list]:
    event = st.tuples(st.integers(0, len(CONTEXTS) - 1), st.integers(0, 5), st.integers(1, 3))
    # An event id belongs to one event: it decides between two of the same moment.
    return st.lists(event, max_size=8).map(
        lambda events: [
            (_derived(context), (f"2026-03-01T00:00:0{second}+00:00", number, source))
            for number, (context, second, source) in enumerate(events)
        ]
    )


@given(events=stamped(), data=st.data())
def test_any_order_and_any_cut_tell_the_same(events: list, data: st.DataObject) -> None:
    whole = told_by(events)
    shuffled = data.draw(st.permutations(events))
    cut = data.draw(st.integers(0, len(events)))
    first, second = told_by(shuffled[:cut]), told_by(shuffled[cut:])
    assert later(first, second) == later(second, first) == later(first, second, first) == whole


@given(events=stamped())
def test_what_is_stored_reads_back_the_same(events: list) -> None:
    whole = told_by(events)
    assert decode(encode(whole)) == whole
    for derived, stamp in events:
        if derived.parts:
            assert decode(spelled({derived: stamp})) == told_by([(derived, stamp)])
