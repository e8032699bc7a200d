"""Unmodified Python clients against the running product, in health and through an outage."""

from collections.abc import Callable, Iterator
from typing import Any

import pytest

from tests.clients.counting_proxy import CountingProxy, counting_proxy
from tests.clients.proof import EVENTS, Outage
from tests.outages import Product, product


@pytest.fixture(scope="module")
def running_product(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Product]:
    with product(tmp_path_factory.mktemp("clients")) as running:
        yield running


@pytest.fixture
def proxy(running_product: Product) -> Iterator[CountingProxy]:
    with counting_proxy(running_product.base_url) as counting:
        yield counting


class SegmentClient:
    """segment-analytics-python."""

    name = "segment"

    def __init__(self, key: str, host: str) -> None:
        from segment.analytics.client import Client

        self.errors: list[Any] = []
        self.client = Client(
            key,
            host=host,
            max_queue_size=EVENTS * 2,
            upload_size=100,
            on_error=lambda error, items: self.errors.append(error),
        )

    def track(self, user: str, number: int) -> str:
        accepted, message = self.client.track(user, "Order Completed", {"revenue": number / 100})
        assert accepted
        return str(message["messageId"])

    def finish(self) -> None:
        self.client.flush()
        self.client.shutdown()


class RudderClient(SegmentClient):
    """rudder-sdk-python."""

    name = "rudder"

    def __init__(self, key: str, host: str) -> None:
        from rudderstack.analytics.client import Client

        self.errors = []
        self.client = Client(
            key,
            host=host,
            max_queue_size=EVENTS * 2,
            upload_size=100,
            on_error=lambda error, items: self.errors.append(error),
        )


def _send(client: SegmentClient, *, between: Callable[[], None]) -> set[str]:
    sent = set()
    for number in range(EVENTS):
        if number == EVENTS // 2:
            between()
        sent.add(client.track(f"{client.name}-{number % 200}", number))
    client.finish()
    return sent


def _stored(running: Product, client: SegmentClient) -> list[str]:
    rows = running.query(
        "SELECT e.message_id FROM events e JOIN identifier i USING (origin_id)"
        " WHERE i.type = 'user_id' AND i.value LIKE %s",
        f"{client.name}-%",
    )
    return [message_id for (message_id,) in rows]


@pytest.mark.parametrize("kind", [SegmentClient, RudderClient], ids=lambda kind: kind.name)
def test_a_healthy_product_is_never_asked_twice(kind, running_product, proxy):
    client = kind(running_product.write_key, proxy.url)
    before = set(_stored(running_product, client))
    sent = _send(client, between=lambda: None)
    running_product.wait_until_applied()
    stored = _stored(running_product, client)
    assert len(stored) == len(set(stored))
    assert set(stored) - before == sent
    assert set(proxy.statuses) == {200}
    assert proxy.repeats == 0
    assert proxy.delivered == sent
    assert not client.errors
    assert running_product.totals()["duplicate"] == 0


@pytest.mark.parametrize("kind", [SegmentClient, RudderClient], ids=lambda kind: kind.name)
def test_every_event_arrives_once_through_an_outage_in_the_middle(kind, running_product, proxy):
    client = kind(running_product.write_key, proxy.url)
    before = set(_stored(running_product, client))
    outage = Outage(running_product)
    sent = _send(client, between=outage.begin)
    outage.wait()
    running_product.wait_until_applied()
    stored = _stored(running_product, client)
    assert len(stored) == len(set(stored))
    assert set(stored) - before == sent
    assert proxy.statuses[503] > 0, "the outage was not noticed: nothing was proven"
    assert set(proxy.statuses) <= {200, 503}
    totals = running_product.totals()
    assert totals["accepted"] == totals["stored"] + totals["duplicate"] + totals["rejected"] + totals["pending"]
    assert totals["rejected"] == totals["pending"] == 0
