"""Segments inside segments

`{"segment": key}` says what that segment's live rule says, true, false or unknown, at this moment and from the same
facts: it is not looked up among stored members. A new version of the inner segment is a new version for all who hold
it. Here "germans" is `country is “DE”`, "grown-ups" is `age is at least 18`, "german-grown-ups" both of them, and
"shoppers" who ordered in the last 30 days.
"""

from tests.rules_spec.language import Spec

PEOPLE = """
    id | country | age
    1  | DE      | 40
    2  | DE      | 10
    3  | FR      | 40
    4  |         | 40
"""


def test_nested(spec: Spec) -> None:
    """Somebody whose country is not known is neither in nor out."""
    spec(rule={"segment": "germans"}, people=PEOPLE, members=[1, 2], unknown=[4])


def test_of_segments_that_nest_others(spec: Spec) -> None:
    """As deep as the parts allow: 1,000 with everything that is nested."""
    spec(rule={"segment": "german-grown-ups"}, people=PEOPLE, members=[1], unknown=[4])


def test_not_in_a_segment(spec: Spec) -> None:
    """`not` of a segment is not "not among its members": of whom the segment knows nothing, so does this."""
    spec(rule={"not": {"segment": "germans"}}, people=PEOPLE, members=[3], unknown=[4])


def test_beside_others(spec: Spec) -> None:
    """It combines like every other part."""
    rule = {"all": [{"segment": "germans"}, {"trait": "age", "op": "<", "value": 18}]}
    spec(rule=rule, people=PEOPLE, members=[2])


def test_due(spec: Spec) -> None:
    """It is due when the segment's rule is."""
    spec(
        rule={"segment": "shoppers"},
        people="""
            id |
            1  |
            2  |
        """,
        events="""
            id | event           | at
            1  | Order Completed | 29d ago
        """,
        members=[1],
        due={1: "in 1d", 2: None},
    )
