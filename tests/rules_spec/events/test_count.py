"""Counting

`count` counts the events of that name. Nobody's count is unknown: whoever never did it has 0.
"""

from tests.rules_spec.language import Spec

PEOPLE = """
    id
    1
    2
    3
    4
"""
EVENTS = """
    id | event           | at
    1  | Product Viewed  | 1d ago
    2  | Product Viewed  | 1d ago
    2  | Product Viewed  | 2d ago
    3  | Product Viewed  | 1d ago
    3  | Product Viewed  | 1d ago
    3  | Product Viewed  | 400d ago
    4  | Order Completed | 1d ago
"""


def viewed(op: str, value: object) -> dict:
    return {"event": "Product Viewed", "measure": "count", "op": op, "value": value}


def test_at_least(spec: Spec) -> None:
    """Without a window all history counts."""
    spec(rule=viewed(">=", 3), people=PEOPLE, events=EVENTS, members=[3])


def test_more(spec: Spec) -> None:
    """`>` leaves the number out."""
    spec(rule=viewed(">", 1), people=PEOPLE, events=EVENTS, members=[2, 3])


def test_less(spec: Spec) -> None:
    """`<` and `<=` hold for whoever never did it, too; the author is warned of that."""
    spec(rule=viewed("<", 2), people=PEOPLE, events=EVENTS, members=[1, 4])


def test_at_most(spec: Spec) -> None:
    """`<=` takes the number in."""
    spec(rule=viewed("<=", 2), people=PEOPLE, events=EVENTS, members=[1, 2, 4])


def test_never(spec: Spec) -> None:
    """Never: exactly 0."""
    spec(rule=viewed("=", 0), people=PEOPLE, events=EVENTS, members=[4])


def test_not_equal(spec: Spec) -> None:
    """`!=` is any other count, 0 among them."""
    spec(rule=viewed("!=", 1), people=PEOPLE, events=EVENTS, members=[2, 3, 4])


def test_between(spec: Spec) -> None:
    """`between` holds both its ends."""
    spec(rule=viewed("between", [1, 2]), people=PEOPLE, events=EVENTS, members=[1, 2])


def test_in(spec: Spec) -> None:
    """`in` is one of these counts."""
    spec(rule=viewed("in", [0, 3]), people=PEOPLE, events=EVENTS, members=[3, 4])


def test_not_in(spec: Spec) -> None:
    """`not_in` is none of them."""
    spec(rule=viewed("not_in", [0, 3]), people=PEOPLE, events=EVENTS, members=[1, 2])
