"""Derived context through the pipeline: what is stored with an event, and what a person was last known by."""

import json
import random
from datetime import timedelta
from typing import Any

import pytest

from profiles import lanes
from profiles.context import places
from profiles.identity import resolve
from profiles.ingest import pipeline
from profiles.ingest.gates import Claim, Verdict
from profiles.models import TraitDefinition
from profiles.queries import find_card
from tests.conftest import empty_database
from tests.context.place_files import city, write
from tests.profiles.stream import apply, at, identify, one, person, rows, send, state, track, work

pytestmark = pytest.mark.django_db(transaction=True)
IPHONE = (
    "Mozilla/5.0 (iPhone; CPU iPhone OS 17_4 like Mac OS X) AppleWebKit/605.1.15 (KHTML, like Gecko)"
    " Version/17.4 Mobile/15E148 Safari/604.1"
)
LAPTOP = (
    "Mozilla/5.0 (Windows NT 10.0; Win64; x64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/124.0.0.0 Safari/537.36"
)
DERIVED = "SELECT device_type, browser, os, country, region, city, time_zone FROM events"


@pytest.fixture(autouse=True)
def _profiles_alone(settings) -> None:
    settings.INGEST_GATES = settings.LANE_STEPS = settings.MERGE_STEPS = settings.READ_GATES = []
    resolve.forget()


def by(user_agent: str, **context: Any) -> dict[str, Any]:
    return {"context": {"userAgent": user_agent, **context}}


def known(user: str) -> dict[str, Any]:
    return json.loads(one("SELECT traits::text FROM profile WHERE id = %s", person("user_id", user)))


def test_an_event_is_stored_with_what_its_context_is_worth(settings, tmp_path) -> None:
    settings.CDP_GEOIP_FILE = str(write(tmp_path / "city.mmdb", {"192.0.2.0/24": city("DE", "Bavaria", "Munich")}))
    apply(track(userId="u1", **by(IPHONE, ip="192.0.2.7", timezone="Europe/Berlin", campaign={"source": "mail\t1"})))
    assert rows(DERIVED) == [("mobile", "Safari", "iOS", "DE", "Bavaria", "Munich", "Europe/Berlin")]
    assert known("u1") == {
        "last_device_type": "mobile", "last_browser": "Safari", "last_os": "iOS", "last_country": "DE",
        "last_region": "Bavaria", "last_city": "Munich", "last_timezone": "Europe/Berlin",
        "last_campaign_source": "mail\t1",
    }  # fmt: skip
    assert one("SELECT time_zone FROM profile") == "Europe/Berlin"
    kept = json.dumps(rows("SELECT told::text FROM last_context")) + json.dumps(rows("SELECT value::text FROM trait"))
    assert "192.0.2.7" not in kept
    settings.CDP_GEOIP_FILE = ""
    places.refresh()


def test_a_context_of_nothing_leaves_nothing() -> None:
    apply(track(userId="u1"), track(userId="u1", context={"library": {"name": "x"}, "timezone": "Mars/Olympus"}))
    assert rows(DERIVED) == [(None,) * 7] * 2
    assert one("SELECT count(*) FROM last_context") == 0
    assert known("u1") == {}


@pytest.mark.parametrize(
    "context",
    [{"userAgent": 5, "timezone": ["x"], "ip": {}, "campaign": "x", "location": [1]}, {"campaign": {"source": 1}},
     {"userAgent": "x" * 9_000, "timezone": "../../etc/passwd", "campaign": {"source": "y" * 5_000}}],
)  # fmt: skip
def test_a_context_that_nobody_should_send_costs_nothing(context: dict[str, Any]) -> None:
    apply(track(userId="u1", context=context))
    assert one("SELECT count(*) FROM events") == 1
    assert known("u1") == {}


def test_last_known_traits_have_a_source_a_day_and_say_that_they_were_inferred() -> None:
    apply(track(userId="u1", **by(IPHONE), minutes=5))
    told = json.loads(find_card(type="user_id", value="u1").sections.raw("profile"))["traits"]["last_os"]
    assert (told["value"], told["source"], told["method"]) == ("iOS", "shop", "inferred")
    assert told["observed_at"].startswith("2026-03-01T00:00:00")
    declared = TraitDefinition.objects.get(name="last_os")
    assert (declared.type, declared.status) == ("text", "confirmed")
    assert declared.description == "os of the latest event to tell"


def test_the_latest_by_event_time_is_last_known_and_keeps_together() -> None:
    apply(track(userId="u1", minutes=10, context={"location": {"country": "DE", "city": "Ulm"}}))
    apply(track(userId="u1", minutes=5, context={"location": {"country": "IT", "city": "Rome"}}))
    assert known("u1") == {"last_country": "DE", "last_city": "Ulm"}
    apply(track(userId="u1", minutes=20, context={"location": {"country": "FR"}}))
    assert known("u1") == {"last_country": "FR"}
    apply(track(userId="u1", minutes=30))
    assert known("u1") == {"last_country": "FR"}
    past = rows("SELECT value #>> '{}', observed_at FROM trait_value WHERE name = 'last_city' ORDER BY id")
    assert past == [("Ulm", at(10)), (None, at(20))]


