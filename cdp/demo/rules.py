"""The sample shop's segments, brought to life by two people over REST: one drafts and submits, the other approves."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from cdp.demo.client import Door

Rule = dict[str, Any]
GOVERNANCE = "/v1/governance/segments"


@dataclass(frozen=True, slots=True)
class Definition:
    key: str
    name: str
    description: str
    rule: Rule
    tag: str = ""


def _count(event: str, op: str, value: int, within: str | None = None) -> Rule:
    return {"event": event, "measure": "count", "op": op, "value": value} | ({"within": within} if within else {})


LIVE = (
    Definition(
        "frequent-buyers", "Frequent buyers", "Ordered at least three times.",
        _count("Order Completed", ">=", 3), tag="Loyal Customer",
    ),
    Definition(
        "big-spenders-90d",
        "Big spenders 90d",
        "Ordered for more than 500 euros in the last 90 days.",
        {"event": "Order Completed", "measure": "sum", "of": "revenue", "op": ">", "value": 500, "within": "90d"},
    ),
    Definition(
        "cart-abandoned",
        "Cart abandoned",
        "Put something into the cart in the last 24 hours and ordered nothing in that time.",
        {"all": [_count("Product Added", ">=", 1, "24h"), _count("Order Completed", "=", 0, "24h")]},
    ),
    Definition(
        "browsing-now", "Browsing now", "Looked at more than three products in the last ten minutes.",
        _count("Product Viewed", ">", 3, "10m"),
    ),
    Definition(
        "marketing-reachable",
        "Marketing reachable",
        "Has an e-mail address and agreed to offers.",
        {"all": [{"consent": "marketing"}, {"trait": "email", "op": "exists"}]},
    ),
    Definition(
        "germans-and-austrians", "Germans & Austrians", "Lives in Germany or Austria.",
        {"trait": "country", "op": "in", "value": ["DE", "AT"]},
    ),
)  # fmt: skip
WAITING = Definition(
    "win-back",
    "Win back",
    "Ordered once, not in the last 60 days, and agreed to offers.",
    {
        "all": [
            _count("Order Completed", ">=", 1),
            _count("Order Completed", "=", 0, "60d"),
            {"consent": "marketing"},
        ]
    },
)


def bring_to_life(*, author: Door, approver: Door, live: Sequence[Definition] = LIVE) -> None:
    """Have every segment drafted, submitted and approved, and one left waiting; what is done already stays as it is."""
    for definition in live:
        version = _submitted(author, definition)
        if version["state"] == "review":
            approver.post(
                f"{GOVERNANCE}/{definition.key}/versions/{version['number']}/approve",
                {
                    "comment": "Read the rule and the preview: it says what it means.",
                    "content_hash": version["content_hash"],
                },
            )
    _submitted(author, WAITING)


def _submitted(author: Door, definition: Definition) -> Rule:
    """Return the newest version, made and submitted where that has not happened yet."""
    path = f"{GOVERNANCE}/{definition.key}"
    found = author.find(path)
    if found is None:
        wanted = {"key": definition.key, "name": definition.name, "description": definition.description}
        # The sample shop is small, and so may be a segment of it.
        content = {"rule": definition.rule, "acknowledged": ["few_people"]}
        if definition.tag:
            content["tag"] = definition.tag
        found = author.post(GOVERNANCE, wanted | {"content": content})
    version: Rule = found["versions"][0]
    if version["state"] == "draft":
        version = author.post(f"{path}/versions/{version['number']}/submit", None)
    return version
