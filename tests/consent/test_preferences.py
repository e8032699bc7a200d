"""Which of the preferences that ride on events are acts: only changes, in whatever order the events arrive."""

from datetime import UTC, datetime, timedelta

from hypothesis import given, settings
from hypothesis import strategies as st

from consent.preferences import Change, Sighting, follow

NOON = datetime(2026, 3, 1, 12, tzinfo=UTC)
YES, NO = True, False


def at(minute):
    return NOON + timedelta(minutes=minute)


def seen(minute, granted, **more):
    return Sighting(at(minute), granted, **more)


def stored(sightings):
    """What the stored events would answer: the first sighting of that answer after an instant."""

    def resumed_at(granted, after):
        same = (each.at for each in sightings if each.granted is granted)
        return min((moment for moment in same if (moment, not granted) > (after, granted)), default=None)

    return resumed_at


def acts_after(claims):
    """Follow claims one after the other; return the acts as a ledger holds them, superseded ones out."""
    preference, ledger, arrived = None, [], []
    for claim in claims:
        before = preference.since if preference else None
        preference, changes = follow(preference, claim, resumed_at=stored(arrived))
        for change in changes:
            if change.is_earlier_start:
                ledger = [each for each in ledger if not (each.at == before and each.granted is change.granted)]
            ledger.append(change)
        arrived += claim
    return preference, ledger


def test_a_repeat_is_no_act():
    _, acts = acts_after([[seen(1, YES)], [seen(2, YES)], [seen(3, YES), seen(4, YES)]])

    assert acts == [Change(at(1), YES)]


def test_a_change_is_an_act():
    _, acts = acts_after([[seen(1, YES), seen(2, NO)], [seen(3, NO)], [seen(4, YES)]])

    assert [(act.at, act.granted) for act in acts] == [(at(1), YES), (at(2), NO), (at(4), YES)]


def test_a_decision_told_by_an_event_of_its_own_is_an_act_even_as_a_repeat():
    _, acts = acts_after([[seen(1, YES)], [seen(2, YES, is_stated=True)]])

    assert acts == [Change(at(1), YES), Change(at(2), YES, is_stated=True)]


def test_an_earlier_sighting_takes_the_place_of_the_act_it_precedes():
    _, acts = acts_after([[seen(5, YES)], [seen(1, YES)]])

    assert [(act.at, act.granted) for act in acts] == [(at(1), YES)]


def test_a_late_denial_in_the_middle_splits_the_run():
    preference, acts = acts_after([[seen(1, YES), seen(3, YES), seen(5, YES)], [seen(2, NO)]])

    assert {(act.at, act.granted) for act in acts} == {(at(1), YES), (at(2), NO), (at(3), YES)}
    assert preference.granted and preference.since == at(3)


def test_a_category_left_out_is_a_refusal_only_where_a_yes_came_before():
    _, never_agreed = acts_after([[seen(1, NO, is_left_out=True)]])
    _, agreed = acts_after([[seen(1, YES)], [seen(2, NO, is_left_out=True)]])

    assert never_agreed == []
    assert [(act.at, act.granted) for act in agreed] == [(at(1), YES), (at(2), NO)]


sightings = st.lists(st.builds(seen, st.integers(0, 8), st.booleans()), min_size=1, max_size=9)


@settings(max_examples=500, deadline=None)
@given(sightings, st.randoms(), st.integers(1, 4))
def test_the_current_run_is_the_same_whatever_the_order_and_the_claims(history, random, size):
    in_order, _ = acts_after([sorted(history, key=lambda each: (each.at, not each.granted))])
    shuffled = history + history[: len(history) // 2]
    random.shuffle(shuffled)

    any_order, ledger = acts_after([shuffled[start : start + size] for start in range(0, len(shuffled), size)])

    assert (any_order.granted, any_order.since) == (in_order.granted, in_order.since)
    latest = max(ledger, key=lambda each: (each.at, not each.granted))
    assert (latest.granted, latest.at) == (in_order.granted, in_order.since)
