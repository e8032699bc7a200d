"""How much one caller may ask of the product in a minute: exact across processes, and told in every answer.

A window begins with its first call and lasts a minute. Its count lives in Valkey, where one script reads, compares and
adds in one step: of two hundred calls at once under a limit of N exactly N pass, whichever processes they reach.
"""

import hmac
import math
import os
import threading
from dataclasses import dataclass
from datetime import datetime, timedelta
from functools import cache

import redis
from django.conf import settings
from redis.backoff import NoBackoff
from redis.retry import Retry

from cdp.api_keys import KeyFacts
from cdp.problems import Problem
from cdp.pseudonyms import derived_key

WINDOW_SECONDS = 60
_PATIENCE_SECONDS = 0.2
_LEAVE_ALONE = timedelta(seconds=1)
_MOST_REMEMBERED = 10_000

# A cost above what is left is refused and not charged; above the whole limit it passes in an untouched window, or it
# could never pass at all.
_SPEND = """
local spent = tonumber(redis.call('GET', KEYS[1]) or '0')
local limit, cost, wished = tonumber(ARGV[1]), tonumber(ARGV[2]), tonumber(ARGV[3])
local left = redis.call('PTTL', KEYS[1])
if spent > 0 and spent + cost > limit then return {0, spent, left} end
local taken = math.max(cost, math.min(wished, limit - spent))
spent = redis.call('INCRBY', KEYS[1], taken)
if left < 0 then
    left = tonumber(ARGV[4])
    redis.call('PEXPIRE', KEYS[1], left)
end
return {taken, spent, left}
"""


@dataclass(frozen=True, slots=True)
class Policy:
    """So many of something per window; 0 is no limit. The name is what the RateLimit headers call it."""

    name: str
    limit: int
    window_seconds: int = WINDOW_SECONDS


@dataclass(frozen=True, slots=True)
class Standing:
    """Where a caller stands after one call. A refused call has cost nothing."""

    policy: Policy
    allowed: bool
    remaining: int
    reset_seconds: int

    @property
    def limit(self) -> int:
        return self.policy.limit

    def headers(self) -> dict[str, str]:
        """Return the RateLimit headers of the IETF's draft, with Retry-After on a refusal; none without a limit."""
        if not self.limit:
            return {}
        name = self.policy.name
        told = {
            "RateLimit-Policy": f'"{name}";q={self.limit};w={self.policy.window_seconds}',
            "RateLimit": f'"{name}";r={self.remaining};t={self.reset_seconds}',
        }
        return told if self.allowed else told | {"Retry-After": str(self.reset_seconds)}

    def refusal(self) -> Problem:
        """Return the problem to raise when the call is not allowed."""
        told = f"More than {self.limit} {self.policy.name} in {self.policy.window_seconds} seconds: wait."
        return Problem(429, "rate_limited", told, headers=self.headers())


def reads() -> Policy:
    """What applications ask for: profiles, segments, flags."""
    return Policy("reads", settings.CDP_READS_PER_MINUTE)


def requests() -> Policy:
    """What people and their scripts ask for."""
    return Policy("requests", settings.CDP_REQUESTS_PER_MINUTE)


def events() -> Policy:
    """What one write key may send."""
    return Policy("events", settings.CDP_EVENTS_PER_MINUTE)


def spend(*, key: KeyFacts, policy: Policy, now: datetime, cost: int = 1) -> Standing:
    """Charge an application for a call. Never raises: without Valkey each process counts for itself."""
    return charge(subject=f"key:{key.id}", policy=policy, now=now, cost=cost)


def stranger(address: str) -> str:
    """Return the subject that stands for an address; the address itself goes nowhere."""
    return f"address:{hmac.digest(derived_key('limits:address'), address.encode(), 'sha256').hex()[:20]}"


