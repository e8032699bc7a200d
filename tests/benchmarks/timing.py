"""How long a request took inside the web process, told in a header: a page without its way to the client."""

import time
from collections.abc import Callable

from django.http import HttpRequest, HttpResponse

HEADER = "X-Server-Seconds"


def timed(get_response: Callable[[HttpRequest], HttpResponse]) -> Callable[[HttpRequest], HttpResponse]:
    """Stand outermost, so that every other middleware is counted."""

    def middleware(request: HttpRequest) -> HttpResponse:
        started = time.perf_counter()
        response = get_response(request)
        response[HEADER] = f"{time.perf_counter() - started:.6f}"
        return response

    return middleware
