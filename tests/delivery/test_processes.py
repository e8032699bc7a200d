"""The running product tells a real receiver: a flash sale, a killed process, and a rule that is retired.

CDP_FLASH_SALE=5000 is the size of the promise; the suite runs a tenth of it.
"""

import json
import os
import time
from collections import Counter
from collections.abc import Iterator
from typing import Any

import pytest
from standardwebhooks import Webhook

from segments.models import Delivery, DeliveryAttempt, Outbox
from tests.delivery.receiver import Receiver, receiving
from tests.journeys.rest import eventually, go_live, person, send
from tests.running import Running

PEOPLE = int(os.environ.get("CDP_FLASH_SALE", "500"))
KILLS = int(os.environ.get("CDP_DELIVERY_KILLS", "2"))
SALE = {"event": "Sale Viewed", "measure": "count", "op": ">=", "value": 1, "within": "1d"}
QUEUE = SALE | {"event": "Queue Joined"}
AGREED = {"consent": {"categoryPreferences": {"marketing": True}}}


@pytest.fixture(scope="module")
def loopback(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Receiver]:
    """A receiver, and the product's leave to reach it, given before it starts."""
    with pytest.MonkeyPatch.context() as patch, receiving(tmp_path_factory.mktemp("sale") / "log") as receiver:
        patch.setenv("CDP_DELIVERY_ALLOW", "127.0.0.1")
        patch.setenv("CDP_DELIVERY_TIMEOUT_SECONDS", "2")
        yield receiver


@pytest.fixture(scope="module")
def product(loopback: Receiver, running: Running) -> Running:
    send(running, *_views("teacher", 1, agreed=False), *_views("usher", 1, "Queue Joined", agreed=False))
    go_live(running, "sale", SALE)
    go_live(running, "queue", QUEUE)
    return running


def _views(name: str, count: int, event: str = "Sale Viewed", *, agreed: bool = True) -> list[dict[str, Any]]:
    context = {"context": AGREED} if agreed else {}
    return [
        {"type": "track", "event": event, "userId": f"{name}-{n}", "messageId": f"{name}-{n}"} | context
        for n in range(count)
    ]


def _destination(running: Running, key: str, url: str, **content: Any) -> str:
    """Bring a destination to life over REST, with two people; return its secret."""
    author, approver = person(running, "author"), person(running, "approver")
    given = {"url": url, "purpose": "marketing", "segments": ["sale"], "what": ["entered", "left"], "rate": 1_000}
    made = author.post(
        "/v1/governance/destinations", json={"key": key, "name": key.title(), "content": given | content}
    )
    assert made.status_code == 201, made.text
    issued = person(running, "administrator").post(f"/v1/governance/destinations/{key}/secrets")
    assert issued.status_code == 201, issued.text
    version = author.post(f"/v1/governance/destinations/{key}/versions/1/submit").json()
    told = approver.post(
        f"/v1/governance/destinations/{key}/versions/1/approve",
        json={"comment": "fine", "content_hash": version["content_hash"]},
    )
    assert told.status_code == 200, told.text
    secret: str = issued.json()["secret"]
    return secret


def _eventually(holds: Any, *, seconds: float) -> None:
    until = time.monotonic() + seconds
    while not holds():
        assert time.monotonic() < until, Counter(Delivery.objects.values_list("state", "reason"))
        time.sleep(0.1)


def test_in_a_flash_sale_everybody_s_entry_is_told_once_and_everybody_s_exit_when_the_rule_is_retired(
    product: Running, loopback: Receiver
) -> None:
    secret = _destination(product, "shop", loopback.url("/ok/shop"))
    began = time.monotonic()
    views = _views("visitor", PEOPLE)
    for start in range(0, PEOPLE, 500):
        send(product, *views[start : start + 500])
    _eventually(lambda: len(loopback.received("/ok/shop")) >= PEOPLE, seconds=60 + PEOPLE / 50)
    took = time.monotonic() - began

    received = loopback.received("/ok/shop")
    people = {json.loads(sent["body"])["data"]["person"] for sent in received}
    assert (len(received), len(set(loopback.ids("/ok/shop"))), len(people)) == (PEOPLE,) * 3
    verifier = Webhook(secret)
    assert {verifier.verify(sent["body"], sent["headers"])["type"] for sent in received} == {"profile.segment.entered"}
    sent = DeliveryAttempt.objects.filter(destination__key="shop", kind="sent")
    assert sent.count() == PEOPLE and not sent.filter(consent_entry_id=None).exists()
    assert Outbox.objects.count() == 0
    print(f"\nflash sale: {PEOPLE} people entered and were told of once each, {took:.1f} s from the first event")

    told = person(product, "approver").post("/v1/governance/segments/sale/retire", json={"comment": "over"})
    assert told.status_code == 200, told.text
    _eventually(lambda: len(loopback.received("/ok/shop")) >= 2 * PEOPLE, seconds=60 + PEOPLE / 50)
    exits = [json.loads(one["body"]) for one in loopback.received("/ok/shop")[PEOPLE:]]
    assert {one["type"] for one in exits} == {"profile.segment.left"}
    assert {one["data"]["person"] for one in exits} == people


def test_a_process_that_is_killed_while_it_delivers_loses_nothing(product: Running, loopback: Receiver) -> None:
    """At least once, each under one id; what was under way at the kill is the only thing that may come twice."""
    _destination(product, "slow", loopback.url("/slow/1"), segments=["queue"])
    count = 100
    send(product, *_views("patient", count, "Queue Joined"))
    for _ in range(KILLS):
        seen = len(loopback.received("/slow"))
        eventually(lambda seen=seen: len(loopback.received("/slow")) > seen)
        product.kill("delivery")
    _eventually(lambda: _done() == count, seconds=90)

    ids = Counter(loopback.ids("/slow"))
    known = {
        f"msg_{one.hex}"
        for one in Delivery.objects.filter(destination__key="slow").values_list("message_id", flat=True)
    }
    assert set(ids) == known and len(known) == count
    twice = sum(1 for times in ids.values() if times > 1)
    interrupted = DeliveryAttempt.objects.filter(destination__key="slow", result__reason="interrupted").count()
    assert interrupted > 0 and twice <= interrupted
    print(f"\n{KILLS} kills: {count} messages, {interrupted} attempts cut off, {twice} messages came twice, 0 lost")


def _done() -> int:
    return Delivery.objects.filter(destination__key="slow", state="delivered").count()


def test_the_outbox_is_read_and_the_worker_says_that_it_lives(product: Running) -> None:
    with product.client() as client:
        assert eventually(lambda: client.get("/healthz").json()["delivery"] == "ok")


def test_every_attempt_is_told_over_rest_page_by_page(product: Running) -> None:
    client = person(product, "viewer") if "viewer" in product.logins else person(product, "author")
    first = client.get("/v1/destinations/slow/attempts", params={"limit": 50}).json()
    rest = client.get("/v1/destinations/slow/attempts", params={"limit": 1_000, "cursor": first["next"]}).json()

    every = first["attempts"] + rest["attempts"]
    assert len(every) == DeliveryAttempt.objects.filter(destination__key="slow").count()
    assert rest["next"] is None
    assert {one["outcome"] for one in every} == {"delivered", "failed"}
    assert all(one["consent_entry"].startswith("c_") for one in every)
    assert client.get("/v1/destinations/slow/attempts", params={"cursor": "?"}).status_code == 400
