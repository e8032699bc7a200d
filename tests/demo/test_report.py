"""The report says by itself when something is not as promised."""

from dataclasses import replace

import pytest

from cdp.demo.printing import in_words
from cdp.demo.report import Export, Report

GOOD = Report(
    accounting={"accepted": 10, "stored": 7, "duplicate": 2, "rejected": 1, "pending": 0, "people": 3},
    segments=(
        {"name": "Frequent buyers", "status": "ready", "version": 1, "size": 2, "sentence": "ordered often"},
        {"name": "Win back", "status": "draft", "version": None, "size": 0, "sentence": ""},
    ),
    person={"asked_as": "user_id:c-1", "id": "p_1", "segments": [{"key": "frequent-buyers"}]},
    reasons=(
        {
            "segment": "frequent-buyers",
            "stay": {"entered_at": "2026-03-01T12:00:00Z"},
            "explanation": {"sentence": "ordered often"},
        },
    ),
    consent_export=Export(lines=4, sha256="ab"),
)


def test_nothing_is_wrong_with_a_good_one() -> None:
    assert GOOD.problems() == []


@pytest.mark.parametrize(
    ("report", "told"),
    [
        (replace(GOOD, accounting={**GOOD.accounting, "stored": 6}), "accepted is not stored + duplicate"),
        (replace(GOOD, accounting={**GOOD.accounting, "stored": 6, "pending": 1}), "1 events are still pending"),
        (replace(GOOD, accounting={**GOOD.accounting, "stored": 0, "accepted": 3}), "no event was stored"),
        (replace(GOOD, segments=({**GOOD.segments[0], "status": "backfilling"},)), "Frequent buyers is backfilling"),
        (replace(GOOD, segments=(GOOD.segments[1],)), "no segment has a member"),
        (replace(GOOD, reasons=()), "people is in a segment"),
        (replace(GOOD, consent_export=Export(lines=0, sha256="")), "the consent export is empty"),
    ],
)
def test_it_names_what_is_wrong(report: Report, told: str) -> None:
    assert [problem for problem in report.problems() if told in problem]


def test_it_reads_well() -> None:
    words = in_words(GOOD.as_json())

    assert "Frequent buyers" in words and "ordered often" in words and "waits for approval" in words
    assert "4 entries, SHA-256 ab" in words
