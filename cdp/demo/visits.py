"""One visit to the shop, as the events its web page would send. The history and the live visitors share it."""

from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from random import Random
from typing import Any

from cdp.demo import shop
from cdp.demo.people import Answer, Device, Person

Event = dict[str, Any]  # one event in the form the Segment HTTP tracking API takes

SHIPPING = 4.9


@dataclass(frozen=True, slots=True)
class Mood:
    """How likely a visitor is to go on, step by step."""

    products: int
    adds: float
    buys: float


BROWSING = Mood(products=4, adds=0.25, buys=0.2)
SHOPPING = Mood(products=5, adds=0.6, buys=0.55)


@dataclass(slots=True)
class Visit:
    """A visit under way: knows who, on which device, and what time it is for them."""

    person: Person
    device: Device
    at: datetime
    chance: Random
    known: bool
    campaign: shop.Campaign | None = None
    orders: list[Event] = field(default_factory=list)

    def event(self, kind: str, path: str, **fields: Any) -> Event:
        """Write one event now and let some seconds pass."""
        event: Event = {
            "type": kind,
            "anonymousId": self.device.anonymous_id,
            "timestamp": stamp(self.at),
            "context": self._context(path),
            **fields,
        }
        if self.known and self.person.user_id:
            event["userId"] = self.person.user_id
        self.at += timedelta(seconds=self.chance.uniform(4, 50))
        return event

    def _context(self, path: str) -> Event:
        browser = self.device.browser
        context: Event = {
            "library": {"name": "analytics.js", "version": "2.1.0"},
            "locale": self.person.country.locale,
            "timezone": self.person.country.timezone,
            "userAgent": browser.user_agent,
            "os": {"name": browser.os},
            "device": {"type": browser.kind},
            "screen": {"width": browser.width, "height": browser.height},
            "page": {"path": path, "url": shop.HOST + path, "title": path.strip("/").replace("/", " · ") or "Home"},
        }
        if self.campaign:
            context["campaign"] = {
                "name": self.campaign.name, "source": self.campaign.source, "medium": self.campaign.medium,
            }  # fmt: skip
        return context


def browse(visit: Visit, mood: Mood) -> Iterator[Event]:
    """Look round, perhaps fill a cart, perhaps order; a cart that is not ordered is left behind."""
    chance = visit.chance
    if chance.random() < 0.3:
        visit.campaign = chance.choice(shop.CAMPAIGNS)
    yield visit.event("page", "/", name="Home", properties={"path": "/", "url": shop.HOST + "/"})
    if chance.random() < 0.2:
        query = chance.choice(shop.SEARCHES)
        yield visit.event("track", "/search", event="Products Searched", properties={"query": query})
    cart: list[shop.Product] = []
    for product in chance.sample(shop.PRODUCTS, chance.randint(1, mood.products)):
        path = f"/{product.category}/{product.sku.lower()}"
        yield visit.event("track", path, event="Product Viewed", properties=describe(product))
        if chance.random() < mood.adds:
            cart.append(product)
            yield visit.event("track", path, event="Product Added", properties=describe(product) | {"quantity": 1})
    if cart and visit.known and chance.random() < mood.buys:
        yield from buy(visit, cart)


def buy(visit: Visit, cart: list[shop.Product]) -> Iterator[Event]:
    """Order what is in the cart."""
    order_id = f"o-{visit.person.number:05d}-{int(visit.at.timestamp())}"
    items = [describe(product) | {"quantity": visit.chance.choice((1, 1, 1, 2))} for product in cart]
    revenue = round(sum(item["price"] * item["quantity"] for item in items), 2)
    shared = {"order_id": order_id, "currency": shop.CURRENCY, "products": items}
    yield visit.event("track", "/checkout", event="Checkout Started", properties=shared | {"value": revenue})
    order = shared | {"revenue": revenue, "shipping": SHIPPING, "total": round(revenue + SHIPPING, 2)}
    visit.orders.append(order)
    yield visit.event("track", "/checkout/done", event="Order Completed", properties=order)


def answer_banner(visit: Visit) -> Iterator[Event]:
    """Say yes or no to the consent banner, in one of the two forms that tag managers send."""
    choices = preferences(visit.person.answer)
    if choices is None:
        return
    if visit.person.number % 4:
        event = visit.event("track", "/", event="Segment Consent Preference Updated", properties={})
        event["context"]["consent"] = {"categoryPreferences": choices}
    else:
        event = visit.event("track", "/", event="Consent Management Interaction", properties={})
        event["context"]["consentManagement"] = {
            "provider": "custom",
            "allowedConsentIds": [purpose for purpose, granted in choices.items() if granted],
            "deniedConsentIds": [purpose for purpose, granted in choices.items() if not granted],
        }
    yield event


def withdraw_marketing(visit: Visit) -> Event:
    """Take marketing back on the shop's privacy page."""
    event = visit.event("track", "/privacy", event="Segment Consent Preference Updated", properties={})
    event["context"]["consent"] = {"categoryPreferences": {"analytics": True, "marketing": False}}
    return event


def preferences(answer: Answer) -> dict[str, bool] | None:
    """Return what this answer says about each purpose; None where nothing was said."""
    match answer:
        case Answer.ALL | Answer.CHANGED:
            return {"analytics": True, "marketing": True}
        case Answer.ESSENTIAL:
            return {"analytics": True, "marketing": False}
        case Answer.NONE:
            return {"analytics": False, "marketing": False}
        case Answer.SILENT:
            return None


def describe(product: shop.Product) -> Event:
    return {
        "product_id": product.sku,
        "sku": product.sku,
        "name": product.name,
        "category": product.category,
        "brand": product.brand,
        "price": product.price,
        "currency": shop.CURRENCY,
    }


def stamp(at: datetime) -> str:
    return at.strftime("%Y-%m-%dT%H:%M:%S.") + f"{at.microsecond // 1000:03d}Z"
