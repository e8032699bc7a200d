"""Inside texts

`contains`, `starts_with` and `ends_with` look for exactly what is written, capitals and accents included. `matches`
looks for a pattern anywhere in the text.
"""

from tests.rules_spec.language import Spec

PEOPLE = """
    id | plan
    1  | Pro 2024
    2  | pro
    3  | Starter-Pro
    4  |
    5  | =5
"""


def test_contains(spec: Spec) -> None:
    """Anywhere in the text."""
    rule = {"trait": "plan", "op": "contains", "value": "Pro"}
    spec(rule=rule, people=PEOPLE, members=[1, 3], unknown=[4, 5])


def test_starts_with(spec: Spec) -> None:
    """At its beginning."""
    rule = {"trait": "plan", "op": "starts_with", "value": "Pro"}
    spec(rule=rule, people=PEOPLE, members=[1], unknown=[4, 5])


def test_ends_with(spec: Spec) -> None:
    """At its end."""
    rule = {"trait": "plan", "op": "ends_with", "value": "ro"}
    spec(rule=rule, people=PEOPLE, members=[2, 3], unknown=[4, 5])


def test_signs_are_themselves(spec: Spec) -> None:
    """Nothing is a wildcard: a percent sign is a percent sign."""
    people = """
        id | plan
        1  | 100%
        2  | 100
        3  | a_b
    """
    spec(rule={"trait": "plan", "op": "contains", "value": "0%"}, people=people, members=[1])
    spec(rule={"trait": "plan", "op": "ends_with", "value": "_b"}, people=people, members=[3])


def test_not(spec: Spec) -> None:
    """Not containing is the *not* of containing; of unknown plans it is unknown."""
    rule = {"not": {"trait": "plan", "op": "contains", "value": "ro 2"}}
    spec(rule=rule, people=PEOPLE, members=[2, 3], unknown=[4, 5])


def test_matches(spec: Spec) -> None:
    """A pattern matches if it is found anywhere in the text."""
    rule = {"trait": "plan", "op": "matches", "value": "[Pp]ro"}
    spec(rule=rule, people=PEOPLE, members=[1, 2, 3], unknown=[4, 5])


def test_matches_from_end_to_end(spec: Spec) -> None:
    """`^` is the beginning of the text and `$` its end. A dot is any character but a line break."""
    rule = {"trait": "plan", "op": "matches", "value": r"^(Pro|Basic) \d{4}$"}
    spec(rule=rule, people=PEOPLE, members=[1], unknown=[4, 5])
