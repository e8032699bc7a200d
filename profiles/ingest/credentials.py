"""Who sends: the write key, looked for in the order that existing clients need."""

import base64
import binascii
from datetime import datetime

from django.http import HttpRequest

from cdp import api_keys, tokens
from cdp.api_keys import KeyFacts
from cdp.models import KeyKind, Scope
from profiles.ingest.bodies import BodyRefused, OpenedBody, key_inside
from profiles.ingest.inbox import Sender
from profiles.models.source import SourceKind


def in_headers(request: HttpRequest) -> str:
    """Return the key that the headers state, or nothing. A header wins over the body: Jitsu masks its body's key.

    A bearer token that is no key of ours is an OAuth token, as Segment takes them: the key is then in the body.
    """
    scheme, _, credentials = request.META.get("HTTP_AUTHORIZATION", "").partition(" ")
    if scheme.lower() == "bearer" and tokens.parse(credentials.strip()):
        return str(credentials.strip())
    if scheme.lower() == "basic":
        try:
            name, _, _ = base64.b64decode(credentials, validate=True).decode().partition(":")
        except (binascii.Error, ValueError):
            raise BodyRefused(401, "invalid_authorization", "The Authorization header is not valid Basic.") from None
        return name
    return str(request.META.get("HTTP_X_WRITE_KEY", "")).partition(":")[0]  # Jitsu's keys are "id:secret"


def in_body(request: HttpRequest, opened: OpenedBody) -> str:
    """Return the key that the body, the query or the first event states."""
    return (
        opened.write_key or request.GET.get("writeKey", "") or (key_inside(opened.events[0]) if opened.events else "")
    )


def admit(token: str, *, now: datetime) -> KeyFacts:
    """Return what is known of a key that may send events. Raises BodyRefused."""
    if not token:
        raise BodyRefused(401, "missing_write_key", "No write key: send it as the user of Basic authorization.")
    key = api_keys.authenticate(token, now=now)
    if key is None:
        raise BodyRefused(401, "unknown_write_key", "The write key is unknown, revoked or expired.")
    if not key.may(Scope.INGEST_WRITE):
        raise BodyRefused(401, "not_a_write_key", "This key may not send events.")
    return key


def sender(request: HttpRequest, key: KeyFacts) -> Sender:
    """Return whose events these are. Sec-GPC and the address are the person's only when a browser sends them."""
    ip = request.META.get("REMOTE_ADDR") or None
    if key.kind != KeyKind.PUBLIC:
        return Sender(source=key.source, kind=SourceKind.SERVER, key_id=key.id, ip=ip)
    gpc = request.META.get("HTTP_SEC_GPC") == "1"
    return Sender(source=key.source, kind=SourceKind.BROWSER, key_id=key.id, gpc=gpc, ip=ip)
