"""Windows

`within` looks at the time after now - w up to now: an event leaves the window exactly w after it happened. People move
without anything happening to them, so every answer comes with its due time, the moment at which time alone will change
it: segments are left, and entered where counts fall, at that moment.
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
    1  | Product Viewed | 9m59s ago
    1  | Product Viewed | 1m ago
    1  | Product Viewed | now
    2  | Product Viewed | 10m ago
    2  | Product Viewed | 9m ago
    2  | Product Viewed | 8m ago
    2  | Product Viewed | 7m ago
    3  | Product Viewed | 5m ago
    3  | Product Viewed | in 1m
"""


def viewed(op: str, value: object, **window: str) -> dict:
    return {"event": "Product Viewed", "measure": "count", "op": op, "value": value, **window}


def test_at_least(spec: Spec) -> None:
    """At least n: left when the n-th newest event leaves the window. Events of the future do not count before they
    happen, and may change the answer when they do."""
    spec(
        rule=viewed(">=", 2, within="10m"),
        people=PEOPLE,
        events=EVENTS,
        members=[1, 2],
        due={1: "in 9m", 2: "in 2m", 3: "in 1m", 4: None},
    )


def test_once(spec: Spec) -> None:
    """At least once: left when the newest event leaves."""
    spec(
        rule=viewed(">", 0, within="10m"),
        people=PEOPLE,
        events="""
            id | event          | at
            1  | Product Viewed | 9m59s ago
            1  | Product Viewed | 1m ago
            2  | Product Viewed | 10m ago
            3  | Product Viewed | now
        """,
        members=[1, 3],
        due={1: "in 9m", 2: None, 3: "in 10m", 4: None},
    )


def test_less(spec: Spec) -> None:
    """Less than n: whoever did it too often enters when enough events have left."""
    spec(
        rule=viewed("<", 2, within="10m"),
        people=PEOPLE,
        events="""
            id | event          | at
            1  | Product Viewed | 9m ago
            1  | Product Viewed | 4m ago
            1  | Product Viewed | 1m ago
            2  | Product Viewed | 1m ago
        """,
        members=[2, 3, 4],
        due={1: "in 6m", 2: None, 3: None, 4: None},
    )


def test_exactly(spec: Spec) -> None:
    """Exactly n: entered and left again. Events of one moment leave together, so a count may be jumped over."""
    spec(
        rule=viewed("=", 1, within="10m"),
        people=PEOPLE,
        events="""
            id | event          | at
            1  | Product Viewed | 9m ago
            1  | Product Viewed | 1m ago
            2  | Product Viewed | 1m ago
            3  | Product Viewed | 2m ago
            3  | Product Viewed | 2m ago
        """,
        members=[2],
        due={1: "in 1m", 2: "in 9m", 3: None, 4: None},
    )


def test_absence(spec: Spec) -> None:
    """Not at all in the window: entered when the newest event leaves it."""
    spec(
        rule={"not": viewed(">=", 1, within="10m")},
        people=PEOPLE,
        events="""
            id | event          | at
            1  | Product Viewed | 9m ago
            2  | Product Viewed | 11m ago
        """,
        members=[2, 3, 4],
        due={1: "in 1m", 2: None, 3: None},
    )


def test_units(spec: Spec) -> None:
    """`s`, `m`, `h` and `d` are seconds, minutes, hours and days of 24 hours, also where clocks change."""
    spec(
        rule=viewed(">=", 1, within="1d"),
        people=PEOPLE,
        events="""
            id | event          | at
            1  | Product Viewed | 23h59m59s ago
            2  | Product Viewed | 24h ago
        """,
        members=[1],
        workspace_tz="Europe/Berlin",
    )


def test_combined(spec: Spec) -> None:
    """A false *all* can only change when the last of its false parts does: no wake-up before that."""
    spec(
        rule={"all": [viewed("=", 0, within="10m"), viewed("=", 0, within="1h")]},
        people=PEOPLE,
        events="""
            id | event          | at
            1  | Product Viewed | 1m ago
            2  | Product Viewed | 30m ago
        """,
        members=[3, 4],
        due={1: "in 59m", 2: "in 30m", 3: None},
    )
