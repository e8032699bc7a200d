"""Senders as SDKs are: several at once, each sends a batch again until it is told that it was taken."""

import threading
import time
from collections.abc import Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime

import httpx

from tests.faults.traffic import Event
from tests.outages import Product

SENDERS = 4
_TRIES = 400
_PAUSE = 0.2
#: What a request may be answered while servers come and go; anything else is a defect.
TURNED_AWAY = frozenset({429, 503})


def send(running: Product, batches: Iterable[list[Event]], *, senders: int = SENDERS) -> int:
    """Deliver every batch; return how many requests had to be sent again."""
    waiting = _Shared(iter(batches))

    def work() -> int:
        with _client(running) as client:
            return sum(_deliver(client, batch) for batch in waiting)

    with ThreadPoolExecutor(senders) as pool:
        return sum(each.result() for each in [pool.submit(work) for _ in range(senders)])


def deliver(running: Product, batch: list[Event]) -> int:
    """Deliver one batch; return how often it had to be sent again."""
    with _client(running) as client:
        return _deliver(client, batch)


def _client(running: Product) -> httpx.Client:
    return httpx.Client(base_url=running.base_url, auth=(running.write_key, ""), timeout=10, trust_env=False)


def _deliver(client: httpx.Client, batch: list[Event]) -> int:
    for attempt in range(_TRIES):
        try:
            answer = client.post("/v1/batch", json={"batch": batch, "sentAt": datetime.now(UTC).isoformat()})
        except httpx.TransportError:
            time.sleep(_PAUSE)
            continue
        if answer.status_code == 200:
            return attempt
        assert answer.status_code in TURNED_AWAY, f"{answer.status_code} {answer.text[:300]}"
        assert int(answer.headers["Retry-After"]) > 0
        time.sleep(_PAUSE)  # sooner than asked: the run shall not wait
    raise AssertionError("a batch was refused for too long")


class _Shared:
    """An iterator that several threads take from."""

    def __init__(self, items: Iterator[list[Event]]) -> None:
        self._items = items
        self._lock = threading.Lock()

    def __iter__(self) -> Iterator[list[Event]]:
        return self

    def __next__(self) -> list[Event]:
        with self._lock:
            return next(self._items)
