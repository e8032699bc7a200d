"""Undoing a merge as people do it, and the pages of the identity rule."""

from typing import Any
from uuid import uuid4

import pytest
from playwright.sync_api import expect

from tests.journeys.test_admin_browser import _eventually, browser, sessions, sign_in, width  # noqa: F401 - fixtures
from tests.running import Running


@pytest.fixture
def sisters(running: Running) -> tuple[str, str]:
    """Two people whom one event joined, because they share a tablet and a careless alias."""
    first, second = (f"sister-{uuid4().hex[:8]}" for _ in range(2))
    tell(running, {"type": "identify", "userId": first, "traits": {"firstName": "Ida"}})
    tell(running, {"type": "identify", "userId": second, "anonymousId": "null", "traits": {"firstName": "Ulla"}})
    tell(running, {"type": "alias", "userId": first, "previousId": second})
    with running.client(running.compliance_key) as client:
        address = f"/v1/profiles/user_id:{second}"
        _eventually(lambda: id_of(client, address) == id_of(client, f"/v1/profiles/user_id:{first}"), "the two are one")
    return first, second


def tell(running: Running, event: dict[str, Any]) -> None:
    with running.client(running.write_key) as client:
        answer = client.post("/v1/batch", json={"batch": [{"messageId": uuid4().hex, **event}]})
        assert answer.status_code == 200, answer.text
    with running.client(running.compliance_key) as client:
        _eventually(
            lambda: client.get(f"/v1/profiles/user_id:{event['userId']}").status_code == 200, "the event is stored"
        )


def id_of(client: Any, address: str) -> str:
    return str(client.get(address).json().get("id"))


def test_a_merge_is_undone_from_the_persons_page(
    sign_in: Any,  # noqa: F811
    running: Running,
    sisters: tuple[str, str],
) -> None:
    seat = sign_in("approver")
    page = seat.page
    seat.visit("/admin/profiles/profile/")
    page.locator("#searchbar").fill(sisters[1])
    page.locator("#searchbar").press("Enter")
    page.locator("#result_list a").first.click()
    seat.settle()
    expect(page.locator("#identifiers")).to_contain_text("nobody's")
    page.get_by_role("link", name="Undo this merge").first.click()
    seat.settle()
    seat.shoot("merge")
    page.get_by_label("Comment").fill("Two sisters with one tablet.")
    page.get_by_role("button", name="Undo this merge").click()
    expect(page.get_by_text("The merge is undone")).to_be_visible()
    expect(page.get_by_role("button", name="Let them be one again")).to_be_visible()
    seat.settle()
    seat.shoot("merge-undone")
    with running.client(running.compliance_key) as client:
        ids = {id_of(client, f"/v1/profiles/user_id:{name}") for name in sisters}
    assert len(ids) == 2
    page.locator("dd a").nth(1).click()
    seat.settle()
    expect(page.locator("#identifiers")).to_contain_text("somebody undid a merge of the two")
    seat.shoot("person-apart")


def test_the_identity_rule_is_drafted_from_the_default(sign_in: Any, width: int) -> None:  # noqa: F811
    seat = sign_in("author")
    page = seat.page
    seat.visit("/admin/profiles/identityrule/")
    if page.get_by_role("link", name="Who is who").count() == 0:
        seat.visit("/admin/profiles/identityrule/add/")
        page.get_by_label("Key").fill("identity")
        page.get_by_label("Name").fill("Who is who")
        page.get_by_role("button", name="Save", exact=True).click()
    else:
        page.get_by_role("link", name="Who is who").first.click()
        page.get_by_role("link", name="New version").first.click()
    seat.settle()
    seat.shoot("identity-draft")
    page.get_by_role("button", name="Save draft").click()
    expect(page.get_by_text("as many as come").first).to_be_visible()
    page.get_by_role("button", name="Submit for approval").click()
    expect(page.get_by_text("Would become one")).to_be_visible()
    seat.settle()
    seat.shoot("identity-evidence")
    page.get_by_role("button", name="Withdraw").first.click()
    seat.settle()
