"""The driver's own cursor, for the two statements of a profile read.

Django's cursor looks after logging, wrappers and time zones call by call. None of that is wanted in a statement that an
application waits for at every page, and it costs as much processor time as the statement itself.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from django.db import connections


@contextmanager
def plain_cursor(using: str) -> Iterator[Any]:
    """Open a cursor of the driver on a connection of Django's, within whatever transaction it is in.

    Raises the errors of django.db, as Django's own cursor does.
    """
    connection = connections[using]
    connection.ensure_connection()
    connection.validate_no_broken_transaction()
    with connection.wrap_database_errors, connection.connection.cursor() as cursor:
        yield cursor
