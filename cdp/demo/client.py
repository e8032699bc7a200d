"""How the sample shop speaks to the product: keys for its machines, a session for its people, patience for both."""

import time
from collections.abc import Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from itertools import islice
from typing import Any

import httpx

from cdp.demo.visits import Event

BATCH = 100
SENDERS = 3  # the web server has two processes; the third request waits while one is answered
_TRIES = 40
_PAUSE, _LONGEST_PAUSE = 0.2, 3.0


class Refused(RuntimeError):
    """The product did not do what was asked; the message is its answer."""


class NotThere(Refused):
    """The product has no such thing."""


class Door:
    """One way into the product: an address and whatever lets its holder in."""

    def __init__(self, base_url: str, *, key: str = "") -> None:
        self.http = httpx.Client(base_url=base_url, auth=(key, "") if key else None, timeout=30, trust_env=False)

    def __enter__(self) -> "Door":
        return self

    def __exit__(self, *failure: object) -> None:
        self.http.close()

    def get(self, path: str, **query: str | int) -> Any:
        return self.fetch(path, **query).json()

    def find(self, path: str, **query: str | int) -> Any | None:
        """Return what is there, None where nothing is."""
        try:
            return self.get(path, **query)
        except NotThere:
            return None

    def fetch(self, path: str, **query: str | int) -> httpx.Response:
        return self._ask(self.http.build_request("GET", path, params=query))

    def post(self, path: str, body: Any, *, once: str = "") -> Any:
        """Send JSON (None: no body) and return the answer's. What is sent twice with the same `once` is done once."""
        headers = {"Idempotency-Key": f'"{once}"'} if once else {}
        return self._ask(self.http.build_request("POST", path, json=body, headers=headers)).json()

    def _ask(self, request: httpx.Request) -> httpx.Response:
        """Send the request until it is answered, waiting where the product asks for it; raises Refused."""
        pause = _PAUSE
        for _ in range(_TRIES):
            try:
                response = self.http.send(request)
            except httpx.TransportError as failure:
                answer = repr(failure)
            else:
                if response.is_success:
                    return response
                answer = f"{response.status_code} {response.text[:500]}"
                if response.status_code not in {429, 502, 503, 504}:
                    break
                pause = float(response.headers.get("Retry-After", pause))
            time.sleep(min(pause, _LONGEST_PAUSE))
            pause *= 1.5
        failure_kind = NotThere if answer.startswith("404") else Refused
        raise failure_kind(f"{request.method} {request.url.path}: {answer}")


def send(door: Door, batches: Iterable[list[Event]]) -> Iterator[int]:
    """Deliver every batch, a few at a time; yield the number of events in each once it is accepted."""

    def deliver(batch: list[Event]) -> int:
        door.post("/v1/batch", {"batch": batch})
        return len(batch)

    with ThreadPoolExecutor(SENDERS) as pool:
        yield from pool.map(deliver, batches)


def in_batches(events: Iterable[Event], *, size: int = BATCH) -> Iterator[list[Event]]:
    waiting = iter(events)
    while batch := list(islice(waiting, size)):
        yield batch


def as_person(base_url: str, *, username: str, password: str) -> Door:
    """Come in as a person does whose script works for them; raises Refused."""
    with Door(base_url) as door:
        given = door.post("/v1/tokens", {"username": username, "password": password, "name": "demo", "days": 1})
    return Door(base_url, key=given["token"])
