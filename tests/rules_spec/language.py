"""Specifications by example: tables in, expected people out. The same calls are run as tests and printed as docs."""

import json
import re
from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any

from profiles.facts.contexts import Circumstances
from profiles.facts.people import Consent, Event, Person
from profiles.facts.values import Json, ValueType, instant
from segments.rules.parser import parse
from segments.rules.vocabulary import Catalogue
from tests.rules_spec.snapshots import Snapshots

_CIRCUMSTANCE = "@"  # before a column of an event's circumstances, and of a person's last known time zone
NOW = datetime(2026, 3, 10, 12, 0, tzinfo=UTC)

#: Segments that are live, for examples that nest them.
RULES = {
    "germans": parse({"trait": "country", "op": "=", "value": "DE"}),
    "grown-ups": parse({"trait": "age", "op": ">=", "value": 18}),
    "german-grown-ups": parse({"all": [{"segment": "germans"}, {"segment": "grown-ups"}]}),
    "shoppers": parse({"event": "Order Completed", "measure": "count", "op": ">=", "value": 1, "within": "30d"}),
}
#: What was last taken from the population, for examples that compare with it.
TAKEN = Snapshots({"p50": 21, "p80": 412, "p95": None, "mean + 2 SD": 90}, people=51_203, taken_at=NOW)

CATALOGUE = Catalogue(
    traits={
        "country": ValueType.TEXT,
        "plan": ValueType.TEXT,
        "age": ValueType.NUMBER,
        "newsletter": ValueType.BOOLEAN,
        "signed_up_at": ValueType.DATETIME,
        "tags": ValueType.LIST,
    },
    events=frozenset({"Product Viewed", "Order Completed", "Cart Created", "Page Viewed"}),
    properties={
        ("Product Viewed", "category"): ValueType.TEXT,
        ("Product Viewed", "price"): ValueType.NUMBER,
        ("Product Viewed", "in_stock"): ValueType.BOOLEAN,
        ("Product Viewed", "released"): ValueType.DATETIME,
        ("Order Completed", "revenue"): ValueType.NUMBER,
        ("Order Completed", "category"): ValueType.TEXT,
    },
    purposes=frozenset({"marketing"}),
    segments=RULES,
    lists=frozenset({"vip", "press"}),
    thresholds=TAKEN,
)


@dataclass(frozen=True, slots=True)
class Example:
    """One rule, the people it is asked about, and what it must say; who is not named must be a plain no."""

    rule: dict[str, Any]
    people: str
    events: str = ""
    consents: str = ""
    lists: str = ""
    members: Collection[int] = ()
    unknown: Collection[int] = ()
    due: Mapping[int, str | None] = field(default_factory=dict)
    workspace_tz: str = "UTC"

    def persons(self) -> dict[int, Person]:
        traits = {int(row.pop("id")): row for row in rows(self.people)}
        zones = {id_: row.pop(f"{_CIRCUMSTANCE}time_zone", "") for id_, row in traits.items()}
        events = [(int(row.pop("id")), row) for row in rows(self.events)]
        consents = [(int(row["id"]), row) for row in rows(self.consents)]
        listed = [(int(row["id"]), row["list"]) for row in rows(self.lists)]
        return {
            id_: Person(
                traits={name: cell_value(cell, CATALOGUE.traits[name]) for name, cell in row.items() if cell},
                time_zone=zones[id_] or None,
                events=tuple(_event(number, row) for number, (owner, row) in enumerate(events) if owner == id_),
                consents={row["purpose"]: _consent(row) for owner, row in consents if owner == id_},
                lists=frozenset(key for owner, key in listed if owner == id_),
            )
            for id_, row in traits.items()
        }


Spec = Callable[..., None]


def rows(table: str) -> list[dict[str, str]]:
    """An ASCII table with a header line as dictionaries; an empty cell is an empty text."""
    lines = [line for line in table.splitlines() if line.strip() and not set(line.strip()) <= set("-+ |")]
    cells = [[cell.strip() for cell in line.split("|")] for line in lines]
    return [dict(zip(cells[0], row, strict=True)) for row in cells[1:]]


def cell_value(cell: str, value_type: ValueType) -> Json:
    """A cell as the sender's JSON value: by the column's type, or any JSON after an equals sign."""
    if cell.startswith("="):
        return json.loads(cell[1:])
    return cell if value_type in {ValueType.TEXT, ValueType.DATETIME} else json.loads(cell)


def moment(text: str) -> datetime:
    """'now', '9m59s ago', 'in 5m', or a date or time as rules write it."""
    if text == "now":
        return NOW
    sign, span = (-1, text.removesuffix(" ago")) if text.endswith(" ago") else (1, text.removeprefix("in "))
    parts = re.findall(r"(\d+)([smhd])", span)
    if parts and "".join(amount + unit for amount, unit in parts) == span:
        seconds = sum(int(amount) * {"s": 1, "m": 60, "h": 3600, "d": 86400}[unit] for amount, unit in parts)
        return NOW + sign * timedelta(seconds=seconds)
    at = instant(text, zone=UTC)
    assert at is not None, f"not a moment: {text}"
    return at


def _event(number: int, row: dict[str, str]) -> Event:
    name = row["event"]
    properties = {
        key: cell_value(cell, CATALOGUE.properties[name, key])
        for key, cell in row.items()
        if key not in {"event", "at"} and not key.startswith(_CIRCUMSTANCE) and cell
    }
    told = {key[1:]: cell for key, cell in row.items() if key.startswith(_CIRCUMSTANCE) and cell}
    circumstances = Circumstances(time_zone=told.pop("time_zone", None), values=told)
    return Event(name, moment(row["at"]), number + 1, properties, circumstances)


def _consent(row: dict[str, str]) -> Consent:
    return Consent(row["granted"] == "yes", moment(row["until"]) if row.get("until") else None)