def charge(*, subject: str, policy: Policy, now: datetime, cost: int = 1) -> Standing:
    """Charge whoever the subject stands for. Never raises."""
    if not policy.limit:
        return Standing(policy, True, 0, policy.window_seconds)
    return _counter(os.getpid()).spend(f"cdp:limit:{policy.name}:{subject}", policy, now, cost)


@dataclass(slots=True)
class _Share:
    """What this process holds of one window: units already taken from it, and how many nobody has taken yet."""

    ends_at: datetime
    held: int
    unclaimed: int
    limit: int


# One round trip to Valkey is a seventh of a profile read. So a process takes a thousandth of a large limit at a time
# and spends that by itself: what passes never exceeds the limit, and what lies unspent in other processes at the end
# is a thousandth each. Below a limit of two thousand every single call asks, and the count is exact.
_PARTS = 1_000


class _Counter:
    """The windows as one process sees them."""

    def __init__(self) -> None:
        self._shares: dict[str, _Share] = {}
        self._one_at_a_time = threading.Lock()
        self._leave_alone_until: datetime | None = None
        self._valkey = redis.Redis.from_url(
            settings.REDIS_URL,
            socket_timeout=_PATIENCE_SECONDS,
            socket_connect_timeout=_PATIENCE_SECONDS,
            retry=Retry(NoBackoff(), 0),
        )
        self._script = self._valkey.register_script(_SPEND)

    def spend(self, name: str, policy: Policy, now: datetime, cost: int) -> Standing:
        with self._one_at_a_time:
            return self._spend(name, policy, now, cost)

    def _spend(self, name: str, policy: Policy, now: datetime, cost: int) -> Standing:
        share = self._shares.get(name)
        if share is not None and (share.ends_at <= now or share.limit != policy.limit):
            del self._shares[name]
            share = None
        if share is not None and share.held >= cost:
            share.held -= cost
            return _standing(policy, share, now, allowed=True)
        if self._leave_alone_until is None or now >= self._leave_alone_until:
            try:
                return self._ask(name, policy, now, cost, share)
            except redis.RedisError:
                self._leave_alone_until = now + _LEAVE_ALONE
        return self._alone(name, policy, now, cost, share)

    def _ask(self, name: str, policy: Policy, now: datetime, cost: int, share: _Share | None) -> Standing:
        wished = max(cost, policy.limit // _PARTS)
        taken, spent, left = self._script(keys=[name], args=[policy.limit, cost, wished, policy.window_seconds * 1000])
        self._leave_alone_until = None
        held = (share.held if share else 0) + max(0, taken - cost)
        found = _Share(now + timedelta(milliseconds=max(left, 1)), held, max(0, policy.limit - spent), policy.limit)
        if found.held:
            self._remember(name, found)
        return _standing(policy, found, now, allowed=taken > 0)

    # Without Valkey nobody can know what the other processes let pass. Each then lets pass the whole limit by itself:
    # a caller within it must not be refused because a server of ours is away.
    def _alone(self, name: str, policy: Policy, now: datetime, cost: int, share: _Share | None) -> Standing:
        if share is None or share.unclaimed:
            ends_at = now + timedelta(seconds=policy.window_seconds) if share is None else share.ends_at
            share = _Share(ends_at, policy.limit, 0, policy.limit)
            self._remember(name, share)
        allowed = cost <= share.held or share.held == policy.limit
        if allowed:
            share.held = max(0, share.held - cost)
        return _standing(policy, share, now, allowed=allowed)

    def _remember(self, name: str, share: _Share) -> None:
        if len(self._shares) >= _MOST_REMEMBERED:
            self._shares.clear()
        self._shares[name] = share


def _standing(policy: Policy, share: _Share, now: datetime, *, allowed: bool) -> Standing:
    reset = math.ceil((share.ends_at - now).total_seconds())
    return Standing(policy, allowed, share.held + share.unclaimed, max(1, reset))


@cache
def _counter(pid: int) -> _Counter:
    # By process: a socket that two processes share after a fork answers either of them.
    return _Counter()
