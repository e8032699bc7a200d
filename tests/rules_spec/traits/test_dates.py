"""Dates and times

A date or time is ISO-8601 text. With an offset it is that moment; without, it is local time in the workspace's time
zone; a bare date is the midnight it begins with. An hour that a change of clocks makes happen twice, or never, is read
as standard time. What is no date, such as 30 February, is unknown. "Now" is 2026-03-10T12:00:00Z in all examples.
"""

from tests.rules_spec.language import Spec

PEOPLE = """
    id | signed_up_at
    1  | 2026-03-01
    2  | 2026-03-01T00:00:00Z
    3  | 2026-03-01T01:00:00+01:00
    4  | 2026-02-28T23:59:59.999999Z
    5  | 2026-03-01T00:00:00.000001
    6  | 2026-02-30
    7  | yesterday
    8  |
    9  | =20260301
"""
UNKNOWN = [6, 7, 8, 9]


def signed_up(op: str, value: object) -> dict:
    return {"trait": "signed_up_at", "op": op, "value": value}


def test_equal(spec: Spec) -> None:
    """`=` is the same moment, however it is spelled."""
    spec(rule=signed_up("=", "2026-03-01"), people=PEOPLE, members=[1, 2, 3], unknown=UNKNOWN)


def test_before(spec: Spec) -> None:
    """`before` (the same as `<`) leaves the moment itself out."""
    spec(rule=signed_up("before", "2026-03-01"), people=PEOPLE, members=[4], unknown=UNKNOWN)


def test_after(spec: Spec) -> None:
    """`after` (the same as `>`) too. After a bare date is after its first moment: noon of that day is after it."""
    spec(rule=signed_up("after", "2026-03-01T00:00:00Z"), people=PEOPLE, members=[5], unknown=UNKNOWN)


def test_between(spec: Spec) -> None:
    """`between` two moments holds the first and not the second, as all periods do: months do not overlap."""
    spec(
        rule=signed_up("between", ["2026-02-28T23:59:59.999999Z", "2026-03-01"]),
        people=PEOPLE,
        members=[4],
        unknown=UNKNOWN,
    )


def test_in(spec: Spec) -> None:
    """`in` is one of these moments."""
    spec(rule=signed_up("in", ["2026-03-01", "2020-01-01"]), people=PEOPLE, members=[1, 2, 3], unknown=UNKNOWN)


def test_local_time(spec: Spec) -> None:
    """Without an offset the workspace's zone counts, in rules as in values: Europe/Berlin, an hour ahead of UTC."""
    spec(
        rule=signed_up("=", "2026-03-01"),
        people="""
            id | signed_up_at
            1  | 2026-03-01
            2  | 2026-02-28T23:00:00Z
            3  | 2026-03-01T00:00:00Z
        """,
        members=[1, 2],
        workspace_tz="Europe/Berlin",
    )


def test_change_of_clocks(spec: Spec) -> None:
    """02:30 happens twice on 25 October and never on 29 March; standard time decides."""
    spec(
        rule=signed_up("in", ["2025-10-26T01:30:00Z", "2026-03-29T01:30:00Z"]),
        people="""
            id | signed_up_at
            1  | 2025-10-26T02:30:00
            2  | 2026-03-29T02:30:00
            3  | 2026-03-29T03:30:00
        """,
        members=[1, 2, 3],
        workspace_tz="Europe/Berlin",
    )


def test_within_last(spec: Spec) -> None:
    """`within_last` 30d holds the moments after now - 30 days up to now: the moment exactly 30 days ago has just left.
    A day is 24 hours. The due time is when the answer will change if nothing happens."""
    spec(
        rule=signed_up("within_last", "30d"),
        people="""
            id | signed_up_at
            1  | 2026-03-10T12:00:00Z
            2  | 2026-02-08T12:00:01Z
            3  | 2026-02-08T12:00:00Z
            4  | 2026-03-10T12:00:01Z
            5  |
        """,
        members=[1, 2],
        unknown=[5],
        due={1: "in 30d", 2: "in 1s", 3: None, 4: "in 1s", 5: None},
    )
