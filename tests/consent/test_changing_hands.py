"""Consent that comes in while its device changes hands: it counts for whoever the device belongs to afterwards."""

import threading
from collections.abc import Iterator, Mapping

import pytest
from django.db import connections

from consent.models import ConsentState
from profiles.identity import resolve
from profiles.ingest import leases, pipeline
from profiles.ingest.gates import Claim, Verdict
from tests.consent.conftest import preferring
from tests.profiles.stream import apply, identify, person, send, track, work

pytestmark = pytest.mark.django_db(transaction=True, databases="__all__")
_FAILED: list[BaseException] = []


@pytest.fixture(autouse=True)
def _overtaken(settings) -> Iterator[None]:
    settings.INGEST_GATES = [*settings.INGEST_GATES, f"{__name__}.change_hands"]
    _FAILED.clear()
    yield
    resolve.forget()


def change_hands(claim: Claim) -> Mapping[int, Verdict]:
    """While the claim that holds the refusal has not committed, the device moves and everybody is evaluated."""
    if any(event.name == "Slow" for event in claim.events):
        thread = threading.Thread(target=_move)
        thread.start()
        thread.join(20)
    return {}


def _move() -> None:
    try:
        send([track(userId="u2", anonymousId="a1", minutes=2)])
        work()
    except BaseException as error:  # told to the test below
        _FAILED.append(error)
    finally:
        connections.close_all()


def test_a_refusal_told_while_its_device_changes_hands_is_the_new_owner_s(marketing) -> None:
    apply(identify(userId="u1", anonymousId="a1", minutes=5), track(userId="u2", minutes=1))
    first, second = person("user_id", "u1"), person("user_id", "u2")

    send([track("Slow", anonymousId="a1", minutes=6, context=preferring(ads=False))])
    lease, leased = leases.take(events=100)
    pipeline.store(leased, lease=lease)
    work()

    assert _FAILED == []
    assert person("anonymous_id", "a1") == second != first
    assert [(state.profile_id, state.granted) for state in ConsentState.objects.all()] == [(second, False)]
