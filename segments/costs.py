"""What each live rule costs: every rule timed alone, over the same few hundred people picked at random.

Lanes judge all rules in one statement, and no database tells which part of a statement its time went to. So a rule is
run by itself now and then, and what it takes is kept beside it: the figure finds the one rule among two hundred that
makes everybody wait. It leaves out what rules share in a lane, so the sum over all rules is more than a lane's time.
"""

import time
from datetime import datetime, timedelta

from django.db import connection, transaction

from segments import rulebook
from segments.judging import compiled
from segments.models import RuleCost
from segments.rulebook import LiveRule

PEOPLE = 500
#: A rule is measured anew after this long, and at once when another version went live.
GOOD_FOR = timedelta(minutes=30)
_PAGES_WITH_ENOUGH = 4

# By whole pages of the table, which costs the same however many people there are.
_SOME_PEOPLE = """
SELECT id FROM profile TABLESAMPLE SYSTEM (
           (SELECT least(100, 100.0 * %s * %s / greatest(reltuples, 1)) FROM pg_class WHERE oid = 'profile'::regclass))
 WHERE merged_into IS NULL LIMIT %s
"""


def measure(*, now: datetime, seconds: float) -> int:
    """Time the rules whose figure is missing, of another version or old, for about so long; return how many."""
    known = {cost.segment_id: cost for cost in RuleCost.objects.all()}
    with transaction.atomic():
        rulebook.hold()
        book = rulebook.current()
    RuleCost.objects.exclude(segment_id__in=book.everything).delete()
    wanted = [live for live in book.rules if _is_due(known.get(live.segment_id), live, now=now)]
    people = some_people() if wanted else []
    started, measured = time.monotonic(), 0
    for live in wanted:
        if not people or (measured and time.monotonic() - started > seconds):
            break  # at least one, or a rule that takes longer than the share would never be known
        cost = {"version_id": live.version_id, "people": len(people), "measured_at": now}
        RuleCost.objects.update_or_create(
            segment_id=live.segment_id, defaults=cost | {"seconds": _seconds(live, book, people, now=now)}
        )
        measured += 1
    return measured


def _is_due(cost: RuleCost | None, live: LiveRule, *, now: datetime) -> bool:
    return cost is None or cost.version_id != live.version_id or cost.measured_at <= now - GOOD_FOR


def some_people() -> list[int]:
    """Return some hundred people picked at random: fewer where there are no more."""
    with connection.cursor() as cursor:
        cursor.execute(_SOME_PEOPLE, [PEOPLE, _PAGES_WITH_ENOUGH, PEOPLE])
        return [profile_id for (profile_id,) in cursor.fetchall()]


def _seconds(live: LiveRule, book: rulebook.Rulebook, people: list[int], *, now: datetime) -> float:
    """Return the shorter of two runs: the first may have had to fetch pages that a lane finds in memory."""
    decided = compiled({live.key: live.rule}, catalogue=book.catalogue, leaves=False).sql
    return min(_run(decided, people, now=now) for _ in range(2))


def _run(decided: str, people: list[int], *, now: datetime) -> float:
    with connection.cursor() as cursor:
        started = time.perf_counter()
        cursor.execute(f"SELECT count(*) FROM ({decided}) AS decided", {"ids": people, "now": now})
        return time.perf_counter() - started
