"""A year of a real shop: imported, governed rules over it, and every member compared with what pandas finds.

The readings that give the numbers: an order is an invoice without C, cleaned of lines without a positive quantity and
price; its time is that of its earliest line, and UTC; "in the 90 days before 2011-12-01" is [2011-09-02, 2011-12-01);
a refund is any C-invoice; the country is the one on the order.
"""

import time
from pathlib import Path
from typing import Any

import pytest
from django.contrib.auth.models import Group
from django.core.management import call_command
from django.db import connection
from django.utils import timezone

from cdp.governance import lifecycle
from cdp.models import User
from profiles.ingest import accounting, pipeline
from profiles.models import RejectedEvent
from profiles.tasks import work_off
from segments import backfill, memberships
from segments.models import EpochStatus, RuleEpoch
from segments.publishing import SEGMENTS

RETAIL = Path(__file__).resolve().parents[3] / "shared" / "data" / "online_retail" / "online_retail.csv.gz"
FROM, TO = "2011-09-02", "2011-12-01"
NEIGHBOURS = ["Germany", "France"]

ORDERED_THERE = {
    "event": "Order Completed",
    "measure": "count",
    "op": ">=",
    "value": 1,
    "where": {"property": "country", "op": "in", "value": NEIGHBOURS},
}
RULES: dict[str, dict[str, Any]] = {
    "regulars": {"event": "Order Completed", "measure": "count", "op": ">=", "value": 5},
    "spenders": {
        "event": "Order Completed", "measure": "sum", "of": "revenue", "op": ">", "value": 1000, "from": FROM, "to": TO
    },
    "neighbours": ORDERED_THERE,
    "content-neighbours": {
        "all": [
            ORDERED_THERE,
            {"not": {"event": "Order Refunded", "measure": "count", "op": ">=", "value": 1}},
        ]
    },
}  # fmt: skip
SIZES = {"regulars": 669, "spenders": 416, "neighbours": 107, "content-neighbours": 56}
WITHOUT_CUSTOMER = 2_175

pytestmark = pytest.mark.django_db(transaction=True)


def test_live_segments_over_a_real_shop_hold_exactly_the_people_that_pandas_finds() -> None:
    if not RETAIL.exists():
        pytest.skip(f"the Online Retail file is not on this machine: ../shared/data/online_retail/{RETAIL.name}")
    expected, without_customer = found_by_pandas()
    assert {key: len(people) for key, people in expected.items()} == SIZES
    assert len(without_customer) == WITHOUT_CUSTOMER

    call_command("import_events", str(RETAIL), mapping="online_retail")
    pipeline.claim_once()  # the catalogue learns what rules may name
    for key, rule in RULES.items():
        publish(key, rule)
    drain()

    assert rejected_invoices() == without_customer
    assert set(RejectedEvent.objects.values_list("code", "field")) == {("missing_id", "userId")}
    assert accounting.totals().rejected == WITHOUT_CUSTOMER and accounting.totals().balanced
    for key, people in expected.items():
        assert members(key) == people, key
    assert memberships.recompute_differences(now=timezone.now()) == ()


def found_by_pandas() -> tuple[dict[str, set[str]], set[str]]:
    pandas = pytest.importorskip("pandas")
    lines = pandas.read_csv(RETAIL, dtype={"InvoiceNo": str, "CustomerID": str}, parse_dates=["InvoiceDate"])
    without_customer = set(lines[lines.CustomerID.isna()].InvoiceNo)
    lines = lines[lines.CustomerID.notna()]
    is_refund = lines.InvoiceNo.str.startswith("C")
    sold = lines[~is_refund & (lines.Quantity > 0) & (lines.UnitPrice > 0)]
    orders = (
        sold.assign(revenue=sold.Quantity * sold.UnitPrice)
        .groupby("InvoiceNo")
        .agg(
            who=("CustomerID", "first"),
            at=("InvoiceDate", "min"),
            revenue=("revenue", "sum"),
            country=("Country", "first"),
        )
    )
    counts = orders.groupby("who").size()
    spent = orders[(orders["at"] >= FROM) & (orders["at"] < TO)].groupby("who").revenue.sum()
    neighbours = set(orders[orders.country.isin(NEIGHBOURS)].who)
    return {
        "regulars": set(counts[counts >= 5].index),
        "spenders": set(spent[spent > 1000].index),
        "neighbours": neighbours,
        "content-neighbours": neighbours - set(lines[is_refund].CustomerID),
    }, without_customer


def publish(key: str, rule: dict[str, Any]) -> None:
    author, approver, now = person("author"), person("approver"), timezone.now()
    head = lifecycle.create(governed=SEGMENTS, key=key, name=key, by=author, now=now)
    version = lifecycle.draft(head=head, content={"rule": rule}, by=author, now=now)
    lifecycle.submit(version=version, by=author, now=now)
    lifecycle.approve(version=version, comment="Compared with pandas.", by=approver, now=now)


def person(role: str) -> User:
    user, _ = User.objects.get_or_create(username=f"the {role}")
    user.groups.set(Group.objects.filter(name=role))
    return user


def drain() -> None:
    """What the worker does until nothing waits: events, the people they touched, and people from before the rules."""
    while work_off(until=time.monotonic() + 5):
        pass
    while backfill.advance(now=timezone.now()):
        pass
    assert set(RuleEpoch.objects.values_list("status", flat=True)) == {EpochStatus.READY}


def members(key: str) -> set[str]:
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT i.value FROM membership m JOIN segment s ON s.id = m.segment_id"
            " JOIN origin o ON o.root_id = m.profile_id JOIN identifier i ON i.origin_id = o.id"
            " WHERE s.key = %s AND m.left_at IS NULL AND i.type = 'user_id'",
            [key],
        )
        return {value for (value,) in cursor.fetchall()}


def rejected_invoices() -> set[str]:
    message_ids = RejectedEvent.objects.values_list("message_id", flat=True)
    return {message_id.rpartition(":")[2] for message_id in message_ids}
