"""Values from the population

In place of a number stands `{"percentile": 80}` or `{"mean_plus_sd": 2}`, with `"over": key` for the members of a
segment instead of everybody of known value. It is compared with `<`, `<=`, `>` or `>=`. Percentiles lie between two
people where they have to, deviations are those of a sample, whoever has no value does not count. In these examples the
last snapshot said p50 = 21, p80 = 412 and mean + 2 SD = 90, and for p95 there was nobody to take it from.

A count or a sum of nothing is 0, not missing: over everybody, those who never bought count with 0. Say over whom.
"""

from tests.rules_spec.language import Spec

ORDERS = """
    id | event           | revenue | at
    1  | Order Completed | 411.99  | 9d ago
    2  | Order Completed | 412     | 9d ago
    3  | Order Completed | 90      | 9d ago
    3  | Order Completed | 0.01    | 8d ago
    4  | Order Completed | 1000    | 40d ago
"""
PEOPLE = """
    id | age
    1  | 20
    2  | 21
    3  | 22
    4  |
"""


def spent(op: str, value: object) -> dict:
    return {"event": "Order Completed", "measure": "sum", "of": "revenue", "op": op, "value": value, "within": "30d"}


def test_percentile(spec: Spec) -> None:
    """The top fifth of the shoppers: who spent at least what four fifths of them did not. Due is when what the person
    spent can change next, whatever the value: it may be another one by then."""
    spec(
        rule=spent(">=", {"percentile": 80, "over": "shoppers"}),
        people=PEOPLE,
        events=ORDERS,
        members=[2],
    )


def test_mean_plus_deviations(spec: Spec) -> None:
    """More than two standard deviations above the mean: 90 is not, 90.01 is."""
    spec(rule=spent(">", {"mean_plus_sd": 2, "over": "shoppers"}), people=PEOPLE, events=ORDERS, members=[1, 2, 3])


def test_of_a_trait(spec: Spec) -> None:
    """A trait of type number too. Whoever has none is unknown, as ever."""
    spec(rule={"trait": "age", "op": "<", "value": {"percentile": 50}}, people=PEOPLE, members=[1], unknown=[4])


def test_nobody_to_take_it_from(spec: Spec) -> None:
    """Without a value there is nothing to compare with: unknown for everybody."""
    spec(rule=spent(">=", {"percentile": 95}), people=PEOPLE, events=ORDERS, unknown=[1, 2, 3, 4])
    spec(rule={"not": spent(">=", {"percentile": 95})}, people=PEOPLE, events=ORDERS, unknown=[1, 2, 3, 4])
