"""What other people make true: thresholds from the population, uploaded lists, segments inside segments; all live."""

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from profiles.queries import find_profile
from segments.models import Membership, ThresholdDecision
from segments.thresholds import refreshing
from tests.journeys.rest import eventually, go_live, person, seen, send
from tests.running import Running

BOUGHT = {"event": "Deal Closed", "measure": "count", "op": ">=", "value": 1}


@pytest.fixture(autouse=True)
def _database(django_db_blocker: Any) -> Any:
    with django_db_blocker.unblock():
        yield


def bought(user: str, amount: float) -> dict[str, Any]:
    return seen(user, "Deal Closed") | {"properties": {"amount": amount}}


def spent(op: str, value: dict[str, Any]) -> dict[str, Any]:
    return {"event": "Deal Closed", "measure": "sum", "of": "amount", "op": op, "value": value}


def stays(key: str, user: str) -> Any:
    found = find_profile(type="user_id", value=user)
    return Membership.objects.filter(segment__key=key, profile_id=found)


def is_in(key: str, user: str) -> bool:
    return bool(stays(key, user).filter(left_at__isnull=True).exists())


def test_thresholds_nested_segments_and_lists_on_the_live_lanes(running: Running) -> None:
    """Mean 50 and sample deviation 20: mean + 2 SD is 90.00. The fifth of five who spent most is above p80."""
    send(running, *(bought(f"deal-{number}", amount) for number, amount in enumerate((30, 50, 70))))
    go_live(running, "dealers", BOUGHT)
    assert eventually(lambda: is_in("dealers", "deal-2"))
    go_live(running, "unusual-deals", spent(">", {"mean_plus_sd": 2, "over": "dealers"}))
    go_live(running, "top-fifth", spent(">=", {"percentile": 80, "over": "dealers"}), thresholds={"band": 10})
    go_live(running, "usual-dealers", {"all": [{"segment": "dealers"}, {"not": {"segment": "unusual-deals"}}]})
    assert eventually(lambda: is_in("top-fifth", "deal-2"))
    assert eventually(lambda: is_in("usual-dealers", "deal-0"))

    send(running, bought("deal-exactly", 90), bought("deal-above", 90.01))

    assert eventually(lambda: is_in("unusual-deals", "deal-above"))
    assert eventually(lambda: is_in("usual-dealers", "deal-exactly"))
    assert not is_in("unusual-deals", "deal-exactly")
    assert not is_in("usual-dealers", "deal-above")
    (leaf,) = stays("unusual-deals", "deal-above").get().evidence
    assert (leaf["value"], leaf["observed"], leaf["threshold"]["people"]) == (90, 90.01, 3)

    # A day later, as the beat will ask then: p80 of 30, 50, 70, 90 and 90.01 is 90.002.
    assert refreshing.refresh(now=datetime.now(UTC) + timedelta(days=1, minutes=1)) == 2
    gone = eventually(lambda: stays("top-fifth", "deal-2").filter(left_at__isnull=False).first())
    assert gone.left_cause == "threshold"
    assert is_in("top-fifth", "deal-above")
    assert ThresholdDecision.objects.filter(outcome="asked", version__head__key="unusual-deals").exists()


def test_somebody_on_an_uploaded_list_is_a_member_the_moment_they_appear(running: Running) -> None:
    author = person(running, "author")
    sent = {"file": ("guests.csv", b"user_id\nguest-late\n")}
    made = author.post("/v1/lists", data={"key": "guests", "name": "Guests"}, files=sent)
    assert (made.status_code, made.json()["matched"]) == (201, 0), made.text
    go_live(running, "on-the-guest-list", {"list": "guests"})

    send(running, seen("guest-late", "Door Opened"), seen("guest-other", "Door Opened"))

    assert eventually(lambda: is_in("on-the-guest-list", "guest-late"))
    assert eventually(lambda: find_profile(type="user_id", value="guest-other"))
    assert not is_in("on-the-guest-list", "guest-other")
    again = author.put("/v1/lists/guests", files={"file": ("guests.csv", b"user_id\nguest-other\n")})
    assert (again.json()["came"], again.json()["went"], again.json()["touched"]) == (1, 1, 2)
    assert eventually(lambda: is_in("on-the-guest-list", "guest-other"))
    left = eventually(lambda: stays("on-the-guest-list", "guest-late").filter(left_at__isnull=False).first())
    assert left.left_cause == "list"
