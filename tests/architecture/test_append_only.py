"""Tables that only grow: the grants and the triggers agree with what the migrations declare."""

import pytest
from django.db import DatabaseError, connection, connections, transaction

from cdp.append_only import declared

pytestmark = pytest.mark.django_db

EXPECTED = {"trait_value", "merge", "cdp_accessrecord", "consent_entry", "segment_decision"}


def test_the_tables_that_must_never_change_are_declared():
    assert declared >= EXPECTED


def test_the_application_may_only_insert_and_read_them():
    with connection.cursor() as cursor:
        for table in declared:
            cursor.execute(
                "SELECT privilege_type FROM information_schema.role_table_grants"
                " WHERE table_name = %s AND grantee = current_user",
                [table],
            )
            assert {name for (name,) in cursor.fetchall()} == {"SELECT", "INSERT"}, table


def test_the_application_runs_as_a_role_that_owns_nothing():
    with connection.cursor() as cursor:
        cursor.execute("SELECT current_user, count(*) FROM pg_class WHERE pg_get_userbyid(relowner) = current_user")
        role, owned = cursor.fetchone()
        assert (role, owned) == ("cdp_app", 0)
        cursor.execute("SELECT rolsuper OR rolcreaterole OR rolcreatedb FROM pg_roles WHERE rolname = current_user")
        assert cursor.fetchone() == (False,)


@pytest.mark.parametrize("statement", ["UPDATE {} SET id = id", "DELETE FROM {}", "TRUNCATE {} CASCADE"])
def test_even_the_owner_is_refused_outside_maintenance(statement, transactional_db):
    with connections["owner"].cursor() as cursor:
        cursor.execute(
            "INSERT INTO merge (winner_id, loser_id, at, reason, decided_by, identifier_type)"
            " VALUES (1, 2, now(), 'test', 'test', '')"
        )
        with pytest.raises(DatabaseError, match="append-only"), transaction.atomic(using="owner"):
            cursor.execute(statement.format("merge"))
