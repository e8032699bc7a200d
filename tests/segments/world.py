"""A small world to judge: written straight into the tables, judged by the real step at any `now`."""

import json
from collections.abc import Iterable, Mapping
from datetime import UTC, datetime, timedelta
from itertools import count
from typing import Any

from django.contrib.auth.models import Group
from django.db import connection, transaction

from cdp.governance import lifecycle
from cdp.models import User
from consent.canonical import Actor
from consent.decisions import Assurance
from consent.ledger import Statement, Teller
from consent.models import Channel
from consent.purposes import PURPOSES
from profiles.lanes import LaneBatch, Touch
from profiles.models import EventDefinition, PropertyDefinition, TraitDefinition
from segments import backfill, memberships
from segments.models import Membership, Outbox, Segment, SegmentVersion
from segments.publishing import SEGMENTS

START = datetime(2026, 3, 3, 12, 0, tzinfo=UTC)
# Whatever a rule of a test is, it is meant.
_MEANT = ("same_rule", "same_members", "unsatisfiable", "longer_than_retention", "personal_no_purpose")
_TRAITS = {"country": "text", "age": "number", "vip": "boolean", "trial_ends": "datetime"}
_EVENTS = {"Product Viewed": {"category": "text", "price": "number"}, "Order Completed": {"revenue": "number"}}


class World:
    def __init__(self) -> None:
        self._numbers = count(1)
        self.author = _person("ada", "author")
        self.approver = _person("grace", "approver")
        TraitDefinition.objects.bulk_create(TraitDefinition(name=name, type=kind) for name, kind in _TRAITS.items())
        EventDefinition.objects.bulk_create(EventDefinition(name=name) for name in _EVENTS)
        PropertyDefinition.objects.bulk_create(
            PropertyDefinition(event_name=event, name=name, type=kind)
            for event, properties in _EVENTS.items()
            for name, kind in properties.items()
        )

    # -- people and what they do ---------------------------------------------------------------------------------
    def person(self, **traits: Any) -> int:
        number = next(self._numbers) * 7919
        with connection.cursor() as cursor:
            cursor.execute(
                "INSERT INTO profile (id, bucket, created_at, traits) VALUES (%s, %s, %s, %s)",
                [number, number % 1024, START, json.dumps(traits)],
            )
            cursor.execute(
                "INSERT INTO origin (id, root_id, bucket) VALUES (%s, %s, %s)", [number, number, number % 1024]
            )
        return number

    def learn(self, profile_id: int, **traits: Any) -> None:
        with connection.cursor() as cursor:
            cursor.execute("UPDATE profile SET traits = traits || %s WHERE id = %s", [json.dumps(traits), profile_id])

    def event(self, profile_id: int, name: str, *, at: datetime, **properties: Any) -> None:
        number = next(self._numbers)
        with connection.cursor() as cursor:
            cursor.execute("SELECT cdp_ensure_event_month(%s::date)", [at])
            cursor.execute(
                "INSERT INTO events (bucket, kind, source_id, origin_id, event_id, ts, received_at, applied_at, name,"
                " message_id, properties, context) VALUES (%s, 1, 1, %s, %s, %s, %s, %s, %s, %s, %s, '{}')",
                [profile_id % 1024, profile_id, number, at, at, at, name, str(number), json.dumps(properties)],
            )

    def merge(self, *, winner: int, loser: int) -> None:
        """What the resolver's merge leaves behind, without its own steps."""
        with connection.cursor() as cursor:
            cursor.execute("UPDATE origin SET root_id = %s WHERE root_id = %s", [winner, loser])
            cursor.execute("UPDATE profile SET merged_into = %s WHERE id = %s", [winner, loser])

    def purpose(self, key: str, **content: Any) -> None:
        head = lifecycle.create(governed=PURPOSES, key=key, name=key, by=self.author, now=START)
        given = {"title": key, "legal_basis": "consent"} | content
        version = lifecycle.draft(head=head, content=given, by=self.author, now=START)
        lifecycle.submit(version=version, by=self.author, now=START)
        lifecycle.approve(version=version, comment="fine", by=self.approver, now=START)

    def consent(
        self, profile_id: int, purpose: str, verb: Any, *, at: datetime, told_at: datetime | None = None
    ) -> None:
        told_by = Teller(channel=Channel.API, source="shop", assurance=Assurance.SERVER, actor=Actor("key", "1"))
        statement = Statement(origin_id=profile_id, purposes=(purpose,), occurred_at=at, method="form")
        verb(statement=statement, told_by=told_by, now=told_at or at)

    # -- rules ---------------------------------------------------------------------------------------------------
    def segment(self, key: str) -> Segment:
        found = Segment.objects.filter(key=key).first()
        return found or lifecycle.create(governed=SEGMENTS, key=key, name=key.title(), by=self.author, now=START)

    def publish(
        self,
        key: str,
        rule: Mapping[str, Any],
        *,
        now: datetime = START,
        acknowledged: Iterable[str] = (),
        **fields: Any,
    ) -> SegmentVersion:
        version = lifecycle.draft(
            head=self.segment(key),
            content={"rule": dict(rule), "acknowledged": [*acknowledged, *_MEANT]} | fields,
            by=self.author,
            now=now,
        )
        lifecycle.submit(version=version, by=self.author, now=now)
        lifecycle.approve(version=version, comment="fine", by=self.approver, now=now)
        return version

    def retire(self, key: str, *, now: datetime = START) -> None:
        lifecycle.retire(head=Segment.objects.get(key=key), comment="not needed", by=self.approver, now=now)

    # -- the lane ------------------------------------------------------------------------------------------------
    def judge(
        self, *profile_ids: int, now: datetime, keys: Iterable[str] = ("*",), cause: str = "event"
    ) -> dict[int, datetime]:
        touch = Touch(keys=frozenset(keys), causes=(cause,))
        with transaction.atomic():
            return dict(memberships.evaluate(LaneBatch(now=now, people=dict.fromkeys(profile_ids, touch))))

    # -- what came of it -----------------------------------------------------------------------------------------
    def members(self, key: str) -> set[int]:
        return set(Membership.objects.current().filter(segment__key=key).values_list("profile_id", flat=True))

    def stays(self, profile_id: int) -> list[Membership]:
        return list(Membership.objects.filter(profile_id=profile_id).order_by("entered_at", "id"))

    def card(self, profile_id: int) -> tuple[Any, datetime | None]:
        with connection.cursor() as cursor:
            cursor.execute(
                "SELECT body::text, until FROM card WHERE profile_id = %s AND section = 'segments'", [profile_id]
            )
            body, until = cursor.fetchone() or ("null", None)
        return json.loads(body), until

    def announced(self, profile_id: int) -> list[str]:
        return list(Outbox.objects.filter(profile_id=profile_id).order_by("id").values_list("change", flat=True))

    def backfill(self, *, now: datetime = START) -> None:
        while backfill.advance(now=now):
            pass


def _person(name: str, *roles: str) -> User:
    user = User.objects.create_user(name)
    user.groups.set(Group.objects.filter(name__in=roles))
    return user


def seconds(number: float) -> timedelta:
    return timedelta(seconds=number)
