"""Is it up: one answer for load balancers and people, with what is wrong in it."""

from datetime import datetime

import redis
from django.conf import settings
from django.db import DatabaseError, connection
from django.http import HttpRequest, JsonResponse
from django.urls import path
from django.utils import timezone

from cdp.models import Heartbeat

#: A worker that has not beaten for this long is called dead: four beats of `cdp.heartbeat`.
WORKER_SILENCE_SECONDS = 20


def beat(*, name: str, now: datetime) -> None:
    """Say that a kind of worker takes work."""
    Heartbeat.objects.update_or_create(name=name, defaults={"at": now})


def worker_silence(*, now: datetime, name: str = "worker") -> float | None:
    """Return the seconds since a worker of this kind last beat, None when none ever did."""
    last = Heartbeat.objects.filter(name=name).values_list("at", flat=True).first()
    return (now - last).total_seconds() if last else None


def healthz(request: HttpRequest) -> JsonResponse:
    """Answer 200 while the database answers: without Redis and workers events are still accepted durably."""
    state: dict[str, object] = {"status": "ok", "database": "ok", "redis": _redis_state()}
    try:
        with connection.cursor() as cursor:
            cursor.execute("SELECT 1")
        silence = worker_silence(now=timezone.now())
        state["worker"] = _told(silence)
        state["worker_silence_seconds"] = silence
        state["delivery"] = _told(worker_silence(now=timezone.now(), name="delivery"))
    except DatabaseError:
        state |= {"status": "unavailable", "database": "unreachable"}
    response = JsonResponse(state, status=200 if state["status"] == "ok" else 503)
    if response.status_code == 503:
        response["Retry-After"] = "5"
    return response


def _told(silence: float | None) -> str:
    return "never seen" if silence is None else "ok" if silence < WORKER_SILENCE_SECONDS else "silent"


def _redis_state() -> str:
    client = redis.Redis.from_url(settings.REDIS_URL, socket_timeout=0.5, socket_connect_timeout=0.5)
    try:
        client.ping()
    except redis.RedisError:
        return "unreachable"
    finally:
        client.close()
    return "ok"


urlpatterns = [path("healthz", healthz, name="healthz")]
