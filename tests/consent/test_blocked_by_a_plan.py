"""An event that a tracking plan blocks, and what its person decided."""

from typing import Any

import pytest

from consent.models import Entry
from profiles.models import Event, EventDefinition, Profile, RejectedEvent
from tests.profiles.planning import plan, rule, source
from tests.profiles.stream import apply, people, track

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture
def guarded(publish: Any) -> None:
    """`Unplanned` may only be collected for marketing, and its source's plan does not list it."""
    publish("marketing", title="Marketing", legal_basis="consent", categories=["ads"])
    EventDefinition.objects.create(name="Unplanned", purpose="marketing")
    plan(rule())
    source(unplanned_event="block")


def deciding(answer: bool, **names: str) -> dict[str, Any]:
    return {**track("Unplanned", **names), "context": {"consent": {"categoryPreferences": {"ads": answer}}}}


def test_what_its_person_does_not_allow_is_not_kept_among_the_rejected_ones(guarded):
    apply(deciding(False, userId="ann"))
    refused = RejectedEvent.objects.get()
    assert (refused.code, bytes(refused.payload)) == ("consent_refused", b"")


def test_what_its_person_allows_is_kept_to_be_sent_again(guarded):
    apply(deciding(True, userId="ann"))
    refused = RejectedEvent.objects.get()
    assert refused.code == "unplanned_event" and bytes(refused.payload)


def test_a_decision_on_it_is_recorded_and_joins_nobody(guarded):
    apply(deciding(False, userId="ann", anonymousId="phone"))
    assert Entry.objects.get().operation == "deny"
    assert people() == {frozenset({("user_id", "ann")})}
    assert Profile.objects.get().event_count == 0 and not Event.objects.exists()


def test_without_a_decision_it_makes_nobody_known_and_is_kept_as_a_gap_would_be(guarded):
    apply(track("Unplanned", userId="ann"))
    assert not Profile.objects.exists()
    assert bytes(RejectedEvent.objects.get().payload)


def test_of_somebody_known_what_they_refused_earlier_counts(guarded):
    apply({**track("Order Completed", userId="ann"), "context": deciding(False)["context"]})
    apply(track("Unplanned", userId="ann", minutes=5))
    refused = RejectedEvent.objects.get()
    assert (refused.code, bytes(refused.payload)) == ("consent_refused", b"")
