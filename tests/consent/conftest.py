from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from itertools import count
from typing import Any

import pytest
from django.contrib.auth.models import Group

from cdp.governance import lifecycle
from cdp.ids import new_id
from cdp.models import User
from consent import catalogue
from consent.canonical import Actor
from consent.decisions import Assurance
from consent.ledger import Statement, Teller
from consent.models import Channel
from consent.purposes import NOTICES, PURPOSES
from profiles.identity import resolve
from profiles.identity.resolve import First
from profiles.ingest.gates import Claim, ResolvedEvent
from profiles.models import Source

NOON = datetime(2026, 3, 1, 12, tzinfo=UTC)


def at(minute: float) -> datetime:
    return NOON + timedelta(minutes=minute)


@pytest.fixture(autouse=True)
def _nothing_remembered() -> Iterator[None]:
    catalogue.forget()
    resolve.forget()
    yield
    catalogue.forget()
    resolve.forget()


def person(name: str, *roles: str) -> User:
    user = User.objects.create_user(name)
    user.groups.set(Group.objects.filter(name__in=roles))
    return user


@pytest.fixture
def publish(db: None) -> Callable[..., Any]:
    """Take a purpose's or notice's content through draft, review and approval by two people."""
    author, approver = person("ada", "author"), person("grace", "approver")

    def publish_purpose(key: str, *, governed: Any = PURPOSES, **content: Any) -> Any:
        head = governed.head.objects.filter(key=key).first()
        head = head or lifecycle.create(governed=governed, key=key, name=key, by=author, now=NOON)
        version = lifecycle.draft(head=head, content=content, by=author, now=NOON)
        lifecycle.submit(version=version, by=author, now=NOON)
        lifecycle.approve(version=version, comment="Agreed.", by=approver, now=NOON)
        return head

    publish_purpose.approver = approver
    return publish_purpose


@pytest.fixture
def notice(publish: Callable[..., Any]) -> str:
    publish("newsletter-en", governed=NOTICES, language="en", text="May we write to you?")
    return "newsletter-en"


@pytest.fixture
def marketing(publish: Callable[..., Any]) -> str:
    publish("marketing", title="Marketing", legal_basis="consent", categories=["ads"])
    return "marketing"


@pytest.fixture
def shop(db: None) -> Source:
    return Source.objects.create(key="shop", name="Shop")


def origin_of(type: str, value: str) -> int:
    """Make the identifier known, as its first event would, and return its origin."""
    name = (type, value)
    resolve.learn(names={name: First(NOON, new_id(now=NOON))}, together={})
    return resolve.find([name])[name]


def profile_of(origin_id: int) -> int:
    return resolve.roots([origin_id])[origin_id]


@pytest.fixture
def ann(db: None) -> int:
    return origin_of("user_id", "ann")


def join(one: tuple[str, str], other: tuple[str, str]) -> None:
    """Have an event carry both identifiers."""
    seen = First(NOON, new_id(now=NOON), "seen_together")
    resolve.learn(names={one: seen, other: seen}, together={(one, other): seen})


def statement(origin_id: int, *purposes: str, minute: float = 0, **more: Any) -> Statement:
    return Statement(
        origin_id=origin_id, purposes=purposes or ("marketing",), occurred_at=at(minute), method="form", **more
    )


def teller(assurance: Assurance = Assurance.SERVER, source: str = "shop") -> Teller:
    return Teller(channel=Channel.API, source=source, assurance=assurance, actor=Actor("key", "1"))


_positions = count(1)


def event(origin_id: int, *, minute: float = 0, name: str = "Page Viewed", **more: Any) -> ResolvedEvent:
    number = next(_positions)
    given = {
        "position": number,
        "event_id": new_id(now=NOON),
        "origin_id": origin_id,
        "profile_id": profile_of(origin_id),
        "kind": 1,
        "name": name,
        "ts": at(minute),
        "received_at": at(minute),
        "properties": {},
        "context": {},
        "source_id": 0,
        "assurance": "client",
        "gpc": False,
        "message_id": f"m{number}",
    }
    return ResolvedEvent(**given | more)


def preferring(**categories: bool) -> dict[str, Any]:
    return {"consent": {"categoryPreferences": categories}}


def claim(*events: ResolvedEvent, minute: float = 30) -> Claim:
    return Claim(now=at(minute), events=events)
