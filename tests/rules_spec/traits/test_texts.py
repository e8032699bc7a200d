"""Texts

Texts are compared exactly: case matters, and the order is that of Unicode code points, on every machine and in every
database alike. A trait that is missing, or whose value is not a text, is unknown to every operator but `exists` and
`missing`.
"""

from tests.rules_spec.language import Spec

PEOPLE = """
    id | country
    1  | DE
    2  | de
    3  | FR
    4  | Ä
    5  |
    6  | =5
"""


def country(op: str, value: object) -> dict:
    return {"trait": "country", "op": op, "value": value}


def test_equal(spec: Spec) -> None:
    """`=` is exactly this text."""
    spec(rule=country("=", "DE"), people=PEOPLE, members=[1], unknown=[5, 6])


def test_not_equal(spec: Spec) -> None:
    """`!=` is another text than this. A missing value is not another value."""
    spec(rule=country("!=", "DE"), people=PEOPLE, members=[2, 3, 4], unknown=[5, 6])


def test_in(spec: Spec) -> None:
    """`in` is one of these."""
    spec(rule=country("in", ["DE", "FR"]), people=PEOPLE, members=[1, 3], unknown=[5, 6])


def test_not_in(spec: Spec) -> None:
    """`not_in` is a text, and none of these."""
    spec(rule=country("not_in", ["DE", "FR"]), people=PEOPLE, members=[2, 4], unknown=[5, 6])


def test_less(spec: Spec) -> None:
    """`<`, `<=`, `>` and `>=` go by code points: capitals before small letters, umlauts after both."""
    spec(rule=country("<", "a"), people=PEOPLE, members=[1, 3], unknown=[5, 6])


def test_at_least(spec: Spec) -> None:
    """The bound itself belongs to `>=`."""
    spec(rule=country(">=", "FR"), people=PEOPLE, members=[2, 3, 4], unknown=[5, 6])


def test_between(spec: Spec) -> None:
    """`between` holds both its ends."""
    spec(rule=country("between", ["DE", "FR"]), people=PEOPLE, members=[1, 3], unknown=[5, 6])


def test_any_characters(spec: Spec) -> None:
    """Quotes, percent signs and backslashes are characters like any other."""
    spec(
        rule=country("=", '100% \\ o\'Neill "x" %(now)s'),
        people="""
            id | country
            1  | 100% \\ o'Neill "x" %(now)s
            2  | 100
        """,
        members=[1],
    )
