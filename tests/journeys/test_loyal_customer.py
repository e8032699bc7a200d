"""More than 5 purchases in the last month put a tag on the customer, and it goes with them."""

from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import uuid4

import httpx
import pytest

from tests.journeys.rest import approved, eventually, person, send
from tests.running import Running

MONTH = timedelta(days=30)
LOYAL = {"event": "Order Completed", "measure": "count", "op": ">", "value": 5, "within": "30d"}
PHONE = (
    "Mozilla/5.0 (Linux; Android 14; Pixel 8) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/124.0 Mobile Safari/537.36"
)


@pytest.fixture(autouse=True)
def _database(django_db_blocker: Any) -> Any:
    with django_db_blocker.unblock():
        yield


def bought(user: str, ago: timedelta) -> dict[str, Any]:
    at = (datetime.now(UTC) - ago).isoformat()
    order = {"type": "track", "event": "Order Completed", "userId": user, "messageId": uuid4().hex, "timestamp": at}
    return order | {"context": {"userAgent": PHONE, "timezone": "Europe/Berlin"}}


def read(app: httpx.Client, user: str, **query: str) -> dict[str, Any]:
    answer = app.get(f"/v1/profiles/user_id:{user}", params=query)
    return answer.json() if answer.status_code == 200 else {}


def publish(running: Running, key: str, content: dict[str, Any]) -> None:
    author = person(running, "author")
    drafted = {"key": key, "name": key.title(), "content": content}
    assert eventually(lambda: author.post("/v1/governance/segments", json=drafted).status_code == 201)
    version = author.post(f"/v1/governance/segments/{key}/versions/1/submit").json()
    assert version["state"] == "review", version
    approved(person(running, "approver"), key, version)


def test_more_than_five_purchases_in_the_last_month_are_a_loyal_customer(running: Running) -> None:
    app = running.client(running.read_key)
    # The oldest of six leaves the month six seconds after it was sent.
    send(running, *(bought("loyal-lea", timedelta(days=day)) for day in range(1, 5)), bought("loyal-ole", MONTH / 2))
    assert eventually(lambda: read(app, "loyal-lea").get("event_count") == 4)
    publish(running, "loyal", {"rule": LOYAL, "tag": "Loyal Customer", "acknowledged": ["few_people"]})
    assert eventually(lambda: app.get("/v1/segments/loyal").json()["status"] == "ready")
    assert read(app, "loyal-lea")["tags"] == []

    sent = datetime.now(UTC)
    send(running, bought("loyal-lea", timedelta(0)), bought("loyal-lea", MONTH - timedelta(seconds=6)))
    told = eventually(lambda: read(app, "loyal-lea", include="tags").get("tags"))
    (tag,) = told
    assert (tag["tag"], tag["by"][0]["segment"], tag["by"][0]["version"]) == ("Loyal Customer", "loyal", 1)
    assert sent <= datetime.fromisoformat(tag["since"])
    assert read(app, "loyal-ole")["tags"] == []
    assert read(app, "loyal-lea")["traits"]["last_device_type"] == "mobile"

    assert eventually(lambda: read(app, "loyal-lea")["tags"] == [])
    assert datetime.now(UTC) - sent >= timedelta(seconds=6)
