"""Consent in force

`{"consent": "marketing"}` is true while a grant is in force, false when consent was denied, withdrawn or has run out,
and unknown when there is no word on it. So `{"not": {"consent": …}}` finds who said no, not who never was asked.
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
CONSENTS = """
    id | purpose   | granted | until
    1  | marketing | yes     |
    2  | marketing | yes     | in 1h
    3  | marketing | yes     | now
    4  | marketing | no      |
"""


def test_consent(spec: Spec) -> None:
    """In force until its end, which is the due time."""
    spec(
        rule={"consent": "marketing"},
        people=PEOPLE,
        consents=CONSENTS,
        members=[1, 2],
        unknown=[5],
        due={1: None, 2: "in 1h", 3: None, 4: None, 5: None},
    )


def test_not(spec: Spec) -> None:
    """Refused, withdrawn or run out."""
    spec(rule={"not": {"consent": "marketing"}}, people=PEOPLE, consents=CONSENTS, members=[3, 4], unknown=[5])
