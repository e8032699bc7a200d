"""The stated workload: 20,000 people, 200,000 events of about 600 bytes, 20 named rules, always the same bytes."""

import json
import random
import uuid
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from typing import Any

PEOPLE = 20_000
EVENTS = 200_000
BATCH = 100
SPAN_DAYS = 90
SEED = 20261

COUNTRIES = ["DE", "AT", "FR", "GB", "US", "NL", "PL", "SE"]
PLANS = ["free", "basic", "pro", "enterprise"]
CATEGORIES = ["shoes", "coats", "books", "garden", "toys", "audio"]
NAMES = ["Product Viewed"] * 11 + ["Page Viewed"] * 4 + ["Cart Created"] * 2 + ["Order Completed"] * 2 + ["Search"]


def _count(event: str, op: str, value: int, **more: Any) -> dict[str, Any]:
    return {"event": event, "measure": "count", "op": op, "value": value, **more}


def _spent(op: str, value: int, **more: Any) -> dict[str, Any]:
    return {"event": "Order Completed", "measure": "sum", "of": "revenue", "op": op, "value": value, **more}


def _category(name: str) -> dict[str, Any]:
    return {"all": [{"property": "category", "op": "=", "value": name}]}


RULES: dict[str, dict[str, Any]] = {
    "buyers": _count("Order Completed", ">=", 1),
    "frequent-buyers": _count("Order Completed", ">=", 3),
    "recent-buyers": _count("Order Completed", ">=", 1, within="30d"),
    "big-spenders": _spent(">", 500, within="90d"),
    "spenders-ever": _spent(">", 200),
    "browsing-week": _count("Product Viewed", ">", 3, within="7d"),
    "shoe-lovers": _count("Product Viewed", ">=", 2, within="30d", where=_category("shoes")),
    "book-lovers": _count("Product Viewed", ">=", 2, where=_category("books")),
    "searchers": _count("Search", ">=", 1, within="14d"),
    "carts-open": {
        "all": [_count("Cart Created", ">=", 1, within="7d"), _count("Order Completed", "=", 0, within="7d")]
    },
    "dormant": {"all": [_count("Page Viewed", "=", 0, within="30d"), _count("Order Completed", ">=", 1)]},
    "germans": {"trait": "country", "op": "=", "value": "DE"},
    "dach": {"trait": "country", "op": "in", "value": ["DE", "AT"]},
    "paying": {"trait": "plan", "op": "in", "value": ["pro", "enterprise"]},
    "adults-30-50": {"trait": "age", "op": "between", "value": [30, 50]},
    "free-and-buying": {"all": [{"trait": "plan", "op": "=", "value": "free"}, _count("Order Completed", ">=", 2)]},
    "not-pro": {"not": {"trait": "plan", "op": "=", "value": "pro"}},
    "dach-or-rich": {"any": [{"trait": "country", "op": "in", "value": ["DE", "AT"]}, _spent(">", 800)]},
    "viewers-who-never-buy": {"all": [_count("Product Viewed", ">=", 5), _count("Order Completed", "=", 0)]},
    "home-visitors": _count(
        "Page Viewed", ">=", 1, within="30d", where={"all": [{"property": "path", "op": "=", "value": "/home"}]}
    ),
}
assert len(RULES) == 20


def identifies(*, end: datetime) -> Iterator[dict[str, Any]]:
    """One identify per person; they come before the events and are not part of the 200,000."""
    chance = random.Random(SEED)
    for number in range(PEOPLE):
        yield {
            "type": "identify",
            "messageId": str(uuid.UUID(int=chance.getrandbits(128))),
            "userId": f"u_{number}",
            "timestamp": _stamp(end - timedelta(days=SPAN_DAYS)),
            "traits": {
                "country": chance.choice(COUNTRIES),
                "plan": chance.choice(PLANS),
                "age": chance.randint(18, 80),
                "email": f"u_{number}@example.com",
            },
        }


def events(*, end: datetime) -> Iterator[dict[str, Any]]:
    """The 200,000 events, spread over `SPAN_DAYS` before `end`, oldest people and newest mixed."""
    chance = random.Random(SEED + 1)
    span = SPAN_DAYS * 86_400
    for _ in range(EVENTS):
        name = chance.choice(NAMES)
        yield {
            "type": "track",
            "event": name,
            "messageId": str(uuid.UUID(int=chance.getrandbits(128))),
            "userId": f"u_{chance.randrange(PEOPLE)}",
            "timestamp": _stamp(end - timedelta(seconds=chance.randrange(1, span))),
            "properties": {
                "product_id": f"sku-{chance.randrange(5000)}",
                "category": chance.choice(CATEGORIES),
                "path": chance.choice(["/home", "/list", "/product", "/cart"]),
                "revenue": round(chance.lognormvariate(4, 0.8), 2),
                "currency": "EUR",
                "quantity": chance.randint(1, 5),
            },
            "context": {
                "library": {"name": "analytics-python", "version": "2.4.0"},
                "page": {"url": f"https://shop.example.com/p/{chance.randrange(5000)}", "referrer": ""},
                "locale": "de-DE",
                "userAgent": "Mozilla/5.0 (X11; Linux x86_64) AppleWebKit/537.36 Chrome/120.0 Safari/537.36",
            },
        }


def batches(items: Iterator[dict[str, Any]], *, sent_at: datetime, size: int = BATCH) -> list[bytes]:
    """Group items into request bodies."""
    bodies, batch = [], []
    for item in items:
        batch.append(item)
        if len(batch) == size:
            bodies.append(_body(batch, sent_at))
            batch = []
    if batch:
        bodies.append(_body(batch, sent_at))
    return bodies


def _body(batch: list[dict[str, Any]], sent_at: datetime) -> bytes:
    return json.dumps({"batch": batch, "sentAt": _stamp(sent_at)}, separators=(",", ":")).encode()


def _stamp(moment: datetime) -> str:
    return moment.astimezone(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")
