"""The dashboard and the alerts speak of figures that /metrics tells."""

import json
import re
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
import yaml
from django.conf import settings
from django.test import Client
from django.utils.module_loading import import_string
from prometheus_client import REGISTRY

FOLDER = Path(settings.BASE_DIR) / "cdp" / "observability"
_NAMES = re.compile(r"\b(?:cdp|django)_[a-z0-9_]+")


def dashboard() -> dict[str, Any]:
    return json.loads((FOLDER / "grafana.json").read_text())


def rules() -> list[dict[str, Any]]:
    (group,) = yaml.safe_load((FOLDER / "alerts.yml").read_text())["groups"]
    return group["rules"]


def told() -> set[str]:
    now = datetime.now(UTC)
    Client().get("/healthz")  # the first request makes the counters of requests
    ours = {gauge.name for path in settings.METRICS for gauge in import_string(path)(now)}
    counters = {family.name for family in REGISTRY.collect()}
    return ours | counters | {f"{name}_total" for name in counters}


@pytest.mark.django_db
def test_every_panel_asks_for_a_figure_that_is_told() -> None:
    asked = [target["expr"] for panel in dashboard()["panels"] for target in panel.get("targets", [])]

    assert asked
    assert {name for expression in asked for name in _NAMES.findall(expression)} <= told()


@pytest.mark.django_db
def test_every_alert_asks_for_a_figure_that_is_told() -> None:
    assert {name for rule in rules() for name in _NAMES.findall(rule["expr"])} <= told()


def test_every_alert_says_what_it_means_and_what_to_do() -> None:
    for rule in rules():
        assert rule["annotations"]["summary"] and rule["annotations"]["description"], rule["alert"]
        assert rule["labels"]["severity"] in {"page", "ticket"}


def test_panels_do_not_overlap() -> None:
    taken: set[tuple[int, int]] = set()
    for panel in dashboard()["panels"]:
        place = panel["gridPos"]
        cells = {
            (x, y)
            for x in range(place["x"], place["x"] + place["w"])
            for y in range(place["y"], place["y"] + place["h"])
        }
        assert place["x"] + place["w"] <= 24 and not cells & taken, panel["title"]
        taken |= cells
