"""A small office: destinations on the receiver, people who enter and leave, and the desk at any moment."""

from collections.abc import Iterable
from datetime import UTC, datetime, timedelta
from typing import Any

from cdp.governance import lifecycle
from consent import ledger
from segments.delivery import issuing
from segments.delivery.desk import Desk
from segments.delivery.governing import DESTINATIONS
from segments.models import Delivery, DeliveryAttempt, DeliveryLane, Destination, Outbox
from tests.delivery.receiver import Receiver
from tests.segments.world import START, World, _person

IN_GERMANY = {"trait": "country", "op": "=", "value": "DE"}
GROWN_UP = {"trait": "age", "op": ">=", "value": 18}


class Office:
    def __init__(self, world: World, receiver: Receiver, desk: Desk) -> None:
        self.world, self.receiver, self.desk = world, receiver, desk
        self.administrator = _person("alan", "administrator")
        self.operator = world.author
        # Signatures are checked against the clock of the wall, so the office lives now.
        self.now = datetime.now(UTC).replace(microsecond=0)
        self.secrets: dict[str, list[str]] = {}
        world.purpose("marketing")
        world.publish("germans", IN_GERMANY)
        world.backfill()

    # -- destinations ----------------------------------------------------------------------------------------------
    def destination(self, key: str, path: str = "/ok", **content: Any) -> Destination:
        """A live destination with one secret."""
        head = self.drafted(key)
        self.issue(head)
        self.approve(head, path, **content)
        return Destination.objects.get(pk=head.pk)

    def drafted(self, key: str) -> Destination:
        return lifecycle.create(governed=DESTINATIONS, key=key, name=key.title(), by=self.world.author, now=START)

    def issue(self, head: Destination) -> str:
        _, secret = issuing.issue(destination=head, by=self.administrator, now=START)
        self.secrets.setdefault(head.key, []).append(secret)
        return secret

    def approve(self, head: Destination, path: str = "/ok", **content: Any) -> Any:
        given = {
            "url": self.receiver.url(path),
            "purpose": "marketing",
            "segments": ["germans"],
            "what": ["entered", "left", "tags"],
        }
        version = lifecycle.draft(head=head, content=given | content, by=self.world.author, now=START)
        lifecycle.submit(version=version, by=self.world.author, now=START)
        lifecycle.approve(version=version, comment="fine", by=self.world.approver, now=self.now)
        return version

    def lane(self, destination: Destination) -> DeliveryLane:
        return DeliveryLane.objects.get(pk=destination.pk)

    # -- people ----------------------------------------------------------------------------------------------------
    def person(self, *, agreed: bool = True, **traits: Any) -> int:
        person = self.world.person(**traits)
        if agreed:
            self.consent(person, ledger.grant)
        return person

    def consent(self, person: int, verb: Any, purpose: str = "marketing") -> None:
        self.world.consent(person, purpose, verb, at=self.now)

    def enters(self, *people: int) -> None:
        self.moves("DE", people)

    def leaves(self, *people: int) -> None:
        self.moves("FR", people)

    def moves(self, country: str, people: Iterable[int]) -> None:
        for person in people:
            self.world.learn(person, country=country)
        self.pass_time(seconds=0.001)
        self.world.judge(*people, now=self.now)

    # -- the desk --------------------------------------------------------------------------------------------------
    def pass_time(self, **amount: float) -> None:
        self.now += timedelta(**amount)

    def work(self) -> None:
        """Work until nothing is under way and nothing is due."""
        while self.desk.advance(now=lambda: self.now):
            pass

    def state(self, person: int, destination: Destination | None = None) -> list[str]:
        rows = Delivery.objects.filter(profile_id=person).order_by("id")
        rows = rows.filter(destination=destination) if destination else rows
        return list(rows.values_list("state", flat=True))

    def latest(self, person: int) -> Delivery:
        return Delivery.objects.filter(profile_id=person).latest("id")

    def attempts(self, person: int) -> list[DeliveryAttempt]:
        rows = DeliveryAttempt.objects.filter(profile_id=person).select_related("result")
        return list(rows.order_by("id"))

    def outbox(self) -> int:
        return Outbox.objects.count()
