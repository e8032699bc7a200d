"""Plans as files: which form, under which name, in which bytes."""

from dataclasses import dataclass
from typing import Any

import orjson
from django.db import models

from profiles.models import TrackingPlanVersion
from profiles.plans import iglu, plan, segment
from profiles.plans.plan import PlanInvalid
from profiles.plans.schemas import Fault

_VENDOR = "org.plan"
_ZIP = b"PK\x03\x04"


class Form(models.TextChoices):
    SEGMENT = "segment", "Segment (rules)"
    IGLU = "iglu", "Iglu (list of schemas)"
    IGLU_ZIP = "iglu-zip", "Iglu (registry, zip)"


@dataclass(frozen=True, slots=True)
class Told:
    """A file as it is handed out."""

    filename: str
    content_type: str
    body: bytes


def document(version: TrackingPlanVersion, form: Form) -> Any:
    """Return a version in a form that is JSON."""
    rules = plan.read(version.content)
    if form is Form.SEGMENT:
        return segment.page(rules, made_at=version.created_at)
    return iglu.listed(rules, vendor=vendor(version.head.key))


def told(version: TrackingPlanVersion, form: Form) -> Told:
    """Return a version as a file."""
    name = f"{version.head.key}-v{version.number}-{form.value.removesuffix('-zip')}"
    if form is Form.IGLU_ZIP:
        packed = iglu.packed(plan.read(version.content), vendor=vendor(version.head.key))
        return Told(f"{name}.zip", "application/zip", packed)
    return Told(f"{name}.json", "application/json", orjson.dumps(document(version, form), option=orjson.OPT_INDENT_2))


def vendor(key: str) -> str:
    """Return the Iglu vendor that a plan's schemas carry."""
    return f"{_VENDOR}.{key}"


def opened(body: bytes) -> Any:
    """Return what a file holds: JSON, or a zip of schemas. Raises PlanInvalid."""
    if body.startswith(_ZIP):
        return iglu.unpacked(body)
    try:
        return orjson.loads(body)
    except orjson.JSONDecodeError as error:
        raise PlanInvalid((Fault("document", f"This is not JSON: {error}"),)) from None
