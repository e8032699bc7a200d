"""Numbers

Numbers are exact decimals with up to 29 digits before the point and nine after it (more are rounded), never binary
fractions: 0.1 + 0.2 is 0.3. A text that looks like a number is not a number, so it is unknown.
"""

from tests.rules_spec.language import Spec

PEOPLE = """
    id | age
    1  | 29.999999999
    2  | 30
    3  | 30.0
    4  | 50
    5  | -1
    6  |
    7  | ="30"
    8  | 1e40
    9  | =true
"""
UNKNOWN = [6, 7, 8, 9]


def age(op: str, value: object) -> dict:
    return {"trait": "age", "op": op, "value": value}


def test_equal(spec: Spec) -> None:
    """`=` and `!=` compare values, not spellings."""
    spec(rule=age("=", 30), people=PEOPLE, members=[2, 3], unknown=UNKNOWN)


def test_not_equal(spec: Spec) -> None:
    """`!=` asks for a number that is another."""
    spec(rule=age("!=", 30), people=PEOPLE, members=[1, 4, 5], unknown=UNKNOWN)


def test_less(spec: Spec) -> None:
    """`<` leaves the bound out."""
    spec(rule=age("<", 30), people=PEOPLE, members=[1, 5], unknown=UNKNOWN)


def test_at_most(spec: Spec) -> None:
    """`<=` takes it in."""
    spec(rule=age("<=", 30), people=PEOPLE, members=[1, 2, 3, 5], unknown=UNKNOWN)


def test_more(spec: Spec) -> None:
    """`>` leaves the bound out."""
    spec(rule=age(">", 30), people=PEOPLE, members=[4], unknown=UNKNOWN)


def test_at_least(spec: Spec) -> None:
    """`>=` takes it in."""
    spec(rule=age(">=", 30), people=PEOPLE, members=[2, 3, 4], unknown=UNKNOWN)


def test_between(spec: Spec) -> None:
    """`between` holds both its ends."""
    spec(rule=age("between", [30, 50]), people=PEOPLE, members=[2, 3, 4], unknown=UNKNOWN)


def test_in(spec: Spec) -> None:
    """`in` is one of these numbers."""
    spec(rule=age("in", [-1, 50.0]), people=PEOPLE, members=[4, 5], unknown=UNKNOWN)


def test_not_in(spec: Spec) -> None:
    """`not_in` is a number, and none of these."""
    spec(rule=age("not_in", [-1, 50]), people=PEOPLE, members=[1, 2, 3], unknown=UNKNOWN)
