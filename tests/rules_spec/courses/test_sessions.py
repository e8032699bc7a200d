"""Sessions

Whatever somebody does without a pause of `gap` is one session; it lies in the window in which it began. `count`
compares the number of sessions. `duration`, `pages` (page and screen views) and `engagement` (everything else that was
done) ask whether there is a session as the comparison wants it, judged as far as it has come.
"""

from tests.rules_spec.language import Spec

PEOPLE = """
    id
    1
    2
    3
    4
"""


def session(measure: str, op: str, value: object, *, within: str = "1d", gap: str = "30m", **more: object) -> dict:
    return {"session": {"gap": gap, **more}, "measure": measure, "op": op, "value": value, "within": within}


EVENTS = """
    id | event           | at
    1  | Page Viewed     | 3h ago
    1  | Product Viewed  | 2h55m ago
    1  | Order Completed | 2h45m ago
    1  | Page Viewed     | 2h15m ago
    1  | Page Viewed     | 2h10m ago
    2  | Page Viewed     | 50m ago
    2  | Page Viewed     | 20m1s ago
    3  | Page Viewed     | 50m ago
    3  | Page Viewed     | 20m ago
"""


def test_count(spec: Spec) -> None:
    """How many began in the window: a new one where the pause is as long as the gap."""
    spec(
        rule=session("count", ">=", 2),
        people=PEOPLE,
        events=EVENTS,
        members=[1, 3],
        due={1: "in 21h", 2: None, 3: "in 23h10m", 4: None},
    )
    spec(
        rule=session("count", "=", 1),
        people=PEOPLE,
        events=EVENTS,
        members=[2],
        due={1: "in 21h", 2: "in 23h10m", 3: "in 23h10m"},
    )


def test_window(spec: Spec) -> None:
    """One that began before the window is not in it, however long it went on."""
    spec(
        rule=session("count", ">", 0, within="1h"),
        people=PEOPLE,
        events="""
            id | event       | at
            1  | Page Viewed | 59m59s ago
            2  | Page Viewed | 1h ago
            2  | Page Viewed | 40m ago
            2  | Page Viewed | 20m ago
            3  | Page Viewed | 1h ago
            3  | Page Viewed | 30m ago
        """,
        members=[1, 3],
        due={1: "in 1s", 2: None, 3: "in 30m"},
    )


def test_duration(spec: Spec) -> None:
    """From the first event of a session to its latest; a single event takes no time."""
    spec(
        rule=session("duration", ">", "10m"),
        people=PEOPLE,
        events=EVENTS,
        members=[1, 2],
        due={1: "in 21h", 2: "in 23h10m", 3: None},
    )
    spec(rule=session("duration", "between", ["5m", "5m"]), people=PEOPLE, events=EVENTS, members=[1])
    spec(rule=session("duration", "<", "1s"), people=PEOPLE, events=EVENTS, members=[3])


def test_pages(spec: Spec) -> None:
    """Page and screen views of one session."""
    spec(rule=session("pages", ">=", 2), people=PEOPLE, events=EVENTS, members=[1, 2])


def test_engagement(spec: Spec) -> None:
    """Everything else that was done in one session."""
    spec(rule=session("engagement", ">=", 2), people=PEOPLE, events=EVENTS, members=[1], due={1: "in 21h"})


def test_chosen_events(spec: Spec) -> None:
    """With `events` only those make a session, and the pauses are between those."""
    spec(
        rule=session("count", ">=", 2, events=["Page Viewed"]),
        people=PEOPLE,
        events="""
            id | event          | at
            1  | Page Viewed    | 2h ago
            1  | Product Viewed | 100m ago
            1  | Page Viewed    | 80m ago
            2  | Product Viewed | 2h ago
            2  | Page Viewed    | 80m ago
        """,
        members=[1],
    )


def test_ended(spec: Spec) -> None:
    """With `ended` a session counts once the gap has gone by after it: who looked at one page and left again."""
    spec(
        rule=session("pages", "<=", 1, ended=True),
        people=PEOPLE,
        events="""
            id | event       | at
            1  | Page Viewed | 30m ago
            2  | Page Viewed | 29m ago
            3  | Page Viewed | 2h ago
            3  | Page Viewed | 119m ago
        """,
        members=[1],
        due={1: "in 23h30m", 2: "in 1m", 3: None},
    )
