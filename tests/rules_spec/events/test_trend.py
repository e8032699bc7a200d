"""Trend

A count or a sum over the last `within`, divided by the same over the `within` before it; 1.5 is half as much again, 0.5
is half. Over nothing, or over a sum of 0, there is no quotient, and the answer is unknown. A trend is due whenever an
event passes from one window to the other or out of both.
"""

from tests.rules_spec.language import Spec

PEOPLE = """
    id
    1
    2
    3
    4
"""
ORDERS = """
    id | event           | at      | revenue
    1  | Order Completed | 1d ago  | 10
    1  | Order Completed | 2d ago  | 10
    1  | Order Completed | 3d ago  | 10
    1  | Order Completed | 8d ago  | 40
    1  | Order Completed | 9d ago  | 40
    2  | Order Completed | 8d ago  | 40
    3  | Order Completed | 1d ago  | 40
"""


def orders(op: str, value: object, **measure: str) -> dict:
    return {"trend": {"event": "Order Completed", "within": "7d", **measure}, "op": op, "value": value}


def test_more_often(spec: Spec) -> None:
    """Three orders after two: one and a half times as many. Whoever had none before has no trend."""
    rule = orders(">=", 1.5, measure="count")
    due = {1: "in 4d", 2: "in 6d", 3: "in 6d", 4: None}
    spec(rule=rule, people=PEOPLE, events=ORDERS, members=[1], unknown=[3, 4], due=due)


def test_less(spec: Spec) -> None:
    """In money it was less: 30 after 80. Person 2 has stopped, which is 0 times."""
    rule = orders("<", 0.5, measure="sum", of="revenue")
    spec(rule=rule, people=PEOPLE, events=ORDERS, members=[1, 2], unknown=[3, 4])


def test_windows_touch(spec: Spec) -> None:
    """An event exactly seven days ago is in the earlier window, one exactly fourteen days ago in none."""
    events = """
        id | event           | at
        1  | Order Completed | 1d ago
        1  | Order Completed | 7d ago
        2  | Order Completed | 1d ago
        2  | Order Completed | 14d ago
    """
    spec(rule=orders("=", 1, measure="count"), people=PEOPLE, events=events, members=[1], unknown=[2, 3, 4])
