"""The reviewer's page as people meet it: what changes in words, what it would do, the trial, and the way back."""

import re
from typing import Any
from uuid import uuid4

import pytest
from playwright.sync_api import expect

from tests.journeys.rest import approved, eventually, known, person, seen, send
from tests.journeys.test_admin_browser import Seat, browser, sessions, sign_in, width  # noqa: F401 - fixtures
from tests.running import Running

ACKNOWLEDGED = ["few_people", "same_rule", "same_members"]


@pytest.fixture(autouse=True)
def _database(django_db_blocker: Any, monkeypatch: pytest.MonkeyPatch) -> Any:
    monkeypatch.setenv("DJANGO_ALLOW_ASYNC_UNSAFE", "1")  # the browser's driver runs a loop in this thread
    with django_db_blocker.unblock():
        yield


def viewed(times: int) -> dict[str, Any]:
    return {"event": "Product Viewed", "measure": "count", "op": ">=", "value": times, "within": "1d"}


def ask(running: Running, key: str, rule: dict[str, Any], **more: Any) -> dict[str, Any]:
    """Draft a version of the segment, the first one too, and ask for its approval."""
    author = person(running, "author")
    content = {"rule": rule, "acknowledged": ACKNOWLEDGED} | more
    at = f"/v1/governance/segments/{key}"
    if author.get(at).status_code == 404:
        made = author.post("/v1/governance/segments", json={"key": key, "name": key.title(), "content": content})
        number = made.json()["versions"][0]["number"]
    else:
        number = author.post(f"{at}/versions", json={"content": content}).json()["number"]
    answer = author.post(f"{at}/versions/{number}/submit")
    assert answer.status_code == 200, answer.text
    return dict(answer.json())


@pytest.fixture
def key(running: Running) -> str:
    """A live segment of people who viewed twice, some of whom viewed three times."""
    viewers = [f"viewer-{uuid4().hex[:8]}" for _ in range(6)]
    send(running, *(known(one, country="DE") for one in viewers))
    send(running, *(seen(one) for at, one in enumerate(viewers) for _ in range(2 + at % 2)))
    with running.client(running.read_key) as app:
        assert eventually(lambda: all(app.get(f"/v1/profiles/user_id:{one}").status_code == 200 for one in viewers))
        key = f"viewers-{uuid4().hex[:8]}"
        approved(person(running, "approver"), key, ask(running, key, viewed(2)))
        assert eventually(lambda: app.get(f"/v1/segments/{key}").json()["status"] == "ready")
    return key


def open_version(seat: Seat, running: Running, key: str, number: int) -> None:
    seat.visit("/admin/segments/segment/")
    seat.page.get_by_role("link", name=key.title()).first.click()
    seat.page.get_by_role("link", name=f"Version {number}", exact=True).click()
    seat.settle()


def test_a_reviewer_reads_the_change_decides_and_an_author_goes_back_in_one_step(
    sign_in: Any,  # noqa: F811
    running: Running,
    key: str,
) -> None:
    ask(running, key, viewed(3))
    seat = sign_in("approver")
    page = seat.page
    open_version(seat, running, key, 2)
    expect(page.locator(".cdp-told del")).to_have_text("2")
    expect(page.locator(".cdp-told ins")).to_have_text("3")
    expect(page.locator(".cdp-counted").first).to_contain_text(re.compile(r"\d+ → \d+ people"))
    expect(page.get_by_text("would leave").first).to_be_visible()
    seat.shoot("review")
    page.get_by_label("Comment").fill("Three views are better.")
    page.get_by_role("button", name="Approve", exact=True).click()
    expect(page.get_by_text(re.compile("Version 2 of .* is live"))).to_be_visible()
    author = sign_in("author")
    open_version(author, running, key, 1)
    author.page.get_by_label("Comment").fill("Three was too much.")
    author.page.get_by_role("button", name="Roll back to this version").click()
    expect(author.page.get_by_text("repeats version 1")).to_be_visible()
    expect(author.page.locator(".cdp-told ins")).to_have_text("2")
    author.settle()
    author.shoot("rolled-back")


def test_a_trial_in_the_shadow_is_compared_on_the_page(
    sign_in: Any,  # noqa: F811
    running: Running,
    key: str,
) -> None:
    version = ask(running, key, viewed(3), shadow="7d")
    verdict = {"comment": "Let us see.", "content_hash": version["content_hash"]}
    answer = person(running, "approver").post(f"/v1/governance/segments/{key}/versions/2/approve", json=verdict)
    assert (answer.json()["state"], "in the shadow" in answer.json()["standing"]) == ("review", True), answer.text
    seat = sign_in("approver")
    open_version(seat, running, key, 2)
    told = seat.page.get_by_text("only in the shadow").first
    # The beat compares twice a minute.
    assert eventually(lambda: told.count() == 1 or seat.page.reload() is None)
    expect(seat.page.get_by_role("button", name="Drop")).to_be_visible()
    expect(seat.page.get_by_role("button", name="Approve once more")).to_have_count(0)
    seat.settle()
    seat.shoot("shadow")
