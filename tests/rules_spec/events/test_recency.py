"""Recency

`since_last` is the time since the latest such event, `since_first` that since the first one. They are compared with a
stretch of time, and look at all of the past. Of what never happened they are unknown: whoever never bought has not
waited 30 days since buying.
"""

from tests.rules_spec.language import Spec

PEOPLE = """
    id
    1
    2
    3
"""
ORDERS = """
    id | event           | at
    1  | Order Completed | 40d ago
    1  | Order Completed | 31d ago
    2  | Order Completed | 40d ago
    2  | Order Completed | 29d ago
"""


def bought(measure: str, op: str, value: object) -> dict:
    return {"event": "Order Completed", "measure": measure, "op": op, "value": value}


def test_long_ago(spec: Spec) -> None:
    """More than 30 days since the latest order: it becomes true by waiting, one microsecond after exactly 30 days."""
    due = {1: None, 2: "2026-03-11T12:00:00.000001Z", 3: None}
    spec(rule=bought("since_last", ">", "30d"), people=PEOPLE, events=ORDERS, members=[1], unknown=[3], due=due)


def test_at_least_so_long_ago(spec: Spec) -> None:
    """`>=` is true at exactly 30 days."""
    due = {1: None, 2: "in 1d", 3: None}
    spec(rule=bought("since_last", ">=", "30d"), people=PEOPLE, events=ORDERS, members=[1], unknown=[3], due=due)


def test_recently(spec: Spec) -> None:
    """`<` is what `within` says of a window."""
    due = {1: None, 2: "in 1d", 3: None}
    spec(rule=bought("since_last", "<", "30d"), people=PEOPLE, events=ORDERS, members=[2], unknown=[3], due=due)


def test_first_time_ago(spec: Spec) -> None:
    """How long somebody has been a customer."""
    spec(rule=bought("since_first", ">=", "40d"), people=PEOPLE, events=ORDERS, members=[1, 2], unknown=[3])


def test_between(spec: Spec) -> None:
    """`between` holds both its ends."""
    rule = bought("since_last", "between", ["31d", "60d"])
    due = {1: "2026-04-08T12:00:00.000001Z", 2: "in 2d", 3: None}
    spec(rule=rule, people=PEOPLE, events=ORDERS, members=[1], unknown=[3], due=due)
