"""Where

`where` narrows the events down by their properties: all, any and not over conditions with the same operators as traits.
An event counts when the condition is *true* for it; when it is false or unknown, the event does not count.
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
EVENTS = """
    id | event          | at     | category | price | in_stock | released
    1  | Product Viewed | 1d ago | shoes    | 80    | true     | 2026-03-01
    2  | Product Viewed | 1d ago | shoes    | 20    | false    | 2025-03-01
    3  | Product Viewed | 1d ago | hats     | 80    |          |
    4  | Product Viewed | 1d ago |          | 80    | =1       | soon
"""


def viewed(where: dict) -> dict:
    return {"event": "Product Viewed", "measure": "count", "op": ">=", "value": 1, "where": where}


def test_one(spec: Spec) -> None:
    """One condition."""
    shoes = {"property": "category", "op": "=", "value": "shoes"}
    spec(rule=viewed(shoes), people=PEOPLE, events=EVENTS, members=[1, 2])


def test_all(spec: Spec) -> None:
    """Several conditions on the same event."""
    shoes = {"property": "category", "op": "in", "value": ["shoes", "boots"]}
    dear = {"property": "price", "op": ">", "value": 50}
    spec(rule=viewed({"all": [shoes, dear]}), people=PEOPLE, events=EVENTS, members=[1])


def test_any(spec: Spec) -> None:
    """Either condition."""
    hats = {"property": "category", "op": "=", "value": "hats"}
    cheap = {"property": "price", "op": "<=", "value": 20}
    spec(rule=viewed({"any": [hats, cheap]}), people=PEOPLE, events=EVENTS, members=[2, 3])


def test_not(spec: Spec) -> None:
    """Not shoes: an event without a category is not known to be something else, so it does not count."""
    spec(
        rule=viewed({"not": {"property": "category", "op": "=", "value": "shoes"}}),
        people=PEOPLE,
        events=EVENTS,
        members=[3],
    )


def test_missing(spec: Spec) -> None:
    """`missing` and `exists` ask for the property itself."""
    spec(rule=viewed({"property": "category", "op": "missing"}), people=PEOPLE, events=EVENTS, members=[4])


def test_boolean(spec: Spec) -> None:
    """True or false."""
    spec(rule=viewed({"property": "in_stock", "op": "!=", "value": True}), people=PEOPLE, events=EVENTS, members=[2])


def test_dates(spec: Spec) -> None:
    """Dates."""
    spec(
        rule=viewed({"property": "released", "op": "before", "value": "2026-01-01"}),
        people=PEOPLE,
        events=EVENTS,
        members=[2],
    )


def test_within_last(spec: Spec) -> None:
    """`within_last` in a where measures back from the event, not from now: released in the 30 days before it was
    viewed. What an event was does not change as it grows older."""
    spec(
        rule=viewed({"property": "released", "op": "within_last", "value": "30d"}),
        people=PEOPLE,
        events=EVENTS,
        members=[1],
        due={1: None},
    )


def test_sum(spec: Spec) -> None:
    """Where narrows sums down as well."""
    spec(
        rule={
            "event": "Product Viewed",
            "measure": "sum",
            "of": "price",
            "op": ">=",
            "value": 80,
            "where": {"property": "category", "op": "exists"},
        },
        people=PEOPLE,
        events=EVENTS,
        members=[1, 3],
    )