def test_only_what_shows_something_else_is_written_to_the_traits() -> None:
    apply(track(userId="u1", **by(IPHONE)))
    before = rows("SELECT name, xmin::text FROM trait ORDER BY 1")
    card = one("SELECT xmin::text FROM card WHERE section = 'profile'")
    for minute in range(1, 5):
        apply(track(userId="u1", **by(IPHONE), minutes=minute))
    assert rows("SELECT name, xmin::text FROM trait ORDER BY 1") == before
    assert one("SELECT xmin::text FROM card WHERE section = 'profile'") == card
    assert one("SELECT count(*) FROM trait_value") == 3
    apply(track(userId="u1", **by(IPHONE), minutes=24 * 60))
    assert one("SELECT DISTINCT observed_at FROM trait") == at(24 * 60).replace(hour=0)
    assert one("SELECT count(*) FROM trait_value") == 3


def test_the_lane_is_told_which_traits_changed(settings) -> None:
    settings.LANE_STEPS = ["tests.context.test_last_known.remember"]
    seen.clear()
    apply(track(userId="u1", **by(IPHONE)))
    apply(track(userId="u1", **by(IPHONE), minutes=1))
    apply(track(userId="u1", **by(LAPTOP), minutes=2))
    changed = [{key.removeprefix("trait:last_") for key in keys if key.startswith("trait:")} for keys in seen]
    assert changed == [{"device_type", "browser", "os"}, set(), {"device_type", "browser", "os"}]


seen: list[frozenset[str]] = []


def remember(batch: lanes.LaneBatch) -> dict[int, Any]:
    seen.extend(touch.keys for touch in batch.people.values())
    return {}


def test_what_is_last_known_follows_a_device_that_joins_somebody() -> None:
    apply(track(userId="u1", minutes=10, **by(LAPTOP)))
    apply(track(anonymousId="a1", minutes=20, **by(IPHONE, timezone="Asia/Tokyo")))
    assert known("u1")["last_os"] == "Windows"
    apply(identify(userId="u1", anonymousId="a1", minutes=30))
    assert (known("u1")["last_os"], known("u1")["last_timezone"]) == ("iOS", "Asia/Tokyo")
    assert one("SELECT time_zone FROM profile WHERE merged_into IS NULL") == "Asia/Tokyo"
    # The same day, the same value as before on this device: nothing new about it, but about the person.
    apply(track(userId="u1", minutes=40, **by(LAPTOP)))
    assert known("u1")["last_os"] == "Windows"


def test_a_value_that_a_sender_stated_stands_above_an_inferred_one() -> None:
    apply(track(userId="u1", context={"location": {"country": "DE"}}, minutes=10))
    apply(identify(userId="u1", traits={"last_country": "AT"}, minutes=1))
    assert known("u1") == {"last_country": "AT"}
    apply(track(userId="u1", context={"location": {"country": "FR"}}, minutes=20))
    assert known("u1") == {"last_country": "AT"}


def refuse(claim: Claim) -> dict[int, Verdict]:
    return {event.position: Verdict(keep=False, code="no", reason="No.") for event in claim.events}


def test_of_an_event_that_a_gate_refuses_nothing_is_derived(settings) -> None:
    settings.INGEST_GATES = ["tests.context.test_last_known.refuse"]
    apply(track(userId="u1", **by(IPHONE, timezone="Europe/Berlin")))
    counts = [one(f"SELECT count(*) FROM {table}") for table in ("events", "last_context", "trait", "trait_value")]
    assert counts == [0, 0, 0, 0]


def test_any_order_of_arrival_comes_to_the_same() -> None:
    agents, zones = [IPHONE, LAPTOP, "curl/8.4.0"], ["Europe/Berlin", "Asia/Tokyo", None]
    dice = random.Random(3)
    events = [
        track(
            **dice.choice([{"userId": "u1"}, {"anonymousId": "a1"}, {"userId": "u1", "anonymousId": "a1"}]),
            minutes=dice.choice([1, 2, 2_000, 2_001]),
            message_id=f"m{number}",
            context={
                "userAgent": dice.choice(agents),
                "timezone": dice.choice(zones),
                "campaign": dice.choice([None, {"source": "mail"}, {"source": "search", "term": "x"}]),
            },
        )
        for number in range(12)
    ]
    found = []
    for seed in range(3):
        empty_database()
        resolve.forget()
        random.Random(seed).shuffle(events)
        for several in _cut(events, 1 + 5 * seed):
            apply(*several)
        found.append((state(), rows("SELECT time_zone FROM profile WHERE merged_into IS NULL ORDER BY id")))
    assert found[0] == found[1] == found[2]


def _cut(events: list[Any], size: int) -> list[list[Any]]:
    return [events[start : start + size] for start in range(0, len(events), size)]


def test_two_claims_that_wait_together_are_folded_as_one() -> None:
    send([track(userId="u1", minutes=9, **by(LAPTOP))])
    pipeline.claim_once()
    send([track(userId="u1", minutes=3, **by(IPHONE, timezone="Asia/Tokyo"))])
    pipeline.claim_once()
    work()
    assert (known("u1")["last_os"], known("u1")["last_timezone"]) == ("Windows", "Asia/Tokyo")


def test_a_person_whose_evaluation_failed_is_still_last_known_rightly(settings) -> None:
    settings.LANE_STEPS = ["tests.context.test_last_known.fail"]
    apply(track(userId="u1", **by(IPHONE)))
    assert one("SELECT count(*) FROM parked_touch") > 0
    settings.LANE_STEPS = []
    rows("UPDATE parked_touch SET parked_at = parked_at - %s RETURNING 1", timedelta(hours=1))
    lanes.release_parked()
    work()
    assert known("u1")["last_os"] == "iOS"


def fail(batch: lanes.LaneBatch) -> dict[int, Any]:
    raise ValueError("a step that fails for everybody")
