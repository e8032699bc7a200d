"""GET /v1/accounting."""

from datetime import UTC, datetime

import pytest
from django.test import Client

from cdp import api_keys
from cdp.models import KeyKind, Scope


@pytest.fixture
def shop(db: None) -> Client:
    now = datetime.now(UTC)
    _, token = api_keys.issue(kind=KeyKind.SECRET, name="Reports", scopes={Scope.METRICS_READ}, by=None, now=now)
    return Client(headers={"Authorization": f"Bearer {token}"})


def test_it_says_where_every_event_went(shop: Client) -> None:
    answer = shop.get("/v1/accounting").json()

    assert answer["accepted"] == answer["stored"] + answer["duplicate"] + answer["rejected"] + answer["pending"]
    assert {"people", "being_evaluated", "parked"} <= answer.keys()


NO_MOMENTS = [
    *("2026-03-01", "2026-03-01T00:00:00", "2026-02-31T00:00:00Z"),
    *("0001-01-01T00:00:00+01:00", "yesterday", "\0"),
]


@pytest.mark.parametrize("since", NO_MOMENTS)
def test_it_refuses_what_is_no_moment(shop: Client, since: str) -> None:
    answer = shop.get("/v1/accounting", {"since": since})

    assert (answer.status_code, answer.json()["errors"][0]["field"]) == (400, "since")


def test_it_takes_any_offset_that_a_time_can_have(shop: Client) -> None:
    assert shop.get("/v1/accounting", {"since": "2026-03-01T00:00:00+21:24"}).status_code == 200


def test_it_is_nobody_elses_business(db: None) -> None:
    assert Client().get("/v1/accounting").status_code == 401
