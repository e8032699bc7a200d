"""Take what is due for a destination: ask for consent, write the attempt down, and hand out what may leave.

One short transaction per destination, never with a request under way in it:

    1 hold the destination's lane: one taker at a time, and none waits for another
    2 take as many of the oldest due messages as the receiver may be sent now, no person's later before their earlier
    3 hold where these people stand on the destination's purpose, and decide
    4 write an attempt for each, with the consent entry it rests on; mark the messages as under way, or as withheld

The lock of step 3 is what makes a withdrawal final. A withdrawal writes that row: either it commits first, and the
decision sees it, or it waits until the attempt is written, and the attempt was before it. Nothing is taken that cannot
leave at once, so there is no queue behind the decision in which it could grow old.
"""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from cryptography.exceptions import InvalidTag
from django.conf import settings
from django.db import connection, transaction

from cdp.copying import array, columns
from cdp.governance.errors import ContentInvalid
from consent import projection
from consent.catalogue import live_purposes
from consent.decisions import NOWHERE, Decision, decide
from consent.terms import Terms as PurposeTerms
from profiles.identity import resolve
from segments.delivery import counting, signing, switching
from segments.delivery.content import Terms, What, read
from segments.delivery.messages import Message, headers
from segments.delivery.schedule import LONGEST_REST
from segments.models import AttemptKind, DeliveryLane, DeliveryState, DestinationSecret, DestinationVersion

#: Requests under way to one destination at most; to one that fails, a single one asks whether it is back.
MOST_UNDER_WAY = 16
_LEASE_BEYOND = timedelta(seconds=5)
_BURST_SECONDS = 1.0


class CannotSend(Exception):
    """A destination's content or secrets cannot be used as things are now; the message says why."""


@dataclass(frozen=True, slots=True)
class Request:
    """A message on its way out."""

    delivery_id: int
    attempt_id: int
    number: int
    made: int
    destination_id: int
    url: str
    headers: Mapping[str, str]
    body: bytes


@dataclass(frozen=True, slots=True)
class _Due:
    id: int
    attempts: int
    attempts_before: int
    message: Message


def destinations_with_due(*, now: datetime) -> list[int]:
    """Return the destinations that have something to send and may be sent to, the longest waiting first."""
    with connection.cursor() as cursor:
        cursor.execute(_WITH_DUE, {"now": now})
        return [number for (number,) in cursor.fetchall()]


@transaction.atomic
def claim(*, destination_id: int, most: int, now: datetime) -> list[Request]:
    """Take what may leave for one destination now, at most `most`; empty while somebody else is at it.

    Raises CannotSend.
    """
    lane = DeliveryLane.objects.select_for_update(skip_locked=True).filter(pk=destination_id).first()
    if lane is None or lane.off_since is not None or (lane.paused_until is not None and lane.paused_until > now):
        return []
    version = DestinationVersion.objects.filter(head=destination_id, state="live").select_related("head").first()
    if version is None:
        switching.cancel_waiting(destination_id=destination_id, now=now)
        return []
    terms = _terms(version.content)
    room = min(most, _room(lane, now=now), _refill(lane, rate=terms.rate, now=now))
    due = _due(destination_id, version.head.key, most=room, now=now) if room > 0 else []
    wanted = [each for each in due if _is_wanted(each.message, terms)]
    _cancel([each.id for each in due if not _is_wanted(each.message, terms)], now=now)
    requests = _send(wanted, version, terms, now=now)
    lane.tokens -= len(requests)
    lane.save(update_fields=["tokens", "refilled_at"])
    return requests


@transaction.atomic
def set_aside(*, destination_id: int, now: datetime) -> None:
    """Leave a destination alone for a while that cannot be sent to, for the others' sake."""
    lane = DeliveryLane.objects.select_for_update().get(pk=destination_id)
    lane.failures += 1
    lane.failing_since, lane.paused_until = lane.failing_since or now, now + LONGEST_REST
    lane.save(update_fields=["failures", "failing_since", "paused_until"])


def _terms(content: Any) -> Terms:
    try:
        return read(content)
    except ContentInvalid as error:  # what was allowed when it was approved is not any more
        raise CannotSend(error.message) from error


