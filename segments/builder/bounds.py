"""What a question of the builder may take: somebody waits for it, and asks the next one a second later."""

from collections.abc import Iterator
from contextlib import contextmanager

from django.db import OperationalError, connection, transaction

from cdp.outages import state_of

_QUERY_CANCELLED = "57014"


class TookTooLong(Exception):
    """The database was asked for more than fits into the time that was given."""


@contextmanager
def at_most(seconds: float) -> Iterator[None]:
    """Let no statement inside take longer. Raises TookTooLong."""
    try:
        with transaction.atomic():
            with connection.cursor() as cursor:
                cursor.execute(f"SET LOCAL statement_timeout = {int(seconds * 1000)}")
            yield
            with connection.cursor() as cursor:
                cursor.execute("SET LOCAL statement_timeout TO DEFAULT")  # the transaction around may go on
    except OperationalError as error:
        if state_of(error) != _QUERY_CANCELLED:
            raise
        raise TookTooLong from None
