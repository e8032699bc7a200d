"""Telling a database that is away from one that says no: the first is asked again, the second is a defect."""

from django.db import DatabaseError, InterfaceError, OperationalError

#: SQLSTATE classes of what passes: connection, resources, operator intervention, rollback, object in use.
_PASSING = frozenset({"08", "53", "57", "40", "55"})
#: Where a standby is asked to write, or a primary that has just been made one.
_READ_ONLY = "25006"


def is_passing(error: Exception) -> bool:
    """Say whether the database was away, full, stopped or in a rivalry, which no request is to blame for.

    A connection that is cut in the middle of an answer has no SQLSTATE at all, and psycopg2 raises a plain
    DatabaseError for it, not an OperationalError. Other kinds without a state are mistakes in our own statements.
    """
    state = state_of(error)
    if state is not None:
        return state[:2] in _PASSING or state == _READ_ONLY
    return isinstance(error, OperationalError | InterfaceError) or type(error) is DatabaseError


def state_of(error: Exception) -> str | None:
    """Return PostgreSQL's SQLSTATE of an error, None where it gave none."""
    state: str | None = getattr(error.__cause__, "pgcode", None)
    return state