def _send(due: Sequence[_Due], version: Any, terms: Terms, *, now: datetime) -> list[Request]:
    """Decide about each, write the attempts, mark the messages; return what may leave."""
    if not due:
        return []
    purpose = live_purposes().get(terms.purpose)
    decisions = _decisions([each.message.profile_id for each in due], terms.purpose, purpose, now=now)
    attempts = _write_attempts(due, decisions, version, terms, purpose, now=now)
    allowed = [each for each in due if decisions[each.message.profile_id].is_allowed]
    withheld = [each for each in due if not decisions[each.message.profile_id].is_allowed]
    _mark_sending([each.id for each in allowed], now=now)
    _mark_withheld([(each.id, decisions[each.message.profile_id].code) for each in withheld], now=now)
    codes = [decisions[each.message.profile_id].code for each in withheld]
    counting.count(destination_id=version.head_id, outcome=DeliveryState.WITHHELD, reasons=codes, now=now)
    keys = _keys(version.head_id) if allowed else []
    return [_request(each, attempts[each.id], version.head_id, terms.url, keys, now=now) for each in allowed]


def _request(
    due: _Due, attempt_id: int, destination_id: int, url: str, keys: Sequence[bytes], *, now: datetime
) -> Request:
    message, body, stamp = due.message, due.message.body, int(now.timestamp())
    signed = signing.signature(message_id=message.id, timestamp=stamp, body=body, keys=keys)
    return Request(
        delivery_id=due.id,
        attempt_id=attempt_id,
        number=due.attempts + 1,
        made=due.attempts + 1 - due.attempts_before,
        destination_id=destination_id,
        url=url,
        headers=headers(message_id=message.id, timestamp=stamp, signature=signed),
        body=body,
    )


def _decisions(
    people: Collection[int], purpose: str, terms: PurposeTerms | None, *, now: datetime
) -> dict[int, Decision]:
    """Decide for each, as whoever they are by now: somebody who was merged stands where the other stands."""
    roots = {person: person for person in people} | resolve.roots(people)
    wanted = sorted(set(roots.values()))
    with connection.cursor() as cursor:
        cursor.execute(_HOLD_STANDING, [array(wanted), purpose])
    standings = projection.standings_of(wanted)
    return {
        person: decide(purpose=purpose, terms=terms, standing=standings.get(root, {}).get(purpose, NOWHERE), now=now)
        for person, root in roots.items()
    }


def _room(lane: DeliveryLane, *, now: datetime) -> int:
    """How many more may be under way to the destination."""
    with connection.cursor() as cursor:
        cursor.execute(_UNDER_WAY, [lane.pk, now])
        (under_way,) = cursor.fetchone()
    return (1 if lane.failures else MOST_UNDER_WAY) - int(under_way)


def _refill(lane: DeliveryLane, *, rate: int, now: datetime) -> int:
    """Add what the time since has earned, at most a second's worth; return how many may be sent."""
    passed = max(0.0, (now - lane.refilled_at).total_seconds())
    lane.tokens = min(max(1.0, rate * _BURST_SECONDS), lane.tokens + rate * passed)
    lane.refilled_at = now
    return int(lane.tokens)


def _due(destination_id: int, key: str, *, most: int, now: datetime) -> list[_Due]:
    with connection.cursor() as cursor:
        cursor.execute(_DUE, {"destination": destination_id, "now": now, "most": most})
        return [
            _Due(number, attempts, before, Message(message_id, key, profile_id, told, segment, version, tag, at))
            for number, attempts, before, message_id, profile_id, told, segment, version, tag, at in cursor.fetchall()
        ]


def _is_wanted(message: Message, terms: Terms) -> bool:
    """Whether the live version still sends this: what was approved last decides, also about what waits."""
    if message.tag:
        return What.TAGS in terms.what
    return message.segment in terms.segments and What(message.told) in terms.what


def _keys(destination_id: int) -> list[bytes]:
    live = DestinationSecret.objects.filter(destination=destination_id, revoked_at=None).order_by("-id")
    try:
        return [signing.unseal(bytes(secret.sealed), destination_id=destination_id) for secret in live]
    except InvalidTag as error:
        raise CannotSend("A signing secret was sealed under another root key.") from error


