"""Stages of life

`first_time`: the first such event ever lies in the window. `returned`: it happened in the window, after a pause of at
least `after`. `not_since`: it happened in the window, and since the latest of it another event did not. All three are
about something that happened: of whom it did not, they are false, never unknown.
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
    id | event           | at
    1  | Order Completed | 3d ago
    1  | Order Completed | 1d ago
    2  | Order Completed | 60d ago
    2  | Order Completed | 2d ago
    3  | Order Completed | 60d ago
    3  | Order Completed | 31d ago
    3  | Order Completed | 2d ago
"""


def test_first_time(spec: Spec) -> None:
    """Person 1 is new; the others have bought before."""
    rule = {"lifecycle": "first_time", "event": "Order Completed", "within": "7d"}
    spec(rule=rule, people=PEOPLE, events=ORDERS, members=[1], due={1: "in 4d", 2: None, 4: None})


def test_first_time_in_a_period(spec: Spec) -> None:
    """New in January, whatever came later."""
    rule = {"lifecycle": "first_time", "event": "Order Completed", "from": "2026-01-01", "to": "2026-02-01"}
    spec(rule=rule, people=PEOPLE, events=ORDERS, members=[2, 3])


def test_returned(spec: Spec) -> None:
    """Person 2 came back after 58 days, person 3 after 29. A first time is no return."""
    rule = {"lifecycle": "returned", "event": "Order Completed", "within": "7d", "after": "30d"}
    spec(rule=rule, people=PEOPLE, events=ORDERS, members=[2], due={1: None, 2: "in 5d", 3: None})


def test_returned_after_exactly_so_long(spec: Spec) -> None:
    """A pause of exactly `after` is one."""
    rule = {"lifecycle": "returned", "event": "Order Completed", "within": "7d", "after": "29d"}
    spec(rule=rule, people=PEOPLE, events=ORDERS, members=[2, 3])


def test_not_since(spec: Spec) -> None:
    """Viewed something in the last week, and has not ordered since. Both at one moment is not since."""
    events = """
        id | event           | at
        1  | Product Viewed  | 2d ago
        2  | Product Viewed  | 2d ago
        2  | Order Completed | 1d ago
        3  | Order Completed | 2d ago
        3  | Product Viewed  | 2d ago
        3  | Product Viewed  | 8d ago
        4  | Order Completed | 3d ago
        4  | Product Viewed  | 8d ago
    """
    rule = {
        "lifecycle": "not_since", "event": "Product Viewed", "within": "7d", "not_since": "Order Completed",
    }  # fmt: skip
    spec(rule=rule, people=PEOPLE, events=events, members=[1, 3], due={1: "in 5d", 2: None, 3: "in 5d", 4: None})


def test_not_since_under_a_condition(spec: Spec) -> None:
    """Either side may have a condition: saw shoes, and has not seen a hat since."""
    events = """
        id | event          | at     | category
        1  | Product Viewed | 2d ago | shoes
        2  | Product Viewed | 2d ago | shoes
        2  | Product Viewed | 1d ago | hats
        3  | Product Viewed | 2d ago | hats
        3  | Product Viewed | 1d ago | shoes
    """
    rule = {
        "lifecycle": "not_since",
        "event": "Product Viewed",
        "where": {"property": "category", "op": "=", "value": "shoes"},
        "not_since": {
            "event": "Product Viewed",
            "where": {"property": "category", "op": "=", "value": "hats"},
        },
    }
    spec(rule=rule, people=PEOPLE, events=events, members=[1, 3])
