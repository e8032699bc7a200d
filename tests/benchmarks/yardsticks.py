"""What the product is measured against, in the same web server and behind the same middleware."""

from django.db import connection
from django.http import HttpRequest, HttpResponse
from django.urls import include, path
from django.utils import timezone
from django.views.decorators.csrf import csrf_exempt

from cdp import api_keys

_CONSTANT: dict[int, bytes] = {}


@csrf_exempt
def one_row(request: HttpRequest) -> HttpResponse:
    """(a) Commit the bytes of the request as one row and answer, nothing else."""
    with connection.cursor() as cursor:
        cursor.execute("INSERT INTO yardstick_row (body) VALUES (%s)", [request.body])
    return HttpResponse(b'{"success":true}', content_type="application/json")


def constant(request: HttpRequest, size: int) -> HttpResponse:
    """(c) Check the key and answer a constant of the size of a profile."""
    token = request.headers.get("Authorization", "").removeprefix("Bearer ")
    if api_keys.authenticate(token, now=timezone.now()) is None:
        return HttpResponse(status=401)
    return HttpResponse(_CONSTANT.setdefault(size, b"x" * size), content_type="application/json")


urlpatterns = [
    path("yardstick/row", one_row),
    path("yardstick/constant/<int:size>", constant),
    path("", include("cdp.urls")),
]
