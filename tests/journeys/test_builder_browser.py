"""A rule built in the browser: with the mouse, with a finger's width of screen, and again with the keyboard alone."""

import json
import re
from pathlib import Path
from typing import Any
from uuid import uuid4

import pytest
from playwright.sync_api import Page, expect

from tests.journeys.test_admin_browser import (  # noqa: F401 - fixtures
    DESK,
    PATIENCE,
    PHONE,
    Seat,
    _eventually,
    browser,
    sessions,
    sign_in,
)
from tests.running import Running
from tests.segments.builder_sources import SOURCES, installed

_BUYERS, _FRENCH = 30, 24
_CATEGORIES = ("shoes", "hats")
SHOES = {"property": "category", "op": "=", "value": "shoes"}
BUILT = {
    "all": [
        {"trait": "country", "op": "in", "value": ["DE"]},
        {
            "any": [
                {"consent": "marketing"},
                {
                    "event": "Order Completed",
                    "measure": "count",
                    "op": ">=",
                    "value": 2,
                    "within": "30d",
                    "where": {"all": [SHOES]},
                },
            ]
        },
    ]
}


@pytest.fixture(autouse=True)
def _reads_beside_the_browser(monkeypatch: pytest.MonkeyPatch) -> None:
    """The browser's driver runs a loop in this thread, and Django takes every thread with one for asynchronous."""
    monkeypatch.setenv("DJANGO_ALLOW_ASYNC_UNSAFE", "1")


@pytest.fixture(params=[DESK, PHONE], ids=["desk", "phone"])
def width(request: pytest.FixtureRequest) -> int:
    return int(request.param)


@pytest.fixture(scope="module")
def axe(tmp_path_factory: pytest.TempPathFactory) -> str:
    """The accessibility checker's script, from the packages of the builder's lock."""
    beside = SOURCES / "node_modules" / "axe-core" / "axe.min.js"
    folder = Path(installed(tmp_path_factory.mktemp("axe"))) if not beside.exists() else SOURCES
    return (folder / "node_modules" / "axe-core" / "axe.min.js").read_text()


@pytest.fixture(scope="module")
def shop(running: Running) -> None:
    """Germans of whom each bought shoes twice, and people from France who bought a hat once."""
    people: list[dict[str, Any]] = []
    for number in range(_BUYERS + _FRENCH):
        is_german = number < _BUYERS
        who = {"userId": f"b{number}", "anonymousId": uuid4().hex}
        traits = {"country": "DE" if is_german else "FR", "firstName": f"Person {number}", "age": 20 + number % 50}
        people.append({"type": "identify", "traits": traits, **who})
        bought = {"revenue": 20.5 + number, "category": _CATEGORIES[0 if is_german else 1]}
        order = {"type": "track", "event": "Order Completed", "properties": bought, **who}
        people += [order] * (2 if is_german else 1)
        people.append({"type": "track", "event": "Product Viewed", "properties": {"category": "hats"}, **who})
    with running.client(running.write_key) as client:
        for start in range(0, len(people), 100):
            batch = [{"messageId": uuid4().hex, **one} for one in people[start : start + 100]]
            assert client.post("/v1/batch", json={"batch": batch}).status_code == 200
    with running.client(running.read_key) as client:
        last = f"/v1/profiles/user_id:b{_BUYERS + _FRENCH - 1}"
        _eventually(lambda: client.get(last).status_code == 200, "everybody is stored")


def begin(seat: Seat, name: str) -> None:
    """Add a segment and stand before its first draft."""
    page = seat.page
    seat.visit("/admin/segments/segment/add/")
    page.get_by_label("Key").fill(name.lower().replace(" ", "-"))
    page.get_by_label("Name").fill(name)
    page.get_by_role("button", name="Save", exact=True).click()
    expect(subject(page)).to_be_visible()
    seat.settle()


def subject(page: Page) -> Any:
    return page.get_by_role("combobox", name="What the condition is about")


def written(page: Page) -> Any:
    return json.loads(page.locator("textarea[name=content]").input_value())["rule"]


def choose(page: Page, field: Any, text: str, option: str) -> None:
    """Look for a choice by typing, and take it with the pointer."""
    field.click()
    field.fill(text)
    page.get_by_role("option", name=option).first.click()


def the_page_is_sound(seat: Seat, axe: str, name: str) -> None:
    """No sideways scroll, nothing asked elsewhere, no complaint; axe finds nothing serious, light and dark."""
    for scheme in ("light", "dark"):
        # As the theme's own switch does it.
        seat.page.evaluate("dark => document.documentElement.classList.toggle('dark', dark)", scheme == "dark")
        seat.settle()
        seat.page.evaluate(axe)
        found = seat.page.evaluate("axe.run(document, {resultTypes: ['violations']}).then(told => told.violations)")
        serious = [
            f"{one['id']}: {node['html'][:160]} {node.get('failureSummary', '')[:200]}"
            for one in found
            if one["impact"] in ("serious", "critical")
            for node in one["nodes"]
        ]
        assert not serious, f"{name}, {scheme}:\n" + "\n".join(serious)
        seat.shoot(f"{name}-{scheme}")
    seat.page.evaluate("document.documentElement.classList.remove('dark')")


