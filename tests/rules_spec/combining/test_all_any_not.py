"""All, any, not

Every rule answers true, false or unknown. Only *true* makes a member. Unknown is what a rule says about a person when
the thing it asks for is not known of her: it is neither a yes nor a no, and `not` does not turn it into one.
"""

from tests.rules_spec.language import Spec

DE = {"trait": "country", "op": "=", "value": "DE"}
ADULT = {"trait": "age", "op": ">=", "value": 18}

PEOPLE = """
    id | country | age
    1  | DE      | 40
    2  | DE      | 10
    3  | DE      |
    4  | FR      | 40
    5  | FR      | 10
    6  | FR      |
    7  |         | 40
    8  |         | 10
    9  |         |
"""


def test_all(spec: Spec) -> None:
    """All: every part must be true. One false part makes it false, whatever is unknown."""
    spec(rule={"all": [DE, ADULT]}, people=PEOPLE, members=[1], unknown=[3, 7, 9])


def test_any(spec: Spec) -> None:
    """Any: one true part is enough, whatever is unknown."""
    spec(rule={"any": [DE, ADULT]}, people=PEOPLE, members=[1, 2, 3, 4, 7], unknown=[6, 8, 9])


def test_not(spec: Spec) -> None:
    """Not: true where the part is false, and unknown where it is unknown. Somebody of unknown country is not "not from
    Germany"; whoever means her too writes `{"any": [{"not": …}, {"trait": "country", "op": "missing"}]}`."""
    spec(rule={"not": DE}, people=PEOPLE, members=[4, 5, 6], unknown=[7, 8, 9])


def test_nested(spec: Spec) -> None:
    """Combinations nest, eight levels deep at most."""
    spec(rule={"not": {"all": [DE, {"not": ADULT}]}}, people=PEOPLE, members=[1, 4, 5, 6, 7], unknown=[3, 8, 9])


def test_one_part(spec: Spec) -> None:
    """A combination of one part is that part."""
    spec(rule={"any": [{"all": [DE]}]}, people=PEOPLE, members=[1, 2, 3], unknown=[7, 8, 9])
