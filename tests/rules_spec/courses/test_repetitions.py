"""Repetitions

At least so many `times` in the last `within`. Sessions are counted themselves. An event leaf counts whenever it became
true after it had not been, so that what lasts counts once, and each time has a moment of its own.
"""

from tests.rules_spec.language import Spec

PEOPLE = """
    id
    1
    2
    3
"""


def repeated(leaf: dict, times: int, within: str = "1d") -> dict:
    return {"repeated": leaf, "times": times, "within": within}


LONG = {"session": {"gap": "30m"}, "measure": "duration", "op": ">", "value": "10m"}
BROWSED = {"event": "Product Viewed", "measure": "count", "op": ">=", "value": 2, "within": "10m"}


def test_sessions(spec: Spec) -> None:
    """A session over 10 minutes, twice within a day: left a day after the last but one began."""
    spec(
        rule=repeated(LONG, 2),
        people=PEOPLE,
        events="""
            id | event          | at
            1  | Page Viewed    | 20h ago
            1  | Page Viewed    | 19h49m ago
            1  | Product Viewed | 2h ago
            1  | Page Viewed    | 1h45m ago
            2  | Page Viewed    | 20h ago
            2  | Page Viewed    | 19h50m ago
            2  | Product Viewed | 2h ago
            2  | Page Viewed    | 1h45m ago
            3  | Page Viewed    | 24h ago
            3  | Page Viewed    | 23h49m ago
            3  | Page Viewed    | 2h ago
            3  | Page Viewed    | 1h45m ago
        """,
        members=[1],
        due={1: "in 4h", 2: None, 3: None},
    )


def test_events(spec: Spec) -> None:
    """Two views within 10 minutes, twice within an hour. What goes on without a break is once."""
    spec(
        rule=repeated(BROWSED, 2, "1h"),
        people=PEOPLE,
        events="""
            id | event          | at
            1  | Product Viewed | 50m ago
            1  | Product Viewed | 45m ago
            1  | Product Viewed | 20m ago
            1  | Product Viewed | 15m ago
            2  | Product Viewed | 50m ago
            2  | Product Viewed | 45m ago
            2  | Product Viewed | 40m1s ago
            2  | Product Viewed | 35m ago
            3  | Product Viewed | 65m ago
            3  | Product Viewed | 60m ago
            3  | Product Viewed | 20m ago
            3  | Product Viewed | 15m ago
        """,
        members=[1],
        due={1: "in 15m", 2: None, 3: None},
    )


def test_by_waiting(spec: Spec) -> None:
    """A comparison that comes true as events leave its window does so at that moment, and counts from then on."""
    spec(
        rule=repeated(BROWSED | {"op": "<", "value": 1}, 1, "1h"),
        people=PEOPLE,
        events="""
            id | event          | at
            1  | Product Viewed | 15m ago
            2  | Product Viewed | 5m ago
        """,
        members=[1],
        due={1: "in 55m", 2: "in 5m", 3: None},
    )


def test_sum(spec: Spec) -> None:
    """Sums repeat as counts do: 100 spent within an hour, twice within a day."""
    spent = {"event": "Order Completed", "measure": "sum", "of": "revenue", "op": ">=", "value": 100, "within": "1h"}
    spec(
        rule=repeated(spent, 2),
        people=PEOPLE,
        events="""
            id | event           | at     | revenue
            1  | Order Completed | 9h ago | 60
            1  | Order Completed | 9h ago | 40
            1  | Order Completed | 1h ago | 100.5
            2  | Order Completed | 9h ago | 60
            2  | Order Completed | 7h ago | 40
            2  | Order Completed | 1h ago | 100.5
        """,
        members=[1],
        due={1: "in 15h"},
    )
