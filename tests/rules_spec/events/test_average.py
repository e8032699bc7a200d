"""Average, least, greatest

`avg`, `min` and `max` look at the events that have a number in the property; `min` and `max` take moments as well. Of
nothing they are unknown. An average is exact to nine digits, half rounded away from zero, in every database alike.
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
    id | event           | at     | revenue
    1  | Order Completed | 1d ago | 10
    1  | Order Completed | 2d ago | 20
    2  | Order Completed | 1d ago | 5
    2  | Order Completed | 2d ago |
    2  | Order Completed | 3d ago | ="50"
    3  | Order Completed | 1d ago |
"""


def revenue(measure: str, op: str, value: object, **more: str) -> dict:
    return {"event": "Order Completed", "measure": measure, "of": "revenue", "op": op, "value": value, **more}


def test_average(spec: Spec) -> None:
    """An event without a number is not looked at: person 2 has an average of 5, person 3 has none."""
    spec(rule=revenue("avg", ">=", 15), people=PEOPLE, events=ORDERS, members=[1], unknown=[3, 4])


def test_average_below(spec: Spec) -> None:
    """Whoever has no average is not below anything either."""
    spec(rule=revenue("avg", "<", 15), people=PEOPLE, events=ORDERS, members=[2], unknown=[3, 4])


def test_least(spec: Spec) -> None:
    """`min` is the least number."""
    spec(rule=revenue("min", "=", 10), people=PEOPLE, events=ORDERS, members=[1], unknown=[3, 4])


def test_greatest(spec: Spec) -> None:
    """`max` is the greatest one."""
    spec(rule=revenue("max", "between", [5, 10]), people=PEOPLE, events=ORDERS, members=[2], unknown=[3, 4])


def test_rounding(spec: Spec) -> None:
    """A third has nine digits, and two thirds are rounded up. Below zero it is the mirror image."""
    orders = """
        id | event           | at     | revenue
        1  | Order Completed | 1d ago | 1
        1  | Order Completed | 1d ago | 0
        1  | Order Completed | 1d ago | 0
        2  | Order Completed | 1d ago | -2
        2  | Order Completed | 1d ago | 0
        2  | Order Completed | 1d ago | 0
        3  | Order Completed | 1d ago | 0.000000001
        3  | Order Completed | 1d ago | 0
        4  | Order Completed | 1d ago | 10000000000000000.1
        4  | Order Completed | 1d ago | 10000000000000000.2
    """
    rule = revenue("avg", "in", [0.333333333, -0.666666667, 0.000000001])
    spec(rule=rule, people=PEOPLE, events=orders, members=[1, 2, 3])


def test_a_window_moves_on(spec: Spec) -> None:
    """As orders leave the window the average changes by itself: when the 10 has left, the 20 has, and then all."""
    orders = """
        id | event           | at      | revenue
        1  | Order Completed | 6d ago  | 10
        1  | Order Completed | 1d ago  | 30
        2  | Order Completed | 6d ago  | 30
        2  | Order Completed | 1d ago  | 10
        3  | Order Completed | 5d ago  | 20
    """
    rule = revenue("avg", ">", 20, within="7d")
    due = {1: "in 1d", 2: "in 6d", 3: "in 2d", 4: None}
    spec(rule=rule, people=PEOPLE, events=orders, unknown=[4], due=due)


def test_a_greatest_that_leaves(spec: Spec) -> None:
    """The greatest is over as soon as it has left the window, whatever is left of the others."""
    rule = revenue("max", ">=", 20, within="7d")
    due = {1: "in 5d", 2: "in 6d", 3: None}
    spec(rule=rule, people=PEOPLE, events=ORDERS, members=[1], unknown=[3, 4], due=due)


def test_earliest_moment(spec: Spec) -> None:
    """Moments have a least and a greatest, too."""
    viewed = """
        id | event          | at     | released
        1  | Product Viewed | 1d ago | 2026-01-01
        1  | Product Viewed | 2d ago | 2025-06-01
        2  | Product Viewed | 1d ago | 2026-01-01
    """
    rule = {"event": "Product Viewed", "measure": "min", "of": "released", "op": "before", "value": "2026-01-01"}
    spec(rule=rule, people=PEOPLE, events=viewed, members=[1], unknown=[3, 4])
