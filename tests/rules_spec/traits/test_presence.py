"""Being there

`exists` and `missing` ask whether any value is stored, whatever its type. They are never unknown. They are the only
operators for lists and objects.
"""

from tests.rules_spec.language import Spec

PEOPLE = """
    id | age   | tags
    1  | 30    | ["a"]
    2  | ="30" | []
    3  |       |
    4  | =null | =null
"""


def test_exists(spec: Spec) -> None:
    """`exists`: there is a value, even one that does not parse as the trait's type. JSON null is no value."""
    spec(rule={"trait": "age", "op": "exists"}, people=PEOPLE, members=[1, 2])


def test_missing(spec: Spec) -> None:
    """`missing` is the opposite. It is true for a person of whom nothing is known; the author is warned of that."""
    spec(rule={"trait": "age", "op": "missing"}, people=PEOPLE, members=[3, 4])


def test_list_exists(spec: Spec) -> None:
    """An empty list is a value."""
    spec(rule={"trait": "tags", "op": "exists"}, people=PEOPLE, members=[1, 2])
