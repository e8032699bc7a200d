"""Sequences

Steps one after the other, the first of them in the last `within`. Any assignment of events to the steps will do. A
step's own `within` is the time since the step before, less than which it takes. Everything is left when the latest
start that still leads to the end leaves the window.
"""

from tests.rules_spec.language import Spec

PEOPLE = """
    id
    1
    2
    3
    4
"""


def sequence(*steps: dict, within: str = "24h") -> dict:
    return {"sequence": list(steps), "within": within}


VIEWED = {"event": "Product Viewed"}
CART = {"event": "Cart Created"}
ORDERED = {"event": "Order Completed"}


def test_in_order(spec: Spec) -> None:
    """In this order, whatever else lies between; the other way round is no such sequence."""
    spec(
        rule=sequence(VIEWED, ORDERED),
        people=PEOPLE,
        events="""
            id | event           | at
            1  | Product Viewed  | 3h ago
            1  | Cart Created    | 2h ago
            1  | Order Completed | 1h ago
            2  | Order Completed | 3h ago
            2  | Product Viewed  | 1h ago
            3  | Product Viewed  | 1h ago
        """,
        members=[1],
        due={1: "in 21h", 2: None, 3: None, 4: None},
    )


def test_window(spec: Spec) -> None:
    """All of it lies in the window, the first step included: left as that one leaves, `within` after it."""
    spec(
        rule=sequence(VIEWED, ORDERED, within="2h"),
        people=PEOPLE,
        events="""
            id | event           | at
            1  | Product Viewed  | 1h59m59s ago
            1  | Order Completed | now
            2  | Product Viewed  | 2h ago
            2  | Order Completed | 1h ago
            3  | Product Viewed  | 3h ago
            3  | Product Viewed  | 1h ago
            3  | Order Completed | 30m ago
        """,
        members=[1, 3],
        due={1: "in 1s", 2: None, 3: "in 1h"},
    )


def test_one_moment(spec: Spec) -> None:
    """Of two events of one moment neither came first, and one event is never two steps."""
    spec(
        rule=sequence(VIEWED, ORDERED),
        people=PEOPLE,
        events="""
            id | event           | at
            1  | Product Viewed  | 1h ago
            1  | Order Completed | 1h ago
        """,
    )
    spec(
        rule=sequence(VIEWED, VIEWED),
        people=PEOPLE,
        events="""
            id | event          | at
            1  | Product Viewed | 1h ago
            2  | Product Viewed | 1h ago
            2  | Product Viewed | 59m ago
        """,
        members=[2],
        due={1: None, 2: "in 23h"},
    )


def test_gap(spec: Spec) -> None:
    """Less than its `within` after the step before. Another event may be the better step before."""
    spec(
        rule=sequence(VIEWED, ORDERED | {"within": "10m"}),
        people=PEOPLE,
        events="""
            id | event           | at
            1  | Product Viewed  | 70m ago
            1  | Order Completed | 60m1s ago
            2  | Product Viewed  | 70m ago
            2  | Order Completed | 60m ago
            3  | Product Viewed  | 70m ago
            3  | Product Viewed  | 65m ago
            3  | Order Completed | 60m ago
        """,
        members=[1, 3],
    )


def test_any_assignment(spec: Spec) -> None:
    """Neither the first nor the latest event has to be the one: here the second cart is, and the first of two views."""
    spec(
        rule=sequence(VIEWED, CART | {"within": "10m"}, ORDERED | {"within": "10m"}),
        people=PEOPLE,
        events="""
            id | event           | at
            1  | Product Viewed  | 50m ago
            1  | Cart Created    | 49m ago
            1  | Cart Created    | 41m ago
            1  | Product Viewed  | 35m ago
            1  | Order Completed | 32m ago
            2  | Product Viewed  | 50m ago
            2  | Cart Created    | 49m ago
            2  | Order Completed | 32m ago
        """,
        members=[1],
        due={1: "in 23h10m"},
    )


def test_where(spec: Spec) -> None:
    """A step's `where` is a condition on its own event, and must be true for it."""
    dear = VIEWED | {"where": {"property": "price", "op": ">", "value": 100}}
    spec(
        rule=sequence(dear, ORDERED),
        people=PEOPLE,
        events="""
            id | event           | at     | price
            1  | Product Viewed  | 3h ago | 250
            1  | Order Completed | 1h ago |
            2  | Product Viewed  | 3h ago | 50
            2  | Order Completed | 1h ago |
            3  | Product Viewed  | 3h ago |
            3  | Order Completed | 1h ago |
        """,
        members=[1],
    )


def test_future(spec: Spec) -> None:
    """What has not happened yet is no step; the answer may change as it happens."""
    spec(
        rule=sequence(VIEWED, ORDERED),
        people=PEOPLE,
        events="""
            id | event           | at
            1  | Product Viewed  | 1h ago
            1  | Order Completed | in 5m
        """,
        due={1: "in 5m"},
    )