def _write_attempts(
    due: Sequence[_Due],
    decisions: Mapping[int, Decision],
    version: Any,
    terms: Terms,
    purpose: PurposeTerms | None,
    *,
    now: datetime,
) -> dict[int, int]:
    rows = []
    for each in due:
        decision = decisions[each.message.profile_id]
        kind = AttemptKind.SENT if decision.is_allowed else AttemptKind.WITHHELD
        rows.append((each.id, each.message.profile_id, each.attempts + 1, kind.value, decision.basis, decision.code,
                     decision.entry))  # fmt: skip
    shared = (version.head_id, version.pk, terms.purpose, purpose.version if purpose else None, now)
    with connection.cursor() as cursor:
        cursor.execute(_WRITE_ATTEMPTS, [*shared, *columns(rows)])
        return dict(cursor.fetchall())


def _mark_sending(ids: Sequence[int], *, now: datetime) -> None:
    leased_until = now + timedelta(seconds=settings.CDP_DELIVERY_TIMEOUT_SECONDS) + _LEASE_BEYOND
    with connection.cursor() as cursor:
        cursor.execute(
            "UPDATE delivery SET state = 'sending', attempts = attempts + 1, leased_until = %s, reason = ''"
            " WHERE id = ANY (%s::bigint[])",
            [leased_until, array(ids)],
        )


def _mark_withheld(codes: Sequence[tuple[int, str]], *, now: datetime) -> None:
    if codes:
        with connection.cursor() as cursor:
            cursor.execute(_WITHHOLD, [now, *columns(codes)])


def _cancel(ids: Sequence[int], *, now: datetime) -> None:
    if ids:
        with connection.cursor() as cursor:
            cursor.execute(
                "UPDATE delivery SET state = 'cancelled', reason = 'no_longer_sent', closed_at = %s"
                " WHERE id = ANY (%s::bigint[])",
                [now, array(ids)],
            )


_WITH_DUE = """
SELECT l.destination_id
  FROM delivery_lane l
 CROSS JOIN LATERAL (SELECT due_at FROM delivery WHERE destination_id = l.destination_id AND state = 'pending'
                        AND due_at <= %(now)s ORDER BY due_at LIMIT 1) first
 WHERE l.off_since IS NULL AND (l.paused_until IS NULL OR l.paused_until <= %(now)s)
 ORDER BY first.due_at
"""
_UNDER_WAY = "SELECT count(*) FROM delivery WHERE destination_id = %s AND state = 'sending' AND leased_until > %s"
_DUE = """
SELECT d.id, d.attempts, d.attempts_before, d.message_id, d.profile_id, d.told, s.key, v.number, d.tag, d.at
  FROM delivery d JOIN segment s ON s.id = d.segment_id JOIN segment_version v ON v.id = d.version_id
 WHERE d.destination_id = %(destination)s AND d.state = 'pending' AND d.due_at <= %(now)s AND NOT EXISTS (
       SELECT FROM delivery earlier WHERE earlier.destination_id = d.destination_id
          AND earlier.profile_id = d.profile_id AND earlier.id < d.id AND earlier.state IN ('pending', 'sending'))
 ORDER BY d.due_at, d.id LIMIT %(most)s
   FOR NO KEY UPDATE OF d SKIP LOCKED
"""
_HOLD_STANDING = """
SELECT FROM consent_state WHERE profile_id = ANY (%s::bigint[]) AND purpose = %s ORDER BY profile_id FOR SHARE
"""
_WRITE_ATTEMPTS = """
INSERT INTO delivery_attempt (destination_id, destination_version_id, purpose, purpose_version, at,
                              delivery_id, profile_id, number, kind, basis, code, consent_entry_id)
SELECT %s, %s, %s, %s, %s, t.*
  FROM unnest(%s::bigint[], %s::bigint[], %s::int[], %s::text[], %s::text[], %s::text[], %s::bigint[]) AS t
RETURNING delivery_id, id
"""
_WITHHOLD = """
UPDATE delivery d SET state = 'withheld', attempts = attempts + 1, closed_at = %s, reason = t.code
  FROM unnest(%s::bigint[], %s::text[]) AS t (id, code) WHERE d.id = t.id
"""
