"""Different values and days

`distinct` counts the different values of a property, `distinct_days` the days on which something happened, as the
workspace's clocks tell them. Like every count they are 0 of nothing, never unknown.
"""

from tests.rules_spec.language import Spec

PEOPLE = """
    id
    1
    2
    3
"""
VIEWED = """
    id | event          | at     | category
    1  | Product Viewed | 1d ago | shoes
    1  | Product Viewed | 2d ago | hats
    1  | Product Viewed | 6d ago | hats
    2  | Product Viewed | 1d ago | shoes
    2  | Product Viewed | 2d ago | shoes
    2  | Product Viewed | 3d ago |
"""


def test_different_values(spec: Spec) -> None:
    """The same value twice is one; an event without a value has none."""
    rule = {"event": "Product Viewed", "measure": "distinct", "of": "category", "op": ">=", "value": 2}
    spec(rule=rule, people=PEOPLE, events=VIEWED, members=[1])


def test_fewer_different_values(spec: Spec) -> None:
    """Whoever never did it has seen 0 different ones."""
    rule = {"event": "Product Viewed", "measure": "distinct", "of": "category", "op": "<", "value": 2}
    spec(rule=rule, people=PEOPLE, events=VIEWED, members=[2, 3])


def test_a_value_leaves_with_its_newest_event(spec: Spec) -> None:
    """Hats were seen six days ago and two days ago: they count until the later of the two has left the window."""
    rule = {
        "event": "Product Viewed", "measure": "distinct", "of": "category", "op": ">=", "value": 2, "within": "7d",
    }  # fmt: skip
    spec(rule=rule, people=PEOPLE, events=VIEWED, members=[1], due={1: "in 5d", 2: None, 3: None})


def test_days(spec: Spec) -> None:
    """Three views on two days."""
    viewed = """
        id | event          | at
        1  | Product Viewed | 2026-03-09T22:30:00Z
        1  | Product Viewed | 2026-03-09T23:30:00Z
        1  | Product Viewed | 2026-03-09T12:00:00Z
        2  | Product Viewed | 2026-03-09T01:00:00Z
        2  | Product Viewed | 2026-03-09T22:00:00Z
    """
    rule = {"event": "Product Viewed", "measure": "distinct_days", "op": ">=", "value": 2}
    spec(rule=rule, people=PEOPLE, events=viewed)
    spec(rule=rule, people=PEOPLE, events=viewed, members=[1], workspace_tz="Europe/Berlin")


def test_days_of_a_window(spec: Spec) -> None:
    """Somebody who came on three days of the last week is due when the third-newest day has left it."""
    viewed = """
        id | event          | at
        1  | Product Viewed | 1d ago
        1  | Product Viewed | 2d ago
        1  | Product Viewed | 3d ago
        1  | Product Viewed | 3d1h ago
        2  | Product Viewed | 1d ago
    """
    rule = {"event": "Product Viewed", "measure": "distinct_days", "op": ">=", "value": 3, "within": "7d"}
    spec(rule=rule, people=PEOPLE, events=viewed, members=[1], due={1: "in 4d", 2: None})
