"""Circumstances

`context` in a `where` asks under which circumstances the event happened: device type, browser, operating system,
country, region, city, campaign, and the hour and weekday on the person's own clock. In these tables a column with @
tells a circumstance. What is not known of an event is unknown, as with properties.
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
    id | event          | at     | @device_type | @country | @campaign_source
    1  | Product Viewed | 1d ago | mobile       | DE       | newsletter
    2  | Product Viewed | 1d ago | desktop      | FR       |
    3  | Product Viewed | 1d ago |              |          | search
    4  | Product Viewed | 1d ago | mobile       |          |
"""
CLOCKS = """
    id | @time_zone
    1  |
    2  | America/New_York
    3  | Europe/Berlin
    4  |
"""
MORNING = """
    id | event          | at                   | @time_zone
    1  | Product Viewed | 2026-03-08T06:30:00Z | Asia/Tokyo
    2  | Product Viewed | 2026-03-08T06:30:00Z |
    2  | Product Viewed | 2026-03-08T07:30:00Z |
    3  | Product Viewed | 2026-03-08T06:30:00Z |
    4  | Product Viewed | 2026-03-08T06:30:00Z |
"""


def viewed(where: dict) -> dict:
    return {"event": "Product Viewed", "measure": "count", "op": ">=", "value": 1, "where": where}


def test_device(spec: Spec) -> None:
    """One circumstance. Devices are mobile, tablet, desktop, tv, console, wearable and bot."""
    spec(
        rule=viewed({"context": "device_type", "op": "=", "value": "mobile"}),
        people=PEOPLE,
        events=EVENTS,
        members=[1, 4],
    )


def test_not(spec: Spec) -> None:
    """Not mobile: an event of an unknown device is not known to be something else."""
    spec(
        rule=viewed({"not": {"context": "device_type", "op": "=", "value": "mobile"}}),
        people=PEOPLE,
        events=EVENTS,
        members=[2],
    )


def test_presence(spec: Spec) -> None:
    """Whether a circumstance is known at all."""
    spec(rule=viewed({"context": "country", "op": "missing"}), people=PEOPLE, events=EVENTS, members=[3, 4])


def test_together(spec: Spec) -> None:
    """Circumstances of one event; they stand beside its properties."""
    mobile = {"context": "device_type", "op": "in", "value": ["mobile", "tablet"]}
    mailed = {"context": "campaign_source", "op": "=", "value": "newsletter"}
    spec(rule=viewed({"all": [mobile, mailed]}), people=PEOPLE, events=EVENTS, members=[1])


def test_hour(spec: Spec) -> None:
    """The hour on the person's clock: the event's time zone, else their last known one, else the workspace's.

    In New York clocks go forward that night: 06:30 UTC is half past one, 07:30 UTC half past three.
    """
    spec(
        rule=viewed({"context": "local_hour", "op": "in", "value": [1, 15]}),
        people=CLOCKS,
        events=MORNING,
        members=[1, 2],
    )
    spec(
        rule=viewed({"context": "local_hour", "op": "between", "value": [2, 3]}),
        people=CLOCKS,
        events=MORNING,
        members=[2],
    )
    spec(
        rule=viewed({"context": "local_hour", "op": "=", "value": 7}),
        people=CLOCKS,
        events=MORNING,
        members=[3, 4],
        workspace_tz="Europe/Berlin",
    )


def test_weekday(spec: Spec) -> None:
    """The day of the week on the same clock."""
    spec(
        rule=viewed({"context": "local_weekday", "op": "in", "value": ["saturday", "sunday"]}),
        people=CLOCKS,
        events=MORNING,
        members=[1, 2, 3, 4],
    )
    spec(
        rule=viewed({"context": "local_weekday", "op": "=", "value": "saturday"}),
        people=CLOCKS,
        events="""
            id | event          | at                   | @time_zone
            1  | Product Viewed | 2026-03-08T04:30:00Z | America/New_York
            2  | Product Viewed | 2026-03-08T04:30:00Z |
            3  | Product Viewed | 2026-03-08T04:30:00Z |
            4  | Product Viewed | 2026-03-08T04:30:00Z |
        """,
        members=[1, 2],
    )
