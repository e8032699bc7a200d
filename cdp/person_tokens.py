"""Tokens with which a person's own scripts act as that person, with the roles that the person has and no others."""

import hmac
from datetime import datetime

from django.db import connection

from cdp import tokens
from cdp.models import PersonToken, User

KIND = "pt"


def issue(*, user: User, name: str, now: datetime, expires_at: datetime) -> tuple[PersonToken, str]:
    """Issue a token to the person who asks for it, and to nobody else: it approves in that person's name."""
    token = tokens.Token(KIND, _next_id(), tokens.new_secret())
    row = PersonToken.objects.create(
        pk=token.id,
        user=user,
        name=name,
        secret_hash=tokens.keyed_hash(token),
        created_at=now,
        expires_at=expires_at,
    )
    return row, str(token)


def revoke(*, token: PersonToken, now: datetime) -> None:
    PersonToken.objects.filter(pk=token.pk, revoked_at=None).update(revoked_at=now)
    token.refresh_from_db(fields=["revoked_at"])


def authenticate(token: str, *, now: datetime) -> User | None:
    """Say whose token this is, or None for any token that is not a live one of an active person."""
    parsed = tokens.parse(token)
    if parsed is None or parsed.kind != KIND:
        return None
    row = (
        PersonToken.objects.select_related("user")
        .filter(pk=parsed.id, revoked_at=None, expires_at__gt=now, user__is_active=True)
        .first()
    )
    stored = bytes(row.secret_hash) if row else bytes(32)
    if not hmac.compare_digest(stored, tokens.keyed_hash(parsed)) or row is None:
        return None
    return row.user


def _next_id() -> int:
    with connection.cursor() as cursor:
        cursor.execute("SELECT nextval(pg_get_serial_sequence(%s, 'id'))", [PersonToken._meta.db_table])
        return int(cursor.fetchone()[0])
