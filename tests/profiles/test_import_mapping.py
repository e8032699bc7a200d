"""What a mapping makes of a file's lines, without a database."""

import gzip
import json
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

from profiles.imports import building, mapping, reading
from profiles.imports.mapping import MappingRefused
from profiles.imports.reading import FileRefused, Group, Line

ORDERS: dict[str, Any] = {
    "name": "orders",
    "group_by": "order",
    "user_id": "customer",
    "time": {"column": "at", "format": "%d.%m.%Y %H:%M", "zone": "Europe/Berlin"},
    "events": [
        {
            "type": "track",
            "event": "Order Completed",
            "lines": [{"column": "quantity", "op": ">", "value": 0}],
            "properties": {
                "revenue": {"is": "sum", "of": ["quantity", "price"]},
                "items": {"is": "list", "of": {"price": {"is": "column", "column": "price", "kind": "number"}}},
                "shop": {"is": "constant", "value": "Berlin"},
            },
        }
    ],
}
HEADER = "order,customer,at,quantity,price\n"


def loaded(tmp_path: Path, content: Any) -> mapping.Mapping:
    path = tmp_path / "mapping.json"
    path.write_text(content if isinstance(content, str) else json.dumps(content))
    return mapping.load(path)


def groups_of(tmp_path: Path, text: str | bytes, *, by: str = "") -> list[Group]:
    path = tmp_path / "file.csv"
    path.write_bytes(text.encode() if isinstance(text, str) else text)
    with reading.opened(path, delimiter=",") as file:
        return list(reading.groups(file.lines, by=by))


def events_of(tmp_path: Path, text: str, content: dict[str, Any] = ORDERS) -> list[dict[str, Any]]:
    chosen = loaded(tmp_path, content)
    found = groups_of(tmp_path, text, by=chosen.group_by)
    return [event for group in found for event in building.build(chosen, group, file="f" * 64)]


def test_lines_of_one_order_become_one_event_at_the_earliest_time_with_an_exact_sum(tmp_path: Path) -> None:
    text = HEADER + "7,c1,02.01.2024 10:05,3,0.10\n7,c1,02.01.2024 10:00,1,0.20\n7,c1,02.01.2024 09:00,-1,9\n"
    (event,) = events_of(tmp_path, text)

    assert event == {
        "type": "track",
        "event": "Order Completed",
        "messageId": "orders:0:7",
        "userId": "c1",
        "anonymousId": None,
        "groupId": None,
        "timestamp": "2024-01-02T09:00:00+00:00",
        "properties": {
            "revenue": Decimal("0.50"),
            "items": [{"price": Decimal("0.10")}, {"price": Decimal("0.20")}],
            "shop": "Berlin",
        },
    }


def test_an_order_that_cleaning_leaves_empty_is_no_event_unless_it_names_nobody(tmp_path: Path) -> None:
    text = HEADER + "7,c1,02.01.2024 10:05,0,1\n8,,02.01.2024 10:05,0,1\n"
    (event,) = events_of(tmp_path, text)

    assert (event["userId"], event["messageId"]) == (None, "orders:0:8")


def test_a_time_that_cannot_be_read_is_sent_as_it_stands_for_the_pipeline_to_refuse(tmp_path: Path) -> None:
    (event,) = events_of(tmp_path, HEADER + "7,c1,yesterday,1,1\n")

    assert event["timestamp"] == "yesterday"


@pytest.mark.parametrize("price", ["", "cheap", "NaN", "1e999999999", "Infinity"])
def test_a_number_that_is_none_refuses_the_order_by_line_and_column(tmp_path: Path, price: str) -> None:
    with pytest.raises(building.LineRefused) as error:
        events_of(tmp_path, HEADER + f"7,c1,02.01.2024 10:05,1,1\n7,c1,02.01.2024 10:05,1,{price}\n")

    assert (error.value.number, error.value.column) == (2, "price")


