"""Write down what came of attempts: delivered, due again, given up; and how the destination does."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from itertools import groupby

from django.db import connection, transaction

from cdp.copying import columns
from segments.delivery import counting, switching
from segments.delivery.claiming import Request
from segments.delivery.fanning import SAME
from segments.delivery.schedule import Answer, Outcome, next_try, patience, rest
from segments.models import DeliveryLane, DeliveryState

_LOST = Answer(status=None, reason="interrupted", milliseconds=0)
_RECLAIMED_AT_ONCE = 500


@dataclass(frozen=True, slots=True)
class Done:
    """A request that ended, with what came back."""

    request: Request
    answer: Answer


@dataclass(frozen=True, slots=True)
class _Next:
    """What becomes of a message: its state, when it is due, and why."""

    state: DeliveryState
    due_at: datetime | None
    reason: str


@transaction.atomic
def settle(*, done: Sequence[Done], now: datetime) -> None:
    """Record results and move the messages on. An attempt that was given up for lost meanwhile changes nothing."""
    for destination_id, group in groupby(
        sorted(done, key=lambda each: each.request.destination_id), key=lambda each: each.request.destination_id
    ):
        _settle_destination(destination_id, list(group), now=now)


def _settle_destination(destination_id: int, done: Sequence[Done], *, now: datetime) -> None:
    lane = DeliveryLane.objects.select_for_update().get(pk=destination_id)
    following = [_following(each.request.made, each.answer, now=now) for each in done]
    results, moves = [], []
    for each, after in zip(done, following, strict=True):
        request, answer = each.request, each.answer
        results.append((request.attempt_id, answer.outcome.value, answer.status, answer.reason, answer.detail,
                        answer.milliseconds, after.due_at))  # fmt: skip
        moves.append((request.delivery_id, request.number, after.state.value, after.due_at, after.reason))
    with connection.cursor() as cursor:
        cursor.execute(_RESULTS, [now, *columns(results)])
        cursor.execute(_MOVE, [now, *columns(moves)])
        ended = cursor.fetchall()
    for outcome in sorted({state for state, _ in ended if state not in ("pending", "superseded")}):
        reasons = [reason for state, reason in ended if state == outcome]
        counting.count(destination_id=destination_id, outcome=outcome, reasons=reasons, now=now)
    _note_health(lane, done, now=now)
    if any(each.answer.outcome is Outcome.GONE for each in done):
        switching.gone(destination_id=destination_id, now=now)


def _following(made: int, answer: Answer, *, now: datetime) -> _Next:
    match answer.outcome:
        case Outcome.DELIVERED:
            return _Next(DeliveryState.DELIVERED, None, "accepted")
        case Outcome.GONE:
            return _Next(DeliveryState.DEAD, None, "gone")
        case Outcome.FAILED:
            due = next_try(made=made, answer=answer, now=now)
            return _Next(DeliveryState.PENDING if due else DeliveryState.DEAD, due, answer.reason)


def _note_health(lane: DeliveryLane, done: Sequence[Done], *, now: datetime) -> None:
    """One that answers well is well; one that fails is asked by one request at a time, and ever more rarely."""
    if any(each.answer.outcome is Outcome.DELIVERED for each in done):
        lane.failures, lane.failing_since, lane.paused_until = 0, None, None
    else:
        lane.failures += len(done)
        lane.failing_since = lane.failing_since or now
        lane.paused_until = rest(failures=lane.failures, now=now)
    asked = [until for each in done if (until := patience(each.answer, now=now)) is not None]
    if asked:
        lane.paused_until = max(*asked, lane.paused_until or now)
    lane.save(update_fields=["failures", "failing_since", "paused_until"])


@transaction.atomic
def reclaim(*, now: datetime) -> int:
    """Give back what a lost worker had under way: its attempts count, and the same messages go out again."""
    with connection.cursor() as cursor:
        cursor.execute(_EXPIRED, {"now": now, "most": _RECLAIMED_AT_ONCE})
        rows = cursor.fetchall()
        if not rows:
            return 0
        results, moves = [], []
        for delivery_id, number, before, attempt_id in rows:
            after = _following(number - before, _LOST, now=now)
            results.append((attempt_id, Outcome.FAILED.value, None, _LOST.reason, "", None, after.due_at))
            moves.append((delivery_id, number, after.state.value, after.due_at, after.reason))
        cursor.execute(_RESULTS, [now, *columns(results)])
        cursor.execute(_MOVE, [now, *columns(moves)])
    return len(rows)


_RESULTS = """
INSERT INTO delivery_result (at, attempt_id, outcome, status, reason, detail, milliseconds, next_try_at)
SELECT %s, t.* FROM unnest(%s::bigint[], %s::text[], %s::smallint[], %s::text[], %s::text[], %s::int[],
                           %s::timestamptz[]) AS t
    ON CONFLICT (attempt_id) DO NOTHING
"""
# A message that is to be tried again is not, where a later change of the same person and segment waits already.
_MOVE = f"""
UPDATE delivery d
   SET state = after.state, reason = after.reason, due_at = coalesce(after.due_at, d.due_at), leased_until = NULL,
       closed_at = CASE WHEN after.state = 'pending' THEN NULL ELSE %s END, replaced_by = after.later
  FROM (SELECT t.id, t.number, t.due_at, later.id AS later,
               CASE WHEN t.state = 'pending' AND later.id IS NOT NULL THEN 'superseded' ELSE t.state END AS state,
               CASE WHEN t.state = 'pending' AND later.id IS NOT NULL THEN 'overtaken' ELSE t.reason END AS reason
          FROM unnest(%s::bigint[], %s::int[], %s::text[], %s::timestamptz[], %s::text[])
               AS t (id, number, state, due_at, reason)
          JOIN delivery own ON own.id = t.id
          LEFT JOIN LATERAL (
               SELECT max(l.id) AS id FROM delivery l
                WHERE t.state = 'pending' AND {SAME.format("l", "own")} AND l.id > own.id AND l.state = 'pending'
               ) later ON true) after
 WHERE d.id = after.id AND d.state = 'sending' AND d.attempts = after.number
RETURNING d.state, d.reason
"""
_EXPIRED = """
SELECT d.id, d.attempts, d.attempts_before, a.id
  FROM delivery d JOIN delivery_attempt a ON a.delivery_id = d.id AND a.number = d.attempts
 WHERE d.state = 'sending' AND d.leased_until <= %(now)s
 LIMIT %(most)s FOR NO KEY UPDATE OF d SKIP LOCKED
"""
