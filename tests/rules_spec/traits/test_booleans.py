"""True or false

Only JSON's true and false are; 1, 0 and "yes" are unknown.
"""

from tests.rules_spec.language import Spec

PEOPLE = """
    id | newsletter
    1  | true
    2  | false
    3  |
    4  | =1
    5  | ="true"
"""


def test_equal(spec: Spec) -> None:
    """`=` true."""
    spec(rule={"trait": "newsletter", "op": "=", "value": True}, people=PEOPLE, members=[1], unknown=[3, 4, 5])


def test_not_equal(spec: Spec) -> None:
    """`!=` true is false, not unknown."""
    spec(rule={"trait": "newsletter", "op": "!=", "value": True}, people=PEOPLE, members=[2], unknown=[3, 4, 5])
