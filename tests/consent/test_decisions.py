"""Who may use what: precedence among entries, and the decision each legal basis makes of it."""

from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from consent.decisions import NOWHERE, Act, Assurance, Operation, Outcome, decide, stand
from consent.terms import LegalBasis, Terms

NOON = datetime(2026, 3, 1, 12, tzinfo=UTC)
GRANT, DENY, WITHDRAW = Operation.GRANT, Operation.DENY, Operation.WITHDRAW
CLIENT, SERVER = Assurance.CLIENT, Assurance.SERVER


def act(minute, operation, *, name="a", assurance=SERVER, until=None, supersedes=None):
    return Act(
        purpose="marketing",
        entry=minute * 100 + ord(name[0]),
        hash=name.encode(),
        operation=operation,
        occurred_at=NOON + timedelta(minutes=minute),
        assurance=assurance,
        until=None if until is None else NOON + timedelta(minutes=until),
        supersedes=supersedes.encode() if supersedes else None,
    )


def terms(basis=LegalBasis.CONSENT, *, server_only=False):
    return Terms(key="marketing", version=1, title="Marketing", legal_basis=basis, server_only=server_only)


def outcome(*acts, basis=LegalBasis.CONSENT, server_only=False, now=60):
    moment = NOON + timedelta(minutes=now)
    return decide(
        purpose="marketing", terms=terms(basis, server_only=server_only), standing=stand(acts), now=moment
    ).outcome


@pytest.mark.parametrize(
    ("acts", "expected"),
    [
        ([], Outcome.GAP),
        ([act(1, GRANT)], Outcome.ALLOWED),
        ([act(1, DENY)], Outcome.REFUSED),
        ([act(1, GRANT), act(2, WITHDRAW, name="b")], Outcome.REFUSED),
        ([act(2, GRANT), act(1, WITHDRAW, name="b")], Outcome.ALLOWED),
        ([act(1, GRANT), act(1, DENY, name="b")], Outcome.REFUSED),
        ([act(1, DENY), act(1, GRANT, name="z")], Outcome.REFUSED),
        ([act(1, GRANT, until=60)], Outcome.REFUSED),
        ([act(1, GRANT, until=61)], Outcome.ALLOWED),
    ],
    ids=[
        "no record is a gap",
        "a grant allows",
        "a denial refuses",
        "the later withdrawal wins",
        "the later grant wins",
        "at the same instant the refusal wins",
        "whatever its hash",
        "a grant does not hold at its end",
        "a grant holds until its end",
    ],
)
def test_consent_is_decided_by_the_latest_act(acts, expected):
    assert outcome(*acts) is expected


def test_a_purpose_that_is_not_live_is_a_gap():
    decision = decide(purpose="marketing", terms=None, standing=stand([act(1, GRANT)]), now=NOON)

    assert decision.outcome is Outcome.GAP
    assert "no live version" in decision.reason


def test_a_grant_by_a_browser_does_not_count_where_only_a_server_is_believed():
    assert outcome(act(1, GRANT, assurance=CLIENT), server_only=True) is Outcome.GAP
    assert outcome(act(1, GRANT), act(2, GRANT, name="b", assurance=CLIENT), server_only=True) is Outcome.ALLOWED


def test_a_refusal_by_a_browser_counts_everywhere():
    assert outcome(act(1, GRANT), act(2, DENY, name="b", assurance=CLIENT), server_only=True) is Outcome.REFUSED


@pytest.mark.parametrize("basis", [LegalBasis.CONTRACT, LegalBasis.LEGAL_OBLIGATION, LegalBasis.VITAL_INTERESTS])
def test_what_rests_on_another_basis_needs_no_consent_and_knows_no_objection(basis):
    assert outcome(basis=basis) is Outcome.ALLOWED
    assert outcome(act(1, DENY), basis=basis) is Outcome.ALLOWED


@pytest.mark.parametrize("basis", [LegalBasis.LEGITIMATE_INTEREST, LegalBasis.PUBLIC_TASK])
def test_a_person_may_object_to_what_rests_on_an_interest(basis):
    assert outcome(basis=basis) is Outcome.ALLOWED
    assert outcome(act(1, DENY), basis=basis) is Outcome.REFUSED
    assert outcome(act(1, DENY), act(2, GRANT, name="b"), basis=basis) is Outcome.ALLOWED


def test_the_reason_names_the_purpose_and_the_day():
    decision = decide(purpose="marketing", terms=terms(), standing=stand([act(1, WITHDRAW)]), now=NOON)

    assert decision.reason == "Consent was withdrawn on 2026-03-01 12:01 UTC (purpose “marketing”)."


def test_a_superseded_entry_does_not_count_at_its_own_time():
    """The browser said yes at 5; a late event shows that it had said so at 1, before the withdrawal at 3."""
    acts = [act(5, GRANT, name="late"), act(3, WITHDRAW, name="b"), act(1, GRANT, name="true", supersedes="late")]

    assert outcome(*acts) is Outcome.REFUSED


def test_where_somebody_stood_is_asked_for_a_moment_of_the_past():
    acts = [act(1, GRANT), act(5, WITHDRAW, name="b")]

    assert stand(acts, at=NOON).act is None
    assert stand(acts, at=NOON + timedelta(minutes=4)).act.operation is GRANT
    assert stand(acts, at=NOON + timedelta(minutes=5)).act.operation is WITHDRAW


histories = st.lists(
    st.builds(
        act,
        st.integers(0, 5),
        st.sampled_from(list(Operation)),
        name=st.text("abcdef", min_size=1, max_size=6),
        assurance=st.sampled_from(list(Assurance)),
    ),
    max_size=8,
    unique_by=lambda each: each.hash,
)


@given(histories, st.randoms())
def test_arrival_order_and_repeats_change_nothing(acts, random):
    shuffled = acts + acts[: len(acts) // 2]
    random.shuffle(shuffled)

    assert stand(shuffled) == stand(acts)


def test_nobody_stands_anywhere_at_first():
    assert stand([]) == NOWHERE
