"""Every REST view charges its caller: applications by their key, people by name, strangers by address."""

from typing import Any

from django.utils import timezone
from rest_framework.request import Request
from rest_framework.throttling import BaseThrottle

from cdp import limits
from cdp.api.authentication import KeyUser
from cdp.limits import Standing


class PerCaller(BaseThrottle):
    """REST framework's own throttles count in a cache, where calls at once overtake each other; these do not."""

    def allow_request(self, request: Request, view: Any) -> bool:
        standing = _charged(request)
        view.headers.update(standing.headers())  # what goes out with every answer of this view
        if not standing.allowed:
            raise standing.refusal()
        return True


def _charged(request: Request) -> Standing:
    now, user = timezone.now(), request.user
    if isinstance(user, KeyUser):
        return limits.spend(key=user.facts, policy=limits.reads(), now=now)
    if user.is_authenticated:
        subject = f"person:{user.pk}"
    else:
        subject = limits.stranger(request.META.get("REMOTE_ADDR", ""))
    return limits.charge(subject=subject, policy=limits.requests(), now=now)
