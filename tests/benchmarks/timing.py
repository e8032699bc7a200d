"""How long a request took inside the web process, told in two headers: a page without its way to the client."""

import time
from collections.abc import Callable

from django.http import HttpRequest, HttpResponse

WALL, CPU = "X-Server-Seconds", "X-Server-CPU-Seconds"


def timed(get_response: Callable[[HttpRequest], HttpResponse]) -> Callable[[HttpRequest], HttpResponse]:
    """Stand outermost, so that every other middleware is counted.

    A process works on one request at a time in one thread, so the thread's own clock is what the request cost it,
    whatever else the machine was doing; the wait for the database is only in the other.
    """

    def middleware(request: HttpRequest) -> HttpResponse:
        wall, cpu = time.perf_counter(), time.thread_time()
        response = get_response(request)
        response[CPU] = f"{time.thread_time() - cpu:.6f}"
        response[WALL] = f"{time.perf_counter() - wall:.6f}"
        return response

    return middleware
