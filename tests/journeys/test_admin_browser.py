"""The main job as people do it: in a real browser against the real processes, at a desk and on a phone."""

import csv
import io
import json
import os
import re
import shutil
import time
import zipfile
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from uuid import uuid4

import pytest
from playwright.sync_api import Browser, BrowserContext, Page, expect, sync_playwright

from tests.running import Running

PROGRAMS = ("chromium", "chromium-browser", "google-chrome", "google-chrome-stable")
ARGUMENTS = [
    "--headless", "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run",
    "--disable-background-networking", "--disable-component-update", "--disable-sync",
]  # fmt: skip
DESK, PHONE = 1440, 390
PATIENCE = 30_000  # milliseconds; the machine that runs this may be busy with everything else
RULE = {"event": "Order Completed", "measure": "count", "op": ">=", "value": 3}
CONTENT = {"rule": RULE, "acknowledged": ["same_rule", "same_members"]}  # once a width

#: What each role finds in the sidebar, apart from what the journeys themselves walk through.
PAGES = {
    "administrator": [
        "/admin/", "/admin/profiles/profile/", "/admin/profiles/merge/", "/admin/profiles/identityrule/",
        "/admin/segments/segment/",
        "/admin/consent/purpose/", "/admin/consent/notice/", "/admin/profiles/source/", "/admin/profiles/trackingplan/",
        "/admin/profiles/violationcount/", "/admin/profiles/inboxrow/",
        "/admin/profiles/rejectedevent/", "/admin/profiles/eventdefinition/", "/admin/profiles/propertydefinition/",
        "/admin/profiles/traitdefinition/", "/admin/cdp/apikey/", "/admin/cdp/apikey/add/", "/admin/cdp/user/",
        "/admin/cdp/accessrecord/", "/admin/cdp/job/", "/docs/",
    ],
    "author": ["/admin/", "/admin/segments/segment/add/", "/admin/profiles/source/", "/admin/consent/purpose/add/"],
}  # fmt: skip


@pytest.fixture(scope="module")
def browser(running: Running) -> Iterator[Browser]:
    path = next(filter(None, map(shutil.which, PROGRAMS)), None)
    if path is None:
        pytest.skip(f"no browser: none of {', '.join(PROGRAMS)} is on the PATH")
    with sync_playwright() as playwright:
        started = playwright.chromium.launch(executable_path=path, args=ARGUMENTS)
        yield started
        started.close()


@pytest.fixture(params=[DESK, PHONE], ids=["desk", "phone"])
def width(request: pytest.FixtureRequest) -> int:
    return int(request.param)


@dataclass
class Seat:
    """One person's browser, which notes every request that leaves our origin and every complaint of the console."""

    base_url: str
    context: BrowserContext
    page: Page
    width: int
    outside: list[str] = field(default_factory=list)
    complaints: list[str] = field(default_factory=list)

    def visit(self, address: str) -> None:
        answer = self.page.goto(self.base_url + address)
        assert answer is not None and answer.status == 200, f"{address}: {answer and answer.status}"
        self.settle()

    def settle(self) -> None:
        """Let the page load, then check what holds of every page."""
        self.page.wait_for_load_state("load")
        wide, inner = self.page.evaluate("[document.documentElement.scrollWidth, window.innerWidth]")
        assert wide <= inner, f"{self.page.url} scrolls sideways: {wide} of {inner} px"
        assert not self.outside, f"{self.page.url} asked elsewhere: {self.outside}"
        assert not self.complaints, f"{self.page.url} complained: {self.complaints}"

    def shoot(self, name: str) -> None:
        folder = os.environ.get("CDP_SCREENSHOTS")
        if folder:
            self.page.screenshot(path=Path(folder) / f"{name}-{self.width}.png", full_page=True)


@pytest.fixture(scope="module")
def sessions() -> dict[str, Any]:
    """Who has signed in before, by role: a password costs a second, and once is proof enough."""
    return {}


