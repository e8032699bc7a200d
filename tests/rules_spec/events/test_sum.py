"""Adding up

`sum` adds up the property named in `of`. The sum of nothing is 0; an event without the property, or with something
else than a number in it, adds nothing. Refunds are negative numbers. Sums are exact decimals: neither the order of
events nor the database changes them.
"""

from tests.rules_spec.language import Spec

PEOPLE = """
    id
    1
    2
    3
    4
    5
"""
EVENTS = """
    id | event           | at     | revenue
    1  | Order Completed | 5d ago | 0.1
    1  | Order Completed | 4d ago | 0.2
    2  | Order Completed | 3d ago | 1e16
    2  | Order Completed | 2d ago | 0.3
    2  | Order Completed | 1d ago | -1e16
    3  | Order Completed | 3d ago | 100
    3  | Order Completed | 1d ago | -99.7
    4  | Order Completed | 1d ago |
    4  | Order Completed | 1d ago | ="0.3"
"""


def spent(op: str, value: object, **window: str) -> dict:
    return {"event": "Order Completed", "measure": "sum", "of": "revenue", "op": op, "value": value, **window}


def test_equal(spec: Spec) -> None:
    """Exactly 0.3, three ways."""
    spec(rule=spent("=", 0.3), people=PEOPLE, events=EVENTS, members=[1, 2, 3])


def test_nothing(spec: Spec) -> None:
    """Nothing is 0, not unknown."""
    spec(rule=spent("<=", 0), people=PEOPLE, events=EVENTS, members=[4, 5])


def test_between(spec: Spec) -> None:
    """`between` holds both its ends."""
    spec(rule=spent("between", [0, 0.3]), people=PEOPLE, events=EVENTS, members=[1, 2, 3, 4, 5])


def test_in(spec: Spec) -> None:
    """`in` and `not_in` compare exactly, too."""
    spec(rule=spent("not_in", [0.3, 7]), people=PEOPLE, events=EVENTS, members=[4, 5])


def test_window(spec: Spec) -> None:
    """In a window: left when what remains is too little. A refund can outlive its order, so a sum can fall and rise."""
    spec(
        rule=spent(">=", 50, within="30d"),
        people=PEOPLE,
        events="""
            id | event           | at      | revenue
            1  | Order Completed | 20d ago | 40
            1  | Order Completed | 10d ago | 60
            2  | Order Completed | 20d ago | -100
            2  | Order Completed | 10d ago | 60
            3  | Order Completed | 20d ago | 60
            3  | Order Completed | 10d ago | -20
            4  | Order Completed | 20d ago | 20
            4  | Order Completed | 10d ago | 20
        """,
        members=[1],
        due={1: "in 20d", 2: "in 10d", 3: None, 4: None, 5: None},
    )
