import pytest
from django.db import DatabaseError, connection, transaction

from cdp import access
from cdp.access import Actor
from cdp.models import AccessRecord
from tests.cdp.conftest import NOW

pytestmark = pytest.mark.django_db


def recorded(*profile_ids):
    access.record(
        actor=Actor.system("test"),
        action="profile.read",
        profile_ids=profile_ids,
        purpose="marketing",
        fields=("country",),
        now=NOW,
        basis={"entry": 7},
    )


def test_a_read_is_recorded_with_its_ground():
    recorded(42)

    row = AccessRecord.objects.get()
    assert (row.actor_kind, row.actor_id, row.action, row.profile_id) == ("system", "test", "profile.read", 42)
    assert (row.purpose, row.fields, row.basis, row.at, row.outcome) == (
        "marketing",
        ["country"],
        {"entry": 7},
        NOW,
        "allowed",
    )


def test_an_audience_is_recorded_person_by_person_in_one_statement(django_assert_num_queries):
    with django_assert_num_queries(1):
        recorded(*range(1, 501))

    assert AccessRecord.objects.count() == 500


def test_an_action_about_no_one_in_particular_is_recorded_too():
    recorded()

    assert AccessRecord.objects.get().profile_id is None


def test_records_are_never_changed():
    recorded(1)
    for statement in ("UPDATE cdp_accessrecord SET actor_id = 'x'", "DELETE FROM cdp_accessrecord"):
        with pytest.raises(DatabaseError), transaction.atomic(), connection.cursor() as cursor:
            cursor.execute(statement)
