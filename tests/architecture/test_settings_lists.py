"""Whoever opens settings sees every pipeline: each entry loads, and upper apps appear nowhere else below them."""

import ast
from pathlib import Path

import pytest
from django.conf import settings
from django.utils.module_loading import import_string

ROOT = Path(__file__).resolve().parents[2]
LISTS = [
    *("INGEST_SCREENS", "INGEST_GATES", "LANE_STEPS", "READ_GATES", "AUDIENCES", "UNSETTLED", "MERGE_STEPS"),
    *("ERASURE_STEPS", "SUBJECT_SECTIONS", "METRICS", "DOCTOR", "EXPORT_TABLES", "EXPORT_GATES"),
    "SEGMENT_LISTENERS",
]
FLOORS = {"cdp": 0, "profiles": 1, "consent": 2, "enrichment": 3, "segments": 3}
COMPOSITION_ROOT = {"cdp/settings.py", "cdp/urls.py", "cdp/celery.py"}


@pytest.mark.parametrize("name", LISTS)
def test_every_entry_of_a_settings_list_can_be_loaded_and_called(name):
    for path in getattr(settings, name):
        assert callable(import_string(path)), path


def test_the_lists_that_the_main_job_needs_are_filled():
    for name in ("INGEST_GATES", "LANE_STEPS", "READ_GATES", "MERGE_STEPS"):
        assert getattr(settings, name), name


def _dotted_strings(path: Path) -> list[str]:
    tree = ast.parse(path.read_text())
    return [node.value for node in ast.walk(tree) if isinstance(node, ast.Constant) and isinstance(node.value, str)]


def test_no_floor_names_an_upper_app_by_string():
    found = []
    for app, floor in FLOORS.items():
        above = tuple(f"{name}." for name, other in FLOORS.items() if other > floor)
        for path in (ROOT / app).rglob("*.py"):
            where = str(path.relative_to(ROOT))
            if where in COMPOSITION_ROOT or "migrations" in where or (app == "cdp" and "/demo/" in where):
                continue
            # A dotted path such as "segments.memberships.evaluate"; prose has spaces, permissions have no third part.
            found += [
                f"{where}: {text}"
                for text in _dotted_strings(path)
                if text.startswith(above) and " " not in text and text.count(".") >= 2
            ]
    assert not found
