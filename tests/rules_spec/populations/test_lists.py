"""Lists

`{"list": key}` is true for whoever is on the uploaded list by any of their names, and false for all others; it is never
unknown. Somebody who is merged is on the lists of both.
"""

from tests.rules_spec.language import Spec

PEOPLE = """
    id | country
    1  | DE
    2  | FR
    3  |
"""
LISTS = """
    id | list
    1  | vip
    3  | vip
    3  | press
"""


def test_on_a_list(spec: Spec) -> None:
    """Also of whom nothing else is known."""
    spec(rule={"list": "vip"}, people=PEOPLE, lists=LISTS, members=[1, 3])


def test_not_on_a_list(spec: Spec) -> None:
    """Whoever is on no list is not on this one."""
    spec(rule={"not": {"list": "press"}}, people=PEOPLE, lists=LISTS, members=[1, 2])


def test_beside_others(spec: Spec) -> None:
    """It combines like every other part."""
    rule = {"any": [{"list": "press"}, {"trait": "country", "op": "=", "value": "FR"}]}
    spec(rule=rule, people=PEOPLE, lists=LISTS, members=[2, 3])
