"""A governed type of its own, so that the lifecycle is attacked without any app above it."""

import sys
from typing import Any

from django.apps import AppConfig, apps
from django.db import models

from cdp.governance.errors import ContentInvalid
from cdp.governance.governed import Governed
from cdp.governance.models import GovernedDecision, GovernedHead, GovernedVersion
from cdp.problems import FieldError

LABEL = "tests_notes"


class NotesConfig(AppConfig):
    label = LABEL
    path = str(__file__)


# What INSTALLED_APPS would do: the app exists in no settings, only in a process that runs these tests.
_config = NotesConfig("tests.cdp", sys.modules["tests.cdp"])
_config.apps, _config.models = apps, apps.all_models[LABEL]
apps.app_configs[LABEL] = _config


class Note(GovernedHead):
    governed = "tests.cdp.notes.NOTES"
    live_version = models.ForeignKey(
        "tests_notes.NoteVersion", models.PROTECT, null=True, editable=False, related_name="+"
    )

    class Meta:
        app_label = "tests_notes"


class NoteVersion(GovernedVersion):
    head = models.ForeignKey("tests_notes.Note", models.PROTECT, related_name="versions")

    class Meta(GovernedVersion.Meta):
        abstract = False
        app_label = "tests_notes"


class NoteDecision(GovernedDecision):
    version = models.ForeignKey("tests_notes.NoteVersion", models.PROTECT, related_name="decisions")

    class Meta:
        app_label = "tests_notes"


def validate(content: Any) -> None:
    if not isinstance(content, dict) or "text" not in content:
        raise ContentInvalid("A note needs a text.", errors=(FieldError("text", "is missing"),))


#: What the hooks were called with, for tests to look at.
calls: list[tuple[str, int]] = []


def on_submit(version: Any, *, now: Any) -> dict[str, Any]:
    calls.append(("submit", version.number))
    return {"length": len(version.content["text"]), "at": now.isoformat()}


def on_live(version: Any, *, now: Any) -> None:
    calls.append(("live", version.number))
    if version.content["text"] == "cannot go live":
        raise RuntimeError("the hook failed")


def on_retired(head: Any, *, now: Any) -> None:
    calls.append(("retired", head.pk))


#: A note that says "three" is for two people to approve; the database asks its own copy of this.
APPROVALS = """
CREATE FUNCTION tests_notes_noteversion_approvals(content jsonb) RETURNS integer LANGUAGE sql IMMUTABLE AS $$
SELECT CASE $1 ->> 'text' WHEN 'three' THEN 2 ELSE 1 END $$
"""


def approvals(content: Any) -> int:
    return 2 if content["text"] == "three" else 1


def repeated(content: Any) -> Any:
    return {"text": content["text"]}


NOTES = Governed(
    Note,
    NoteVersion,
    NoteDecision,
    validate,
    on_submit,
    on_live,
    on_retired,
    approvals=approvals,
    repeated=repeated,
)
