"""What the door answers in the words of event SDKs: `success`, and with every refusal a `code` and a `message`."""

from datetime import datetime

from django.http import HttpResponse
from msgspec.json import encode

ACCEPTED = b'{"success": true}'


def accepted() -> HttpResponse:
    """Exactly 200: some clients take 202 and 204 for failures."""
    return HttpResponse(ACCEPTED, content_type="application/json")


def refused(status: int, code: str, message: str) -> HttpResponse:
    # Clients read both keys of any JSON error, and retry a hopeless request when one is absent.
    content = encode({"success": False, "code": code, "message": message})
    return HttpResponse(content, status=status, content_type="application/json")


def tell_when_to_come_back(answer: HttpResponse, *, seconds: int, now: datetime) -> None:
    answer["Retry-After"] = str(seconds)
    # Older clients of Segment for Node know this one alone, and read milliseconds since 1970 in it.
    answer["X-RateLimit-Reset"] = str(round(now.timestamp() * 1000) + seconds * 1000)