def test_a_nested_rule_is_built_with_the_mouse_and_goes_all_the_way(
    sign_in: Any,  # noqa: F811
    shop: None,
    axe: str,
    width: int,
) -> None:
    name = f"Shoe lovers {width}"
    author = sign_in("author")
    begin(author, name)
    the_page_is_sound(author, axe, "builder-empty")
    build_with_the_mouse(author)
    assert written(author.page) == BUILT
    it_tells_whom_it_finds(author)
    the_page_is_sound(author, axe, "builder-built")
    acknowledge(author)
    version = submit(author)
    the_page_is_sound(author, axe, "builder-submitted")
    the_author_cannot_approve(author, version)
    approve(sign_in("approver"), name)


def build_with_the_mouse(seat: Seat) -> None:
    page = seat.page
    choose(page, subject(page), "count", "country")
    page.get_by_label("How country is compared").select_option("in")
    page.get_by_label("Value of country: add a value").click()
    page.get_by_role("option", name="DE").first.click()
    page.get_by_role("button", name="+ Group").click()
    group = page.get_by_role("group", name="Group 2", exact=True)
    choose(page, group.get_by_role("combobox", name="What the condition is about"), "order", "Order Completed")
    group.get_by_label("Value for Order Completed", exact=True).fill("2")
    group.get_by_role("button", name="+ only where").click()
    choose(page, group.get_by_role("combobox", name="Which property"), "cat", "category")
    group.get_by_label("Value of category").click()
    page.get_by_role("option", name="shoes").first.click()
    group.get_by_role("button", name="+ Condition").last.click()
    choose(
        page,
        group.get_by_role("combobox", name="What the condition is about").last,
        "marketing",
        "Consent to marketing",
    )
    drag_above(page, "Condition 2.2", "Condition 2.1")
    page.get_by_role("button", name="Copy condition 2.1").click()
    page.get_by_role("button", name="Remove condition 2.2").click()
    seat.settle()


def drag_above(page: Page, moved: str, target: str) -> None:
    handle = page.get_by_role("group", name=moved, exact=True).locator(".cdp-rb-handle").first
    handle.scroll_into_view_if_needed()
    onto = page.get_by_role("group", name=target, exact=True)
    start, end = handle.bounding_box(), onto.bounding_box()
    assert start and end
    page.mouse.move(start["x"] + start["width"] / 2, start["y"] + start["height"] / 2)
    page.mouse.down()
    page.mouse.move(end["x"] + 40, end["y"] + 12, steps=8)
    expect(page.locator(".cdp-rb-drop-line")).to_have_count(1)
    page.mouse.up()


def it_tells_whom_it_finds(seat: Seat) -> None:
    page = seat.page
    preview = page.locator("#rule-preview")
    expect(preview.get_by_text("Up to date")).to_be_visible(timeout=PATIENCE)
    expect(preview.get_by_test_id("size")).to_have_text(str(_BUYERS))
    expect(preview).to_contain_text("country is “DE”")
    expect(preview.get_by_role("region", name="Five of them").get_by_role("link")).to_have_count(5)
    costs = page.locator("#rule-costs")
    expect(costs.locator("tbody tr")).to_have_count(3, timeout=PATIENCE)
    expect(costs).to_contain_text("“Order Completed” of the last 30 days, with category")


def acknowledge(seat: Seat) -> None:
    """Say in the text that the segment of the other width may have the same rule and the same members."""
    text = seat.page.locator("textarea[name=content]")
    content = json.loads(text.input_value()) | {"acknowledged": ["same_rule", "same_members"]}
    text.fill(json.dumps(content))
    seat.settle()
    assert written(seat.page) == BUILT


def submit(seat: Seat) -> str:
    page = seat.page
    page.get_by_role("button", name="Save draft").click()
    page.get_by_role("button", name="Submit for approval").click()
    expect(page.get_by_text("waiting for approval").first).to_be_visible()
    seat.settle()
    return page.url


def the_author_cannot_approve(seat: Seat, version: str) -> None:
    expect(seat.page.get_by_role("button", name="Approve")).to_have_count(0)
    token = seat.page.locator("input[name=csrfmiddlewaretoken]").first.input_value()
    form = {"csrfmiddlewaretoken": token, "comment": "I like my own rule."}
    answer = seat.context.request.post(f"{version}approve/", form=form, headers={"Referer": version})
    assert answer.status in (403, 409), answer.status


