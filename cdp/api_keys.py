"""Keys of applications: issue, rotate, revoke, authenticate.

The token is told once, when it is issued. A name holds at most two live keys, so that an application can change over:
issue the second, deploy it, revoke the first.
"""

import hmac
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime, timedelta

from django.db import connection, transaction
from django.db.models import Q

from cdp import tokens
from cdp.models import ApiKey, KeyKind, Scope, User
from cdp.models.api_key import PUBLIC_SCOPES
from cdp.problems import FieldError

#: How long this process may go on believing in a key after it was revoked elsewhere.
BELIEVED_FOR = timedelta(seconds=1)
_MOST_REMEMBERED = 4096


@dataclass(frozen=True, slots=True)
class KeyFacts:
    """All a door needs to know about the key that was shown."""

    id: int
    kind: KeyKind
    name: str
    scopes: frozenset[Scope]
    source: str
    purpose: str
    fields: tuple[str, ...]

    def may(self, scope: Scope) -> bool:
        return scope in self.scopes


class KeyRefused(Exception):
    """A key cannot be issued like this; `errors` name the fields."""

    code = "key_refused"

    def __init__(self, field: str, message: str) -> None:
        super().__init__(message)
        self.message = message
        self.errors = (FieldError(field, message),)


@dataclass(frozen=True, slots=True)
class _Believed:
    facts: KeyFacts | None
    expires_at: datetime | None
    since: datetime


# By keyed hash, so that a hit is proof of the secret and nothing in here is worth stealing.
_believed: dict[bytes, _Believed] = {}


@transaction.atomic
def issue(
    *,
    kind: KeyKind,
    name: str,
    scopes: Iterable[Scope],
    source: str = "",
    purpose: str = "",
    fields: tuple[str, ...] = (),
    by: User | None,
    now: datetime,
    expires_at: datetime | None = None,
) -> tuple[ApiKey, str]:
    """Issue a key and return it with its token, which nobody can read again. Raises KeyRefused."""
    kind, wanted = KeyKind(kind), frozenset(Scope(scope) for scope in scopes)
    _check(kind=kind, name=name, scopes=wanted, source=source, now=now, expires_at=expires_at)
    key = ApiKey(
        kind=kind,
        name=name,
        slot=_free_slot(name, now=now),
        scopes=sorted(wanted),
        source=source,
        purpose=purpose,
        fields=list(fields),
        created_by=by,
        created_at=now,
        expires_at=expires_at,
    )
    token = tokens.Token(kind.value, _next_id(), tokens.new_secret())
    key.pk, key.secret_hash = token.id, tokens.keyed_hash(token)
    key.save(force_insert=True)
    return key, str(token)


def rotate(*, key: ApiKey, by: User | None, now: datetime) -> tuple[ApiKey, str]:
    """Issue a second key with the same rights; the first stays live until it is revoked. Raises KeyRefused."""
    if key.revoked_at is not None:
        raise KeyRefused("key", "This key is revoked: issue a new one.")
    return issue(
        kind=KeyKind(key.kind),
        name=key.name,
        scopes=[Scope(scope) for scope in key.scopes],
        source=key.source,
        purpose=key.purpose,
        fields=tuple(key.fields),
        by=by,
        now=now,
    )


def revoke(*, key: ApiKey, by: User | None, now: datetime) -> None:
    """End a key: at once in this process, within a second in the others. Repeating it changes nothing."""
    ApiKey.objects.filter(pk=key.pk, revoked_at=None).update(revoked_at=now, revoked_by=by)
    key.refresh_from_db(fields=["revoked_at", "revoked_by"])
    _believed.clear()
    # Again once it is visible: a look-up between here and the commit would have believed the old row.
    transaction.on_commit(_believed.clear)


def authenticate(token: str, *, now: datetime) -> KeyFacts | None:
    """Say which key this token is, or None for any token that is not a live key's."""
    parsed = tokens.parse(token)
    if parsed is None or parsed.kind not in KeyKind.values:
        return None
    shown = tokens.keyed_hash(parsed)
    believed = _believed.get(shown)
    if believed is None or not timedelta(0) <= now - believed.since < BELIEVED_FOR:
        believed = _look_up(parsed, shown, now=now)
        if len(_believed) >= _MOST_REMEMBERED:
            _believed.clear()
        _believed[shown] = believed
    if believed.expires_at is not None and believed.expires_at <= now:
        return None
    return believed.facts


def _look_up(token: tokens.Token, shown: bytes, *, now: datetime) -> _Believed:
    key = ApiKey.objects.filter(pk=token.id, kind=token.kind, revoked_at=None).first()
    # Compared also when there is no such key, so that the time taken does not tell which ids exist.
    stored = bytes(key.secret_hash) if key else bytes(32)
    if not hmac.compare_digest(stored, shown) or key is None:
        return _Believed(None, None, now)
    facts = KeyFacts(
        id=key.pk,
        kind=KeyKind(key.kind),
        name=key.name,
        scopes=frozenset(Scope(scope) for scope in key.scopes),
        source=key.source,
        purpose=key.purpose,
        fields=tuple(key.fields),
    )
    return _Believed(facts, key.expires_at, now)


def _check(
    *, kind: KeyKind, name: str, scopes: frozenset[Scope], source: str, now: datetime, expires_at: datetime | None
) -> None:
    if not name.strip():
        raise KeyRefused("name", "Name the application that will hold the key.")
    if not scopes:
        raise KeyRefused("scopes", "A key without a scope opens nothing.")
    if kind == KeyKind.PUBLIC and scopes - set(PUBLIC_SCOPES):
        raise KeyRefused("scopes", "A public key may only send events and record consent: everybody can see it.")
    if Scope.INGEST_WRITE in scopes and not source:
        raise KeyRefused("source", "A key that sends events belongs to a source.")
    if expires_at is not None and expires_at <= now:
        raise KeyRefused("expires_at", "The key would have expired before it was issued.")


def _free_slot(name: str, *, now: datetime) -> int:
    live = ApiKey.objects.select_for_update().filter(name=name, revoked_at=None)
    # A key that has run out by itself holds no slot.
    live.filter(Q(expires_at__lte=now)).update(revoked_at=now)
    taken = set(live.values_list("slot", flat=True))
    free = {1, 2} - taken
    if not free:
        raise KeyRefused("name", f"{name} has two live keys already: revoke one first.")
    return min(free)


def _next_id() -> int:
    # The id is part of the token and so of the hash: it has to be known before the row is written.
    with connection.cursor() as cursor:
        cursor.execute("SELECT nextval(pg_get_serial_sequence(%s, 'id'))", [ApiKey._meta.db_table])
        return int(cursor.fetchone()[0])
