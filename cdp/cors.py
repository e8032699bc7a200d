"""Letting pages of any origin call a door that trusts a key and never a cookie."""

from django.http import HttpRequest, HttpResponse

# `*` does not cover Authorization, so every header that browsers' SDKs send is named.
_ALLOWED = (
    "accept, authorization, content-type, content-encoding, anonymousid, sentat, x-retry-count, x-write-key,"
    " if-none-match, rsa-retry-attempt, rsa-retry-reason, rsa-since-first-attempt, rsa-since-last-attempt"
)
# What an SDK cannot see it cannot obey: without Retry-After it comes back by its own clock. X-RateLimit-Reset stays
# hidden: servers' SDKs read a moment in it, some browsers' SDKs a number of seconds.
_EXPOSED = "Retry-After, ETag, RateLimit, RateLimit-Policy"
_PREFLIGHT_SECONDS = 600


def preflight(request: HttpRequest, *, methods: str) -> HttpResponse:
    """Answer OPTIONS."""
    answer = HttpResponse(status=204, headers={"Allow": f"{methods}, OPTIONS"})
    let_browsers_read(request, answer, methods=methods)
    return answer


def let_browsers_read(request: HttpRequest, answer: HttpResponse, *, methods: str) -> None:
    """Add the headers of CORS to an answer that may go to a page of any origin."""
    origin = request.META.get("HTTP_ORIGIN")
    if origin is None and request.method != "OPTIONS":
        return
    # A beacon carries cookies whether we want them or not, and then its origin has to be named. No door that calls this
    # reads a cookie, so naming whoever asks opens nothing.
    if origin is not None and request.META.get("HTTP_COOKIE"):
        answer["Access-Control-Allow-Origin"] = origin
        answer["Access-Control-Allow-Credentials"] = "true"
        answer["Vary"] = "Origin"
    else:
        answer["Access-Control-Allow-Origin"] = "*"
    answer["Access-Control-Allow-Methods"] = f"{methods}, OPTIONS"
    answer["Access-Control-Allow-Headers"] = _ALLOWED
    answer["Access-Control-Expose-Headers"] = _EXPOSED
    answer["Access-Control-Max-Age"] = str(_PREFLIGHT_SECONDS)
