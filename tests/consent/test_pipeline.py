"""Consent through the real pipeline: from a stored request to ledger, events, people and the answer to a read."""

import json
import threading
from datetime import timedelta

import pytest
from django.db import connection
from django.test import Client
from django.utils import timezone

from cdp import api_keys
from cdp.models import KeyKind, Scope
from consent import ledger
from consent.models import ConsentState, Entry
from profiles import lanes
from profiles.identity import resolve
from profiles.ingest import inbox, pipeline
from profiles.ingest.inbox import Sender
from profiles.models import Event, EventDefinition, RejectedEvent
from profiles.models.source import SourceKind
from tests.consent.conftest import origin_of, preferring, profile_of, statement, teller

pytestmark = pytest.mark.django_db

BROWSER = Sender(source="shop", kind=SourceKind.BROWSER)


def track(number, name="Page Seen", **more):
    sent = (timezone.now() + timedelta(milliseconds=number)).isoformat()
    return {"type": "track", "userId": "ann", "event": name, "messageId": f"m{number}", "timestamp": sent, **more}


def send(*events, sender=BROWSER):
    inbox.accept(sender=sender, route="batch", body=json.dumps({"batch": events}).encode(), event_count=len(events))


def work_off():
    while pipeline.claim_once() or lanes.run_once():
        pass


def person():
    return profile_of(resolve.find([("user_id", "ann")])[("user_id", "ann")])


def read(purpose="marketing"):
    scopes = [Scope.PROFILES_READ]
    _, token = api_keys.issue(
        kind=KeyKind.SECRET, name=f"app {timezone.now()}", scopes=scopes, purpose=purpose, by=None, now=timezone.now()
    )
    headers = {"Authorization": f"Bearer {token}"}
    return Client().get("/v1/profiles/user_id:ann", headers=headers)


@pytest.mark.django_db(transaction=True, databases="__all__")
def test_a_grant_on_an_event_opens_a_read_and_a_withdrawal_shuts_it(marketing):
    traits = {"type": "identify", "userId": "ann", "messageId": "i", "traits": {"city": "Bonn"}}
    send(traits, track(1, context=preferring(ads=True)))
    work_off()
    opened = read().json()
    assert opened["traits"] == {"city": "Bonn"}
    assert opened["consent"]["marketing"]["state"] == "granted"

    origin = resolve.find([("user_id", "ann")])[("user_id", "ann")]
    now = timezone.now()
    told = ledger.Statement(origin, ("marketing",), now, "form")
    ledger.withdraw(statement=told, told_by=teller(), now=now)
    shut = read().json()
    assert not shut.get("traits")
    assert {each["code"] for each in shut["withheld"]} == {"consent_refused"}


def test_a_refused_event_is_rejected_with_its_reason_and_the_rest_is_kept(marketing):
    EventDefinition.objects.create(name="Offer Clicked", purpose="marketing")
    send(track(1, "Offer Clicked"), track(2, "Offer Clicked", context=preferring(ads=False)), track(3))
    work_off()

    rejected = RejectedEvent.objects.get()
    assert (rejected.code, rejected.message_id) == ("consent_refused", "m2")
    assert "marketing" in rejected.reason
    assert bytes(rejected.payload) == b""
    kept = dict(Event.objects.values_list("message_id", "consent_gap"))
    assert kept == {"m1": True, "m3": False}


def test_the_same_request_twice_makes_one_entry(marketing):
    told = track(1, "Segment Consent Preference Updated", context=preferring(ads=True))
    send(told)
    send(told)
    work_off()

    assert Entry.objects.count() == 1


@pytest.mark.django_db(transaction=True, databases="__all__")
def test_concurrent_writers_of_one_person_agree_on_where_they_stand(marketing):
    """Six writers, one person under two names, a merge in between: the state is that of all entries."""
    origins = [origin_of("user_id", "ann"), origin_of("anonymous_id", "phone")]
    barrier = threading.Barrier(7)
    failures = []

    def write(number):
        verb = ledger.grant if number % 2 else ledger.withdraw
        try:
            barrier.wait()
            for round in range(5):
                told = statement(origins[number % 2], minute=number + 6 * round)
                verb(statement=told, told_by=teller(), now=timezone.now())
        except Exception as error:
            failures.append(error)
        finally:
            connection.close()

    def merge():
        seen = resolve.First(timezone.now(), 1, "seen_together")
        names = {("user_id", "ann"): seen, ("anonymous_id", "phone"): seen}
        try:
            barrier.wait()
            resolve.learn(names=names, together={(("user_id", "ann"), ("anonymous_id", "phone")): seen})
        except Exception as error:
            failures.append(error)
        finally:
            connection.close()

    threads = [threading.Thread(target=write, args=[number]) for number in range(6)] + [threading.Thread(target=merge)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    while lanes.run_once():
        pass

    assert failures == []
    assert Entry.objects.count() == 30
    latest = Entry.objects.order_by("-occurred_at").first()
    state = ConsentState.objects.get()
    assert (state.profile_id, state.entry_id, state.granted) == (person(), latest.seq, True)