def approve(seat: Seat, name: str) -> None:
    page = seat.page
    seat.visit("/admin/")
    page.locator("#panel-waiting").get_by_role("link", name=name).click()
    page.get_by_label("Comment").fill("They do love shoes.")
    page.get_by_role("button", name="Approve", exact=True).click()
    expect(page.get_by_text(f"Version 1 of {name} is live.")).to_be_visible()
    seat.settle()


# -- the keyboard alone ------------------------------------------------------------------------------------------------
def test_the_same_rule_is_built_with_the_keyboard_alone(sign_in: Any, shop: None, width: int) -> None:  # noqa: F811
    author = sign_in("author")
    begin(author, f"Typed {width}")
    type_the_rule(author)
    page = author.page
    tab_to(page, "Save draft")
    press(page, "Enter")
    expect(page.get_by_role("button", name="Submit for approval")).to_be_visible()


def type_the_rule(seat: Seat) -> None:
    page = seat.page
    page.mouse.move(0, 0)
    tab_to(page, "What the condition is about")
    pick(page, "country")
    tab_to(page, "How country is compared")
    page.keyboard.type("is one of")
    tab_to(page, "Value of country: add a value")
    press(page, "D", "E", "Enter")
    tab_to(page, "+ Group")
    press(page, "Enter")
    the_focus_is_on(page, "What the condition is about")
    pick(page, "order completed")
    tab_to(page, "Value for Order Completed")
    press(page, "Control+a", "2")
    tab_to(page, "+ only where …")
    press(page, "Enter")
    the_focus_is_on(page, "Which property")
    pick(page, "category")
    tab_to(page, "Value of category")
    page.keyboard.type("shoes")
    press(page, "Escape")
    tab_to(page, "+ Condition", times=2)
    press(page, "Enter")
    the_focus_is_on(page, "What the condition is about")
    pick(page, "consent to marketing")
    tab_to(page, "Move condition 2.2 up")
    press(page, "Enter")
    expect(page.get_by_role("button", name="Remove condition 2.2")).to_be_visible()
    assert written(page) == BUILT
    seat.settle()


def pick(page: Page, text: str) -> None:
    """Type what is looked for and take the first that is found."""
    page.keyboard.type(text)
    press(page, "Enter")


def press(page: Page, *keys: str) -> None:
    for key in keys:
        page.keyboard.press(key)


def tab_to(page: Page, name: str, *, times: int = 1) -> None:
    """Press Tab until what is called so has the focus, for the `times`th time."""
    for _ in range(150):
        page.keyboard.press("Tab")
        if _focused(page) == name:
            times -= 1
            if times == 0:
                return
    raise AssertionError(f"Tab never comes to {name!r}")


def the_focus_is_on(page: Page, name: str) -> None:
    _eventually(lambda: _focused(page) == name, f"the focus is on {name!r}, not {_focused(page)!r}")


def _focused(page: Page) -> str:
    on = "document.activeElement"
    return str(page.evaluate(f"{on}.getAttribute('aria-label') || {on}.textContent.trim()"))


# -- the text beside it ----------------------------------------------------------------------------------------
@pytest.mark.parametrize("width", [DESK])
def test_the_text_and_the_builder_stay_of_one_mind(sign_in: Any, shop: None, axe: str) -> None:  # noqa: F811
    author = sign_in("author")
    begin(author, "Both ways")
    page = author.page
    text = page.locator("textarea[name=content]")
    rule = {
        "all": [
            {"trait": "age", "op": ">=", "value": 30},
            {"unheard_of": [1, {"deep": None}]},
            {"trait": "contry", "op": "exists"},
        ]
    }
    text.fill(json.dumps({"rule": rule, "acknowledged": []}))
    expect(page.get_by_label("Value of age", exact=True)).to_have_value("30")
    assert json.loads(page.get_by_label("This part as JSON").input_value()) == rule["all"][1]
    wrong = page.get_by_role("group", name="Condition 3", exact=True).get_by_role("alert")
    expect(wrong).to_contain_text('did you mean "country"?')
    expect(wrong).to_contain_text("$.all[2].trait")
    the_page_is_sound(author, axe, "builder-problems")
    page.get_by_label("Value of age", exact=True).fill("31.50")
    expect(text).to_have_value(re.compile(r'"value": 31\.50\b'))
    page.get_by_role("button", name="Undo").click()
    assert written(page) == rule
    text.fill('{"rule": {"all": [')
    expect(page.locator("#rule-text-state")).to_contain_text("line 1, column")
    expect(page.get_by_label("Value of age", exact=True)).to_have_value("30")
    text.fill(json.dumps({"rule": rule}))
    expect(page.locator("#rule-text-state").get_by_role("alert")).to_have_count(0)
    author.settle()
