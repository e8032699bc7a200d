"""First and latest value

`first` and `last` pick the value of a property at the earliest and at the latest event that has one, and compare it as
its type allows. Without any they are unknown. Of several at the very same moment the least counts as the first and the
greatest as the latest: in which order they arrived never shows.
"""

from tests.rules_spec.language import Spec

PEOPLE = """
    id
    1
    2
    3
"""
VIEWED = """
    id | event          | at     | category | price | in_stock
    1  | Product Viewed | 3d ago | shoes    | 50    | true
    1  | Product Viewed | 2d ago | hats     | 20    | false
    1  | Product Viewed | 1d ago |          |       |
    2  | Product Viewed | 1d ago | shoes    | 20    | true
    2  | Product Viewed | 1d ago | hats     | 90    | false
"""


def viewed(measure: str, of: str, op: str, value: object, **more: str) -> dict:
    return {"event": "Product Viewed", "measure": measure, "of": of, "op": op, "value": value, **more}


def test_first(spec: Spec) -> None:
    """Person 2 saw two at one moment: the first is the one that comes first by its value."""
    spec(rule=viewed("first", "category", "=", "shoes"), people=PEOPLE, events=VIEWED, members=[1], unknown=[3])


def test_latest(spec: Spec) -> None:
    """The latest event of person 1 has no category, so the one before it counts."""
    spec(rule=viewed("last", "category", "=", "shoes"), people=PEOPLE, events=VIEWED, members=[2], unknown=[3])


def test_latest_number(spec: Spec) -> None:
    """A number is compared as a number."""
    spec(rule=viewed("last", "price", ">", 50), people=PEOPLE, events=VIEWED, members=[2], unknown=[3])


def test_latest_flag(spec: Spec) -> None:
    """False comes before true."""
    spec(rule=viewed("last", "in_stock", "=", True), people=PEOPLE, events=VIEWED, members=[2], unknown=[3])


def test_the_first_gives_way(spec: Spec) -> None:
    """When the shoes of person 1 have left the window, the hats are the first; after them nobody has any."""
    rule = viewed("first", "category", "=", "shoes", within="7d")
    due = {1: "in 4d", 2: "in 6d", 3: None}
    spec(rule=rule, people=PEOPLE, events=VIEWED, members=[1], unknown=[3], due=due)


def test_the_latest_stays(spec: Spec) -> None:
    """The latest stays the latest until it leaves the window itself."""
    rule = viewed("last", "category", "starts_with", "ha", within="7d")
    spec(rule=rule, people=PEOPLE, events=VIEWED, members=[1], unknown=[3], due={1: "in 5d", 2: "in 6d", 3: None})