@pytest.fixture
def sign_in(browser: Browser, running: Running, width: int, sessions: dict[str, Any]) -> Iterator[Any]:
    opened: list[BrowserContext] = []

    def enter(role: str) -> Seat:
        context = browser.new_context(viewport={"width": width, "height": 900}, storage_state=sessions.get(role))
        context.set_default_timeout(PATIENCE)
        opened.append(context)
        page = context.new_page()
        seat = Seat(running.base_url, context, page, width)
        page.on("request", lambda asked: _note_outside(seat, asked.url))
        page.on(
            "console", lambda said: seat.complaints.append(said.text) if said.type in ("error", "warning") else None
        )
        page.on("pageerror", lambda error: seat.complaints.append(str(error)))
        page.goto(f"{running.base_url}/admin/")
        if role not in sessions:
            login = running.logins[role]
            page.get_by_label("Username").fill(login["username"])
            page.get_by_label("Password").fill(login["password"])
            page.get_by_role("button", name="Log in").click()
            page.wait_for_url(f"{running.base_url}/admin/")
            sessions[role] = context.storage_state()
        seat.settle()
        return seat

    yield enter
    for context in opened:
        context.close()


def _note_outside(seat: Seat, url: str) -> None:
    if not url.startswith((seat.base_url, "data:", "blob:")):
        seat.outside.append(url)


def _note_complaint(seat: Seat, kind: str, text: str) -> None:
    if kind in ("error", "warning"):
        seat.complaints.append(text)


@pytest.fixture(scope="module")
def shopper(running: Running) -> str:
    """Somebody who ordered three times and agreed to marketing, and one event that cannot be stored."""
    email = f"shopper-{uuid4().hex[:8]}@example.com"
    agreed = {"categoryPreferences": {"marketing": True}}
    known = {"userId": email.partition("@")[0], "anonymousId": uuid4().hex, "context": {"consent": agreed}}
    events: list[dict[str, Any]] = [{"type": "identify", "traits": {"email": email, "firstName": "Rosa"}, **known}]
    events += [
        {"type": "track", "event": "Order Completed", "properties": {"revenue": 40 + n}, **known} for n in range(3)
    ]
    events += [{"type": "track", "event": "Nobody's", "properties": {}}]
    with running.client(running.write_key) as client:
        answer = client.post("/v1/batch", json={"batch": [{"messageId": uuid4().hex, **event} for event in events]})
        assert answer.status_code == 200, answer.text
    with running.client(running.compliance_key) as client:
        grant = {"identifier": {"type": "email", "value": email}, "operation": "grant", "purposes": ["marketing"]}
        _eventually(lambda: client.get(f"/v1/profiles/email:{email}").status_code == 200, "the shopper is stored")
        answer = client.post("/v1/consent", json=grant)
        assert answer.status_code in (200, 201), answer.text
    return email


def _eventually(holds: Any, what: str) -> None:
    until = time.monotonic() + PATIENCE / 1000
    while not holds():
        assert time.monotonic() < until, f"{what}: not within {PATIENCE / 1000:g} s"
        time.sleep(0.2)


def test_a_rule_goes_from_its_author_over_an_approver_to_a_person_with_its_reason(
    sign_in: Any, shopper: str, width: int
) -> None:
    name = f"Regulars {width}"
    author = sign_in("author")
    version = draft_and_submit(author, name)
    the_author_cannot_approve(author, version)
    approve(sign_in("approver"), name)
    the_person_shows_the_segment(author, shopper, name)


def draft_and_submit(seat: Seat, name: str) -> str:
    page = seat.page
    seat.visit("/admin/segments/segment/add/")
    page.get_by_label("Key").fill(name.lower().replace(" ", "-"))
    page.get_by_label("Name").fill(name)
    page.get_by_label("Description").fill("Ordered at least three times.")
    page.get_by_role("button", name="Save", exact=True).click()
    page.locator("textarea[name=content]").fill(json.dumps(CONTENT))
    seat.settle()
    seat.shoot("draft")
    page.get_by_role("button", name="Save draft").click()
    expect(page.get_by_text("happened at least 3 times")).to_be_visible()
    seat.settle()
    page.get_by_role("button", name="Submit for approval").click()
    expect(page.get_by_text("waiting for approval").first).to_be_visible()
    seat.settle()
    seat.shoot("submitted")
    return page.url


def the_author_cannot_approve(seat: Seat, version: str) -> None:
    expect(seat.page.get_by_role("button", name="Approve")).to_have_count(0)
    token = seat.page.locator("input[name=csrfmiddlewaretoken]").first.input_value()
    form = {"csrfmiddlewaretoken": token, "comment": "I like my own rule.", "step": "approve"}
    answer = seat.context.request.post(f"{version}approve/", form=form, headers={"Referer": version})
    assert answer.status in (403, 409), answer.status
    seat.page.reload()
    expect(seat.page.get_by_text("waiting for approval").first).to_be_visible()


