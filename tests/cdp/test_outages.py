import pytest
from django.db import DatabaseError, OperationalError, connection, transaction

from cdp.outages import is_passing
from cdp.problems import exception_handler


def _raised(kind: type[Exception], cause: Exception | None) -> Exception:
    error = kind("told")
    error.__cause__ = cause
    return error


def test_a_connection_cut_in_the_middle_of_an_answer_has_no_state_and_passes():
    assert is_passing(_raised(DatabaseError, None))
    assert is_passing(_raised(OperationalError, None))


@pytest.mark.django_db
def test_what_the_database_itself_refuses_does_not_pass():
    with pytest.raises(DatabaseError) as refused, connection.cursor() as cursor:
        cursor.execute("SELECT 1 / 0")
    assert not is_passing(refused.value)


@pytest.mark.django_db
def test_a_lock_that_is_not_to_be_had_passes():
    with pytest.raises(DatabaseError) as refused, connection.cursor() as cursor:
        cursor.execute("DO $$ BEGIN RAISE EXCEPTION 'busy' USING ERRCODE = 'lock_not_available'; END $$")
    assert is_passing(refused.value)


@pytest.mark.django_db(transaction=True)
def test_a_standby_that_is_asked_to_write_passes():
    with pytest.raises(DatabaseError) as refused, transaction.atomic(), connection.cursor() as cursor:
        cursor.execute("SET TRANSACTION READ ONLY")
        cursor.execute("DELETE FROM touched")
    assert is_passing(refused.value)


def test_rest_answers_503_while_the_database_is_away():
    away = exception_handler(_raised(OperationalError, None), {})
    assert away is not None and (away.status_code, away["Retry-After"]) == (503, "2")


@pytest.mark.django_db
def test_rest_raises_a_defect():
    with pytest.raises(DatabaseError) as refused, connection.cursor() as cursor:
        cursor.execute("SELECT 1 / 0")
    assert exception_handler(refused.value, {}) is None
