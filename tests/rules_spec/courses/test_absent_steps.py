"""Steps that must not happen

`"absent": true`: no such event after the step before and before the step after or, for the last one, up to now. Its
`within` says for how long at least: the step after, or now, lies that much later or more. So a sequence that ends with
an absent step is entered by waiting, and left as soon as what must not happen happens.
"""

from tests.rules_spec.courses.test_sequences import CART, ORDERED, PEOPLE, VIEWED, sequence
from tests.rules_spec.language import Spec


def absent(step: dict, **more: str) -> dict:
    return step | {"absent": True} | more


def test_left_behind(spec: Spec) -> None:
    """A cart and then no order for 15 minutes: entered when they have passed, left as the order comes. An order of the
    very moment of the cart is not after it."""
    spec(
        rule=sequence(CART, absent(ORDERED, within="15m")),
        people="""
            id
            1
            2
            3
            4
            5
            6
        """,
        events="""
            id | event           | at
            1  | Cart Created    | 15m ago
            2  | Cart Created    | 14m59s ago
            3  | Cart Created    | 1h ago
            3  | Order Completed | 50m ago
            4  | Cart Created    | 1h ago
            4  | Order Completed | 30m ago
            5  | Order Completed | 2h ago
            5  | Cart Created    | 1h ago
            6  | Cart Created    | 1h ago
            6  | Order Completed | 1h ago
        """,
        members=[1, 5, 6],
        due={1: "in 23h45m", 2: "in 1s", 3: None, 4: None, 5: "in 23h", 6: "in 23h"},
    )


def test_again(spec: Spec) -> None:
    """Any cart will do: one that waits long enough is enough, and after an order only a later one is."""
    spec(
        rule=sequence(CART, absent(ORDERED, within="15m"), within="1h"),
        people=PEOPLE,
        events="""
            id | event           | at
            1  | Cart Created    | 50m ago
            1  | Cart Created    | 5m ago
            2  | Cart Created    | 50m ago
            2  | Order Completed | 40m ago
            2  | Cart Created    | 5m ago
            3  | Cart Created    | 58m ago
            3  | Cart Created    | 5m ago
        """,
        members=[1, 3],
        due={1: "in 55m", 2: "in 10m", 3: "in 2m"},
    )


def test_still_open(spec: Spec) -> None:
    """Without a `within` nothing is waited for: true from the step before until it happens."""
    spec(
        rule=sequence(CART, absent(ORDERED)),
        people=PEOPLE,
        events="""
            id | event           | at
            1  | Cart Created    | now
            2  | Cart Created    | 5m ago
            2  | Order Completed | 1m ago
        """,
        members=[1],
        due={1: "in 24h"},
    )


def test_between(spec: Spec) -> None:
    """Between two steps: a view, and then an order without a cart."""
    spec(
        rule=sequence(VIEWED, absent(CART), ORDERED),
        people=PEOPLE,
        events="""
            id | event           | at
            1  | Product Viewed  | 3h ago
            1  | Order Completed | 1h ago
            2  | Product Viewed  | 3h ago
            2  | Cart Created    | 2h ago
            2  | Order Completed | 1h ago
            3  | Product Viewed  | 3h ago
            3  | Cart Created    | 2h ago
            3  | Product Viewed  | 90m ago
            3  | Order Completed | 1h ago
            4  | Product Viewed  | 3h ago
            4  | Order Completed | 2h ago
            4  | Cart Created    | 1h ago
        """,
        members=[1, 3, 4],
    )


def test_a_pause_between(spec: Spec) -> None:
    """With a `within` the step after comes so much later, or more: the pause of somebody who came back."""
    spec(
        rule=sequence(VIEWED, absent(VIEWED, within="1h"), VIEWED),
        people=PEOPLE,
        events="""
            id | event          | at
            1  | Product Viewed | 2h ago
            1  | Product Viewed | 1h ago
            2  | Product Viewed | 2h ago
            2  | Product Viewed | 61m ago
            3  | Product Viewed | 150m ago
            3  | Product Viewed | 2h ago
            3  | Product Viewed | 10m ago
        """,
        members=[1, 3],
    )


def test_several(spec: Spec) -> None:
    """Several in a row must all stay away, for the longest of their times."""
    spec(
        rule=sequence(VIEWED, absent(CART, within="10m"), absent(ORDERED, within="1h")),
        people=PEOPLE,
        events="""
            id | event           | at
            1  | Product Viewed  | 1h ago
            2  | Product Viewed  | 59m ago
            3  | Product Viewed  | 2h ago
            3  | Cart Created    | 30m ago
            4  | Product Viewed  | 2h ago
            4  | Order Completed | now
        """,
        members=[1],
        due={1: "in 23h", 2: "in 1m", 3: None, 4: None},
    )