def approve(seat: Seat, name: str) -> None:
    page = seat.page
    seat.shoot("overview")
    page.locator("#panel-waiting").get_by_role("link", name=name).click()
    seat.settle()
    seat.shoot("to-decide")
    page.get_by_label("Comment").fill("Three orders make a regular.")
    page.get_by_role("button", name="Approve", exact=True).click()
    expect(page.get_by_text(f"Version 1 of {name} is live.")).to_be_visible()
    seat.settle()


def the_person_shows_the_segment(seat: Seat, email: str, name: str) -> None:
    page = seat.page
    seat.visit("/admin/profiles/profile/")
    page.locator("#searchbar").fill(email)
    page.locator("#searchbar").press("Enter")
    page.get_by_role("link", name="Rosa").click()
    seat.settle()
    stay = page.locator("#segments .cdp-stay", has_text=name)
    _eventually(lambda: stay.count() == 1 or page.reload() is None, "the segment is on the page")
    expect(stay).to_contain_text("happened at least 3 times")
    stay.get_by_text("Why?").click()
    expect(stay.get_by_text("seen: 3")).to_be_visible()
    expect(stay.get_by_text("Three orders make a regular.")).to_be_visible()
    expect(page.locator("#consent")).to_contain_text("granted")
    expect(page.locator("#identifiers")).to_contain_text(email)
    expect(page.locator("#timeline")).to_contain_text("Order Completed")
    seat.settle()
    seat.shoot("person")


def test_compliance_exports_a_consent_log_that_parses(sign_in: Any, shopper: str) -> None:
    seat = sign_in("compliance")
    page = seat.page
    seat.visit("/admin/consent/entry/")
    seat.shoot("consent-log")
    page.get_by_role("link", name="Export", exact=True).click()
    seat.settle()
    page.get_by_role("button", name="Export").click()
    seat.settle()
    link = page.locator("#exports li").first.get_by_role("link", name=re.compile("Download export"))
    expect(link).to_be_visible(timeout=PATIENCE)  # by itself: the page looks again until it is ready
    seat.settle()
    seat.shoot("exports")
    with page.expect_download() as awaited:
        link.click()
    with zipfile.ZipFile(awaited.value.path()) as archive:
        files = {Path(name).suffix: archive.read(name).decode() for name in archive.namelist()}
    entries = [json.loads(line) for line in files[".jsonl"].splitlines()]
    rows = list(csv.reader(io.StringIO(files[".csv"])))
    assert entries and len(rows) == len(entries) + 1
    seat.settle()


def test_a_rejected_event_is_shown_whole_with_its_reason(sign_in: Any, shopper: str) -> None:
    seat = sign_in("author")
    seat.visit("/admin/profiles/rejectedevent/?code=missing_id")
    seat.page.locator("#result_list a").first.click()
    seat.settle()
    expect(seat.page.locator(".cdp-json")).to_contain_text("Nobody's")
    expect(seat.page.get_by_role("button", name="Send through again")).to_be_visible()
    seat.shoot("rejected-event")


@pytest.mark.parametrize("width", [DESK])
@pytest.mark.parametrize("role", PAGES)
def test_every_page_stays_in_its_width_and_on_its_own_server(sign_in: Any, shopper: str, role: str) -> None:
    seat = sign_in(role)
    for address in PAGES[role]:
        for seat.width in (DESK, PHONE):
            seat.page.set_viewport_size({"width": seat.width, "height": 900})
            seat.visit(address) if seat.width == DESK else seat.settle()
            seat.shoot(f"{role}{address.replace('/', '_')}")


def test_the_navigation_opens_by_keyboard_on_a_phone(sign_in: Any, width: int) -> None:
    seat = sign_in("author")
    if width > PHONE:
        expect(seat.page.get_by_role("button", name="Show or hide the navigation")).to_be_visible()
        return
    seat.page.get_by_role("button", name="Open the navigation").focus()
    seat.page.keyboard.press("Enter")
    expect(seat.page.get_by_role("link", name="Rejected events")).to_be_visible()
    seat.shoot("navigation")
