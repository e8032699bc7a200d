"""What became of a segment, as people look at it: sizes, flips, who on a day, all together, and why at a moment."""

from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from typing import Any

import pytest
from django.db import connection
from django.utils import timezone
from playwright.sync_api import expect

from segments.models import Membership, RuleEpoch, Segment
from tests.journeys.rest import eventually, go_live, known, seen, send
from tests.journeys.test_admin_browser import browser, sessions, sign_in, width  # noqa: F401 - fixtures
from tests.running import Running

PEOPLE = 60
VIP = {"trait": "plan", "op": "=", "value": "pro"}
BUYERS = {"event": "Plan Bought", "measure": "count", "op": ">=", "value": 1}
BOTH = {"all": [VIP, BUYERS, {"not": {"trait": "country", "op": "=", "value": "FR"}}]}


@pytest.fixture(scope="module")
def lived(running: Running) -> int:
    """Three segments, whose members came in over some weeks; some have left again. The first one's id.

    In a thread of its own: the browser's loop runs in this one, where Django asks no database.
    """
    with ThreadPoolExecutor(1) as elsewhere:
        return elsewhere.submit(_live, running).result()


def _live(running: Running) -> int:
    plans = [("pro", "DE") if number % 3 else ("free", "FR") for number in range(PEOPLE)]
    send(running, *(known(f"past-{n}", plan=plan, country=country) for n, (plan, country) in enumerate(plans)))
    send(running, *(seen(f"past-{number}", "Plan Bought") for number in range(1, PEOPLE, 2)))
    for key, rule in (("pros", VIP), ("plan-buyers", BUYERS), ("both", BOTH)):
        go_live(running, key, rule, "few_people")
    assert eventually(lambda: Membership.objects.filter(segment__key="pros").count() == PEOPLE * 2 // 3)
    _spread_over_weeks()
    found = int(Segment.objects.get(key="pros").pk)
    connection.close()
    return found


def _spread_over_weeks() -> None:
    """Every stay begins on another day of the last four weeks; a fifth of them ended two days later."""
    began = timezone.now() - timedelta(days=26)
    with connection.cursor() as cursor:
        cursor.execute(
            "UPDATE membership SET entered_at = %s::timestamptz + (id %% 24) * interval '1 day',"
            " left_at = CASE WHEN id %% 5 = 0 THEN %s::timestamptz + (id %% 24 + 2) * interval '1 day' END,"
            " left_cause = CASE WHEN id %% 5 = 0 THEN 'event' END",
            [began, began],
        )
    RuleEpoch.objects.update(published_at=began)


def test_a_segments_history_is_told_and_shown(sign_in: Any, running: Running, lived: int) -> None:  # noqa: F811
    seat = sign_in("approver")
    page = seat.page
    seat.visit(f"/admin/segments/segment/{lived}/change/")
    expect(page.get_by_role("heading", name="People over time")).to_be_visible()
    expect(page.locator(".cdp-plot-tall .cdp-plot-mark")).to_contain_text("v1")
    page.get_by_text("The same in numbers").click()
    expect(page.get_by_role("columnheader", name="In at its end")).to_be_visible()
    seat.settle()
    seat.shoot("segment-history")
    page.get_by_role("button", name="List them").click()
    seat.settle()
    expect(page.locator("table tbody tr").first).to_be_visible()
    seat.shoot("segment-who")
    seat.visit("/admin/segments/segment/overview/")
    expect(page.get_by_role("heading", name="Whom they share")).to_be_visible()
    seat.settle()
    seat.shoot("segments-together")


def test_why_is_asked_at_an_earlier_moment(sign_in: Any, running: Running, lived: int) -> None:  # noqa: F811
    seat = sign_in("approver")
    page = seat.page
    seat.visit("/admin/profiles/profile/")
    page.locator("#searchbar").fill("past-2")
    page.locator("#searchbar").press("Enter")
    page.locator("#result_list a").first.click()
    seat.settle()
    page.get_by_text("Why not in another?").click()
    page.locator("summary", has_text="Both").click()
    told = page.locator(".cdp-why").last
    expect(told).to_contain_text("the least that would have to change")
    expect(told).to_contain_text("would have to change")
    seat.settle()
    seat.shoot("person-why-not")
    told.locator("input[name=at]").fill("2020-01-01T00:00:00")
    told.get_by_role("button", name="Ask").click()
    expect(page.locator(".cdp-why").last).to_contain_text("at that moment")
    earlier = (timezone.now() - timedelta(seconds=2)).strftime("%Y-%m-%dT%H:%M:%S")
    page.locator(".cdp-why").last.locator("input[name=at]").fill(earlier)
    page.locator(".cdp-why").last.get_by_role("button", name="Ask").click()
    expect(page.locator(".cdp-why").last).to_contain_text("as it was known then")
    seat.settle()
    seat.shoot("person-why-then")
