"""How many rows, without reading them all."""

from dataclasses import dataclass

from django.db import connection
from django.db.models import QuerySet


@dataclass(frozen=True, slots=True)
class Size:
    """A number of rows; `exact` is False where it stands for "about" or "more than"."""

    rows: int
    exact: bool

    def __str__(self) -> str:
        return f"{self.rows:,}" if self.exact else f"about {self.rows:,}"


def size_of(queryset: QuerySet, *, exact_up_to: int = 10_000) -> Size:
    """Count the rows up to a limit; past it, answer with the planner's estimate, which is free."""
    counted = queryset.order_by()[: exact_up_to + 1].count()
    if counted <= exact_up_to:
        return Size(counted, exact=True)
    with connection.cursor() as cursor:
        statement, parameters = queryset.order_by().values("pk").query.sql_with_params()
        cursor.execute(f"EXPLAIN (FORMAT JSON) {statement}", parameters)
        plan = cursor.fetchone()[0][0]["Plan"]
    return Size(max(int(plan["Plan Rows"]), counted), exact=False)
