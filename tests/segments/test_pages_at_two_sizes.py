"""Every page of the admin asks the database as often for twelve rows as for three."""

from datetime import UTC, datetime, timedelta

import pytest
from django.contrib import admin
from django.contrib.auth.models import Group
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.urls import reverse

from cdp.models import Job, User
from consent import ledger
from profiles.models import Profile
from tests.profiles import stream
from tests.segments.world import World

pytestmark = pytest.mark.django_db(transaction=True)
FEW, MANY = 3, 12
ADA = "ada-of-the-pages"


def _client() -> Client:
    user = User.objects.create_user("everything", password="a long enough one")
    user.groups.set(Group.objects.all())
    client = Client()
    client.force_login(user, backend="django.contrib.auth.backends.ModelBackend")
    return client


def _grow(world: World, rows: range) -> None:
    """More of everything a list shows, and more of it about one person."""
    now = datetime.now(UTC)
    for number in rows:
        user = f"user-{number}"
        stream.apply(
            stream.identify(anonymousId=f"device-{number}", traits={f"trait_{number}": number}),
            stream.identify(userId=user, anonymousId=f"device-{number}", traits={"email": f"{user}@example.com"}),
            stream.track("Product Viewed", userId=user) | {"timestamp": now.isoformat()},
            stream.track(f"Event {number}", userId=ADA) | {"timestamp": (now - timedelta(hours=number)).isoformat()},
            stream.identify(userId=ADA, anonymousId=f"adas-{number}", traits={"email": f"ada{number}@example.com"}),
            {"type": "track", "messageId": f"refused-{number}", "userId": user},
        )
        Job.objects.create(kind="import_events", state="done", created_at=now, finished_at=now)
        somebody = stream.person("user_id", user)
        world.consent(somebody, "letters", ledger.grant, at=now)
        rule = {"event": "Product Viewed", "measure": "count", "op": ">=", "value": 1, "within": f"{number + 1}d"}
        world.publish(f"segment-{number}", rule, now=now)
    world.backfill(now=datetime.now(UTC))
    stream.work()


def _counts(client: Client) -> dict[str, int]:
    """How often each page asks; the first answer of a process also fills its caches and does not count."""
    counts = {}
    for address in _addresses():
        client.get(address)
        with CaptureQueriesContext(connection) as asked:
            answer = client.get(address)
        assert answer.status_code == 200, (address, answer.status_code)
        # savepoints come with what is written, and each list writes its access records in one statement
        counts[address] = len([query for query in asked if "SAVEPOINT" not in query["sql"]])
    return counts


def _addresses() -> list[str]:
    found = ["/admin/"]
    for model, page in sorted(admin.site._registry.items(), key=lambda item: item[0]._meta.label):
        name = f"admin:{model._meta.app_label}_{model._meta.model_name}"
        found.append(reverse(f"{name}_changelist"))
        if page.list_display_links is None or not model.objects.exists():
            continue
        first = model.objects.order_by("pk").first()
        found.append(reverse(f"{name}_change", args=[first.pk]))
    ada = Profile.objects.get(pk=stream.person("user_id", ADA))
    return [*found, reverse("admin:profiles_profile_change", args=[ada.pk])]


def test_no_page_asks_once_per_row(world: World) -> None:
    world.purpose("letters")
    client = _client()
    _grow(world, range(FEW))
    few = _counts(client)
    _grow(world, range(FEW, MANY))
    many = _counts(client)
    grown = {address: (few[address], many[address]) for address in few.keys() & many.keys()
             if many[address] > few[address]}  # fmt: skip
    assert not grown, grown
    assert len(few.keys() & many.keys()) > 15
