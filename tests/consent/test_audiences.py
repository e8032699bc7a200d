"""The decision for many people as SQL is the decision for one person: on random histories, purposes and moments."""

import pytest
from django.db import connection
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from cdp.governance import lifecycle
from consent import audiences, ledger, projection
from consent.catalogue import live_purposes
from consent.decisions import Assurance, Outcome, decide
from consent.models import Purpose
from consent.terms import LegalBasis
from tests.consent.conftest import at, origin_of, profile_of, statement, teller

pytestmark = pytest.mark.django_db

PURPOSES = {
    "any-word": {"legal_basis": "consent"},
    "server-word": {"legal_basis": "consent", "accepted_assurance": ["server"]},
    "running-out": {"legal_basis": "consent", "expires_after": "1h"},
    "server-running-out": {"legal_basis": "consent", "expires_after": "2h", "accepted_assurance": ["server"]},
    **{basis.value.replace("_", "-"): {"legal_basis": basis.value} for basis in LegalBasis},
}


@pytest.fixture
def purposes(publish):
    for key, content in PURPOSES.items():
        publish(key, title=key, **content)
    head = publish("retired", title="Retired", legal_basis="consent")
    return head, publish.approver


acts = st.lists(
    st.tuples(
        st.sampled_from([ledger.grant, ledger.deny, ledger.withdraw]),
        st.integers(0, 90),
        st.sampled_from(list(Assurance)),
        st.sampled_from([*PURPOSES, "retired"]),
    ),
    max_size=10,
)


def test_decision_equals_audience(purposes):
    """Random people with random histories, each looked at for each purpose at several moments."""
    people = {}
    number = iter(range(10**6))

    @settings(
        max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture], database=None
    )
    @given(acts)
    def somebody(history):
        origin = origin_of("user_id", f"u{next(number)}")
        for verb, minute, assurance, purpose in history:
            verb(statement=statement(origin, purpose, minute=minute), told_by=teller(assurance), now=at(91))
        people[profile_of(origin)] = history

    somebody()
    head, approver = purposes
    lifecycle.retire(head=Purpose.objects.get(pk=head.pk), comment="Enough.", by=approver, now=at(91))
    live, compared = live_purposes(), set()
    for purpose in [*PURPOSES, "retired", "unheard-of"]:
        for minute in (0, 59, 60, 100, 149, 150, 211):
            many = audiences.outcomes(purpose=purpose, profile_ids=people, now=at(minute))
            for person in people:
                standing = projection.standing_of(person, purpose)
                one = decide(purpose=purpose, terms=live.get(purpose), standing=standing, now=at(minute))
                assert many[person] is one.outcome, (purpose, minute, people[person], one)
                compared.add(one.outcome)
    assert compared == set(Outcome)


@pytest.mark.parametrize(
    ("purpose", "assurance", "expected"),
    [
        ("any-word", Assurance.CLIENT, True),
        ("server-word", Assurance.SERVER, True),
        ("server-word", Assurance.CLIENT, None),
        ("running-out", Assurance.SERVER, True),
    ],
)
def test_a_rule_reads_whether_a_grant_decides_and_until_when(purposes, purpose, assurance, expected):
    ann = origin_of("user_id", "ann")
    ledger.grant(statement=statement(ann, purpose), told_by=teller(assurance), now=at(1))

    granted, until = columns(profile_of(ann), purpose)
    assert granted is expected
    assert until == (at(60) if purpose == "running-out" else None)


def test_a_rule_reads_false_after_a_withdrawal_and_nothing_for_a_purpose_that_is_not_live(purposes):
    ann = origin_of("user_id", "ann")
    ledger.withdraw(statement=statement(ann, "any-word"), told_by=teller(), now=at(1))
    ledger.grant(statement=statement(ann, "retired"), told_by=teller(), now=at(1))
    head, approver = purposes
    lifecycle.retire(head=Purpose.objects.get(pk=head.pk), comment="Enough.", by=approver, now=at(2))

    assert columns(profile_of(ann), "any-word") == (False, None)
    assert columns(profile_of(ann), "retired") == (None, None)


def columns(profile_id, purpose):
    expressions = ", ".join(column.postgres_sql for column in audiences.consent_columns(purpose))
    with connection.cursor() as cursor:
        cursor.execute(f"SELECT {expressions} FROM profile p WHERE p.id = %s".replace("%(", "%%("), [profile_id])
        return cursor.fetchone()
