"""A tracking plan as people bring it to life: learned, edited in a table, approved, followed, its blocks undone."""

from pathlib import Path
from typing import Any
from uuid import uuid4

import pytest
from playwright.sync_api import expect

from profiles.models import Event, RejectedEvent, Source
from tests.journeys.test_admin_browser import (  # noqa: F401 - fixtures
    DESK,
    PHONE,
    Seat,
    _eventually,
    browser,
    sessions,
    sign_in,
)
from tests.running import Running


@pytest.fixture(autouse=True)
def _reads_beside_the_browser(monkeypatch: pytest.MonkeyPatch) -> None:
    """The browser's driver runs a loop in this thread, and Django takes every thread with one for asynchronous."""
    monkeypatch.setenv("DJANGO_ALLOW_ASYNC_UNSAFE", "1")


@pytest.fixture(params=[DESK], ids=["desk"])
def width(request: pytest.FixtureRequest) -> int:
    return int(request.param)


def send(running: Running, *events: dict[str, Any]) -> None:
    batch = [{"messageId": uuid4().hex, "type": "track", "userId": f"u{n}", **event} for n, event in enumerate(events)]
    with running.client(running.write_key) as client:
        assert client.post("/v1/batch", json={"batch": batch}).status_code == 200


def order(**properties: Any) -> dict[str, Any]:
    return {"event": "Order Completed", "properties": properties}


def look(seat: Seat, name: str) -> None:
    """See that the page keeps its width at a desk and on a phone."""
    for seat.width in (PHONE, DESK):
        seat.page.set_viewport_size({"width": seat.width, "height": 900})
        seat.settle()
        seat.shoot(name)


def test_a_plan_is_learned_edited_approved_followed_and_what_it_blocked_sent_again(
    sign_in: Any,  # noqa: F811
    running: Running,
) -> None:
    send(running, *(order(total=n, currency="EUR") for n in range(5)))
    _eventually(lambda: Event.objects.filter(name="Order Completed").count() == 5, "the orders are stored")
    source = Source.objects.get(pk=Event.objects.filter(name="Order Completed")[:1].get().source_id)
    author, approver = sign_in("author"), sign_in("approver")
    learn_and_edit(author, source)
    decide(approver, "Shop events")
    follow(author, source)
    decide(approver, source.name)
    send(running, order(total="free", currency="EUR"), {"event": "Order Lost"})
    _eventually(lambda: RejectedEvent.objects.filter(replayed_at=None).count() == 2, "the events are blocked")
    see_and_undo(author, source)


def learn_and_edit(seat: Seat, source: Source) -> None:
    page = seat.page
    seat.visit("/admin/profiles/trackingplan/")
    look(seat, "plans-none")
    seat.visit("/admin/profiles/trackingplan/add/")
    page.get_by_label("Key").fill("shop-events")
    page.get_by_label("Name").fill("Shop events")
    page.get_by_role("button", name="Save", exact=True).click()
    page.get_by_role("link", name="Cancel").click()
    look(seat, "plan")
    page.get_by_label("Source", exact=True).select_option(label=source.name)
    page.get_by_role("button", name="Propose a draft").click()
    expect(page.get_by_role("rowheader", name="currency")).to_be_visible()
    look(seat, "plan-learned")
    page.get_by_role("link", name="Edit").click()
    page.get_by_label("Allowed values of currency").fill("EUR, USD")
    page.get_by_label("Name of a new property of Order Completed").fill("coupon")
    page.get_by_role("button", name="Add property").first.click()
    expect(page.get_by_label("Type of coupon")).to_have_value("string")
    look(seat, "plan-table")
    text = page.locator("textarea[name=content]")
    assert '"USD"' in text.input_value() and '"coupon"' in text.input_value()
    page.get_by_role("button", name="Save draft").click()
    expect(page.get_by_text("EUR, USD")).to_be_visible()
    page.get_by_role("button", name="Submit for approval").click()
    expect(page.get_by_text("waiting for approval").first).to_be_visible()


def decide(seat: Seat, name: str) -> None:
    page = seat.page
    seat.visit("/admin/")
    page.locator("#panel-waiting").get_by_role("link", name=name).first.click()
    look(seat, f"decide-{name.lower().replace(' ', '-')}")
    page.get_by_label("Comment").fill("As agreed.")
    page.get_by_role("button", name="Approve", exact=True).click()
    expect(page.get_by_text("is live.")).to_be_visible()


def follow(seat: Seat, source: Source) -> None:
    page = seat.page
    seat.visit(f"/admin/profiles/source/{source.pk}/change/")
    look(seat, "source")
    page.get_by_role("link", name="New version").click()
    page.get_by_label("Tracking plan").select_option("shop-events")
    page.get_by_label("An event that the plan does not list").select_option("block")
    page.get_by_label("A property or trait that the plan does not list").select_option("omit")
    page.get_by_label("A value that breaks the plan's schema").select_option("block")
    look(seat, "source-version")
    page.get_by_role("button", name="Save draft").click()
    page.get_by_role("button", name="Submit for approval").click()
    expect(page.get_by_text("waiting for approval").first).to_be_visible()


def see_and_undo(seat: Seat, source: Source) -> None:
    page = seat.page
    seat.visit("/admin/")
    expect(page.locator("#panel-violations")).to_contain_text("Order Lost")
    look(seat, "overview-violations")
    seat.visit("/admin/profiles/violationcount/")
    look(seat, "violations")
    page.get_by_role("link", name="Order Completed").click()
    look(seat, "violation")
    page.get_by_role("link", name="See them, and send them through again").click()
    look(seat, "blocked")
    page.get_by_role("button", name="Send all of them through again").click()
    expect(page.get_by_text("1 event goes through again")).to_be_visible()


def test_choosing_a_file_fills_in_nothing_else(sign_in: Any, tmp_path: Path) -> None:  # noqa: F811
    seat = sign_in("author")
    file = tmp_path / "people.csv"
    file.write_text("customer_id,email\nc1,c1@example.com\n")
    seat.visit("/admin/profiles/importjob/add/")
    seat.page.get_by_label("File").set_input_files(file)
    expect(seat.page.get_by_label("Source")).to_have_value("")
    seat.visit("/admin/profiles/trackingplan/add/")
    seat.page.get_by_label("Key").fill(f"p{uuid4().hex[:8]}")
    seat.page.get_by_label("Name").fill("From a file")
    seat.page.get_by_role("button", name="Save", exact=True).click()
    seat.page.get_by_role("link", name="Cancel").click()
    seat.page.get_by_label("File").set_input_files(file)
    seat.settle()


def test_a_plan_that_is_none_is_told_with_its_place_and_the_table_waits(sign_in: Any) -> None:  # noqa: F811
    seat = sign_in("author")
    page = seat.page
    seat.visit("/admin/profiles/trackingplan/add/")
    page.get_by_label("Key").fill(f"p{uuid4().hex[:8]}")
    page.get_by_label("Name").fill("Mistaken")
    page.get_by_role("button", name="Save", exact=True).click()
    page.get_by_label("Name of a new event").fill("Sign Up")
    page.get_by_role("button", name="Add event").click()
    text = page.locator("textarea[name=content]")
    text.fill(text.input_value().replace('"type": "object"', '"typ": "object"', 1))
    page.get_by_role("button", name="Save draft").click()
    expect(page.get_by_text("rules[0].jsonSchema.typ").first).to_be_visible()
    look(seat, "plan-error")
    text.fill("{")
    expect(page.get_by_text("The text below is no plan yet").first).to_be_visible()
