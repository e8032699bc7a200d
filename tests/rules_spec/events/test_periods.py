"""Periods

`from` and `to` bound a period of the calendar, [from, to): it holds its first moment and not its last. Either may be
left out. Bare dates are midnights of the workspace's time zone.
"""

from tests.rules_spec.language import Spec

PEOPLE = """
    id
    1
    2
    3
    4
"""
EVENTS = """
    id | event          | at
    1  | Product Viewed | 2026-01-01T00:00:00Z
    2  | Product Viewed | 2026-01-31T23:59:59Z
    3  | Product Viewed | 2026-02-01T00:00:00Z
    4  | Product Viewed | 2025-12-31T23:00:00Z
"""


def viewed(**window: str) -> dict:
    return {"event": "Product Viewed", "measure": "count", "op": ">=", "value": 1, **window}


def test_from_to(spec: Spec) -> None:
    """A month."""
    spec(rule=viewed(**{"from": "2026-01-01", "to": "2026-02-01"}), people=PEOPLE, events=EVENTS, members=[1, 2])


def test_from(spec: Spec) -> None:
    """From a day on."""
    spec(rule=viewed(**{"from": "2026-01-31"}), people=PEOPLE, events=EVENTS, members=[2, 3])


def test_to(spec: Spec) -> None:
    """Before a moment."""
    spec(rule=viewed(to="2026-01-01T00:00:00Z"), people=PEOPLE, events=EVENTS, members=[4])


def test_local_midnight(spec: Spec) -> None:
    """A month in Berlin begins an hour earlier than in UTC."""
    spec(
        rule=viewed(**{"from": "2026-01-01", "to": "2026-02-01"}),
        people=PEOPLE,
        events=EVENTS,
        members=[1, 4],
        workspace_tz="Europe/Berlin",
    )


def test_future_end(spec: Spec) -> None:
    """A period that is not over holds what has happened so far; its answer never changes by waiting."""
    spec(
        rule=viewed(**{"from": "2026-03-01", "to": "2027-01-01"}),
        people=PEOPLE,
        events="""
            id | event          | at
            1  | Product Viewed | 1d ago
            2  | Product Viewed | in 1h
        """,
        members=[1],
        due={1: None, 2: "in 1h", 3: None},
    )
