"""GET /metrics: what a Prometheus scrapes. Apps contribute through settings.METRICS.

Figures of the product are asked of the database at each scrape: they are true whichever process answers, and outlive
all of them. What a process counts about itself is its own, so each answers with its number on every sample: counters
of two processes under one name would jump back and forth.
"""

import os
import shutil
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, Protocol

from django.conf import settings
from django.db import DatabaseError, InterfaceError
from django.http import HttpResponse
from django.urls import path
from django.utils import timezone
from django.utils.module_loading import import_string
from drf_spectacular.types import OpenApiTypes
from drf_spectacular.utils import extend_schema
from prometheus_client import CONTENT_TYPE_LATEST, REGISTRY, generate_latest
from prometheus_client.core import GaugeMetricFamily, Metric
from prometheus_client.registry import Collector
from rest_framework.negotiation import BaseContentNegotiation
from rest_framework.request import Request
from rest_framework.views import APIView

from cdp.api.authentication import ANYBODY
from cdp.api.permissions import key_with
from cdp.api.schema import problems
from cdp.health import worker_silence
from cdp.models import Scope
from cdp.problems import Problem
from cdp.roles import Role


@dataclass(frozen=True, slots=True)
class Sample:
    value: float
    labels: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Gauge:
    """One figure, or one per set of labels; all samples of a gauge carry the same label names."""

    name: str
    description: str
    samples: tuple[Sample, ...]


class Contribute(Protocol):
    def __call__(self, now: datetime, /) -> Iterable[Gauge]: ...


def collect(now: datetime, /) -> Iterator[Gauge]:
    """How long the workers have been silent (no sample where none ever beat), and how much room is left."""
    silence = worker_silence(now=now)
    samples = () if silence is None else (Sample(silence),)
    yield Gauge("cdp_worker_silence_seconds", "Seconds since a worker last beat.", samples)
    free = Sample(shutil.disk_usage(settings.CDP_DATA_DIR).free)
    yield Gauge("cdp_disk_free_bytes", "Bytes free where the data folder lies.", (free,))


class _Anything(BaseContentNegotiation):
    """There is one format; a scraper's list of wishes is no reason to refuse it."""

    def select_renderer(self, request: Request, renderers: Any, format_suffix: str | None = None) -> Any:
        return renderers[0], renderers[0].media_type


class MetricsView(APIView):
    authentication_classes = ANYBODY
    permission_classes = (key_with(Scope.METRICS_READ, *Role),)
    content_negotiation_class = _Anything

    @extend_schema(
        operation_id="metrics",
        responses={(200, "text/plain"): OpenApiTypes.STR, **problems(401, 403, 503)},
    )
    def get(self, request: Request) -> HttpResponse:
        """Tell all figures in the text format of Prometheus. A key can be sent as the user name of HTTP Basic too."""
        contributors: list[Contribute] = [import_string(path) for path in settings.METRICS]
        now = timezone.now()
        try:
            gauges = [gauge for contribute in contributors for gauge in contribute(now)]
        except (DatabaseError, InterfaceError):
            away = "The figures cannot be asked of the database."
            raise Problem(503, "unavailable", away, headers={"Retry-After": "5"}) from None
        text = generate_latest(_Figures(gauges)) + generate_latest(_OfThisProcess())
        return HttpResponse(text, content_type=CONTENT_TYPE_LATEST)


class _Figures(Collector):
    def __init__(self, gauges: Iterable[Gauge]) -> None:
        self._gauges = gauges

    def collect(self) -> Iterator[Metric]:
        for gauge in self._gauges:
            names = list(gauge.samples[0].labels) if gauge.samples else []
            family = GaugeMetricFamily(gauge.name, gauge.description, labels=names)
            for sample in gauge.samples:
                family.add_metric([sample.labels[name] for name in names], sample.value)
            yield family


class _OfThisProcess(Collector):
    def collect(self) -> Iterator[Metric]:
        process = {"pid": str(os.getpid())}
        for family in REGISTRY.collect():
            told = Metric(family.name, family.documentation, family.type, family.unit)
            told.samples = [sample._replace(labels=sample.labels | process) for sample in family.samples]
            yield told


urlpatterns = [path("metrics", MetricsView.as_view(), name="metrics")]
