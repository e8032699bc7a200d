"""No cell of the copy is a formula to a spreadsheet."""

import csv
import io

import pytest

from cdp.spreadsheet import cell, line


@pytest.mark.parametrize(
    "text",
    [
        "=1",
        "+1",
        "-1",
        "@SUM(1)",
        " =1",
        "\t=1",
        "\r=1",
        "\x00=1",
        "＝1",
        "＋1",
        "－1",
        "＠x",
        "\u200b=1",
        "\ufeff-1",
        "|cmd",
    ],
)
def test_what_could_begin_a_formula_gets_an_apostrophe(text):
    assert cell(text).startswith("\"'")


@pytest.mark.parametrize("text", ["marketing", "1", "a=b", "", "2026-03-01", "p_0abc", "Zoë"])
def test_what_cannot_stays_as_it_is(text):
    assert cell(text) == f'"{text}"'


def test_a_row_reads_back_as_one_row_whatever_is_in_it():
    row = ["a\r\nb", 'say "yes"', None, 7, "x,y", "\u2028"]

    (read,) = csv.reader(io.StringIO(line(row).decode(), newline=""))
    assert read == ["a  b", 'say "yes"', "", "7", "x,y", " "]