def test_lines_without_an_id_of_their_own_are_told_apart_by_file_and_number(tmp_path: Path) -> None:
    visits = {
        "name": "visits",
        "user_id": "who",
        "time": {"column": "at"},
        "events": [{"type": "page"}],
    }
    found = events_of(tmp_path, "who,at\na,2024-01-01T00:00:00Z\na,2024-01-01T00:00:00Z\n", visits)

    assert [event["messageId"] for event in found] == [f"visits:0:{'f' * 16}:1", f"visits:0:{'f' * 16}:2"]
    named = events_of(tmp_path, "who,at\na,2024-01-01T00:00:00Z\n", visits | {"message_id": "at"})
    assert named[0]["messageId"] == "visits:0:2024-01-01T00:00:00Z"


def test_a_long_key_still_makes_a_message_id_that_is_short_enough(tmp_path: Path) -> None:
    (event,) = events_of(tmp_path, HEADER + f"{'7' * 200},c1,02.01.2024 10:05,1,1\n")

    assert len(event["messageId"]) <= 100


def test_gzip_and_a_byte_order_mark_are_read_over(tmp_path: Path) -> None:
    (group,) = groups_of(tmp_path, gzip.compress("\ufefforder,a\n1,x\n".encode()))

    assert group.lines == [Line(1, {"order": "1", "a": "x"})]


def test_a_line_with_too_few_fields_is_told_and_the_next_one_is_read(tmp_path: Path) -> None:
    first, second = groups_of(tmp_path, "order,a\n1\n2,x\n")

    assert [(line.number, line.reason) for line in first.unreadable] == [(1, "has 1 fields, the header 2")]
    assert (first.lines, first.last, second.key, second.last) == ([], 1, "2", 2)


def test_a_group_with_an_unreadable_line_in_its_midst_is_torn(tmp_path: Path) -> None:
    torn, whole = groups_of(tmp_path, "order,a\n1,x\n1\n1,y\n2,x\n2\n", by="order")

    assert (torn.torn, torn.last, whole.torn, whole.last) == (True, 3, False, 5)


def test_a_key_that_comes_back_stops_the_import(tmp_path: Path) -> None:
    with pytest.raises(FileRefused, match="Line 3: its order comes back"):
        groups_of(tmp_path, "order,a\n1,x\n2,x\n1,y\n", by="order")


@pytest.mark.parametrize("content", [b"", b"a,a\n1,2\n", gzip.compress(b"a,b\n" + b"1,2\n" * 90_000)[:-400]])
def test_a_file_without_a_header_or_cut_short_is_refused(tmp_path: Path, content: bytes) -> None:
    with pytest.raises(FileRefused):
        groups_of(tmp_path, content)


@pytest.mark.parametrize(
    ("content", "told"),
    [
        ("{", "truncated"),
        (ORDERS | {"events": []}, "events"),
        (ORDERS | {"colour": "red"}, "colour"),
        (ORDERS | {"user_id": ""}, "user_id"),
        (ORDERS | {"delimiter": ""}, "delimiter"),
        (ORDERS | {"time": {"column": "at", "zone": "Mars/Base"}}, "Mars/Base"),
        (ORDERS | {"events": [{"type": "track", "properties": {"a": {"is": "guess"}}}]}, r"\$\.events\[0\]"),
        (
            ORDERS | {"events": [{"type": "track", "when": [{"column": "a", "op": "starts_with", "value": 5}]}]},
            "compares text",
        ),
    ],
)
def test_a_mapping_that_cannot_be_used_is_refused_with_its_place(tmp_path: Path, content: Any, told: str) -> None:
    with pytest.raises(MappingRefused, match=told):
        loaded(tmp_path, content)


def test_a_mapping_knows_every_column_it_reads(tmp_path: Path) -> None:
    assert loaded(tmp_path, ORDERS).columns == {"order", "customer", "at", "quantity", "price"}


def test_every_mapping_that_is_shipped_can_be_loaded() -> None:
    shipped = list((Path(mapping.__file__).parent / "mappings").glob("*.json"))

    assert [mapping.load(path).name for path in shipped] == [path.stem for path in shipped]
