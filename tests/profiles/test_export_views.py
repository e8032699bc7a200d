"""The views for a warehouse: documented to the last column, readable by their role alone, and nobody's name in them."""

from collections.abc import Iterator
from datetime import timedelta
from typing import Any

import psycopg2
import pytest
import yaml
from django.db import connection, connections

from consent import ledger
from profiles.exports import documentation
from profiles.identity.governing import IDENTITY_RULE
from profiles.models import EventDefinition, PropertyDefinition, TraitDefinition
from tests.profiles import stream
from tests.profiles.planning import publish
from tests.segments.world import START, World

pytestmark = pytest.mark.django_db(transaction=True)

VIEWS = {"people", "identifiers", "events", "segments", "memberships", "consent_current"}


@pytest.fixture
def reader(transactional_db: None, servers: Any) -> Iterator[Any]:
    """A connection that may do what cdp_reader may."""
    with connections["owner"].cursor() as cursor:
        cursor.execute("CREATE ROLE warehouse LOGIN IN ROLE cdp_reader")
    url = servers.owner_url.replace("cdp_owner", "warehouse")
    login = psycopg2.connect(url)
    login.autocommit = True
    yield login
    login.close()
    with connections["owner"].cursor() as cursor:
        cursor.execute("DROP ROLE warehouse")


@pytest.fixture
def shop(transactional_db: None) -> int:
    """Somebody with everything there can be: names, traits, events, a segment, a decision."""
    world = World()
    stream.apply(
        stream.identify(userId="u1", traits={"email": "ann@example.com", "country": "DE", "illness": "flu"}),
        stream.track("Order Completed", userId="u1", properties={"revenue": 1, "address": "Berlin"}),
        stream.track("Test Ordered", userId="u1"),
    )
    TraitDefinition.objects.filter(name="illness").update(personal_class="sensitive")
    PropertyDefinition.objects.filter(name="address").update(personal_class="personal")
    EventDefinition.objects.filter(name="Test Ordered").update(personal_class="sensitive")
    ann = stream.person("user_id", "u1")
    world.purpose("marketing")
    world.consent(ann, "marketing", ledger.grant, at=START)
    world.publish("germans", {"trait": "country", "op": "=", "value": "DE"})
    world.judge(ann, now=START + timedelta(days=1))
    return ann


def read(reader: Any, view: str) -> list[dict[str, Any]]:
    with reader.cursor() as cursor:
        cursor.execute(f"SELECT * FROM cdp_views.{view}")
        return [dict(zip([c.name for c in cursor.description], row, strict=True)) for row in cursor.fetchall()]


def test_no_view_tells_what_the_identity_rule_takes_names_from(transactional_db: None, reader: Any) -> None:
    World()
    types = [{"name": "user_id"}, {"name": "loyalty_no", "traits": ["loyaltyNumber"]}, {"name": "anonymous_id"}]
    publish(IDENTITY_RULE, "identity", {"types": types})
    named = {"email": "ann@example.com", "loyaltyNumber": "L-4711"}
    stream.apply(
        stream.identify(userId="u1", traits={**named, "country": "DE"}),
        stream.track("Order Completed", userId="u1", properties={**named, "revenue": 1}),
    )
    assert [row["traits"] for row in read(reader, "people")] == [{"country": "DE"}]
    assert {row["name"]: row["properties"] for row in read(reader, "events")} == {
        "$identify": {},
        "Order Completed": {"revenue": 1},
    }


def test_every_view_and_every_column_is_documented() -> None:
    found = documentation.views()
    assert {view.name for view in found} == VIEWS
    for view in found:
        assert view.told, view.name
        for column in view.columns:
            assert column.told.endswith("."), f"{view.name}.{column.name}"


def test_the_page_and_the_sources_say_what_the_database_says() -> None:
    found = documentation.views()
    text = documentation.PAGE.read_text()
    assert documentation.page(text, found) == text, "run manage.py document_views"
    assert documentation.sources(found) == documentation.SOURCES.read_text(), "run manage.py document_views"
    (source,) = yaml.safe_load(documentation.SOURCES.read_text())["sources"]
    assert {table["name"] for table in source["tables"]} == VIEWS


def test_every_view_tells_of_real_data_and_joins_on_the_person(reader: Any, shop: int) -> None:
    (person,) = read(reader, "people")
    for view in VIEWS - {"segments"}:
        told = read(reader, view)
        assert told and {row["person_id"] for row in told} == {person["person_id"]}, view
    assert person["traits"] == {"country": "DE"}
    assert {row["name"]: row["properties"] for row in read(reader, "events")} == {
        "$identify": {},
        "Order Completed": {"revenue": 1},
    }
    (stay,) = read(reader, "memberships")
    (segment,) = read(reader, "segments")
    assert (stay["segment"], stay["version"], segment["live_version"]) == ("germans", 1, 1)
    assert [(row["purpose"], row["granted"]) for row in read(reader, "consent_current")] == [("marketing", True)]


def test_nobodys_name_is_in_any_view(reader: Any, shop: int) -> None:
    told = str([read(reader, view) for view in VIEWS])
    for secret in ("ann@", "u1", "flu", "Berlin", str(shop)):
        assert secret not in told, secret


def test_the_reader_may_read_the_views_and_nothing_else(reader: Any) -> None:
    for forbidden in ("SELECT * FROM profile", "SELECT * FROM cdp_views.salt", "DELETE FROM cdp_views.salt"):
        with pytest.raises(psycopg2.errors.InsufficientPrivilege), reader.cursor() as cursor:
            cursor.execute(forbidden)


def test_somebody_merged_is_told_as_who_they_are_now(reader: Any, transactional_db: None) -> None:
    world = World()
    ann, old = world.person(), world.person()
    world.event(old, "Order Completed", at=START)
    world.merge(winner=ann, loser=old)
    (person,), (event,) = read(reader, "people"), read(reader, "events")
    assert event["person_id"] == person["person_id"]


def test_the_application_does_not_need_the_views() -> None:
    with connection.cursor() as cursor:
        cursor.execute("SELECT has_schema_privilege('cdp_views', 'USAGE')")
        assert cursor.fetchone() == (False,)
