"""How many messages ended how, per destination and day: added up as it happens."""

from collections import Counter
from collections.abc import Iterable
from datetime import datetime

from django.db import connection

_ADD = """
INSERT INTO delivery_count AS known (destination_id, day, outcome, reason, count) VALUES (%s, %s, %s, %s, %s)
    ON CONFLICT (destination_id, day, outcome, reason) DO UPDATE SET count = known.count + excluded.count
"""


def count(*, destination_id: int, outcome: str, reasons: Iterable[str], now: datetime) -> None:
    """Count one message for each reason given, in the transaction that ended them."""
    with connection.cursor() as cursor:
        for reason, number in sorted(Counter(reasons).items()):
            cursor.execute(_ADD, [destination_id, now.date(), str(outcome), reason, number])
