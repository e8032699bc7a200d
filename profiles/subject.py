"""What is known about one person, section by section: for the person's page and for the access package.

Each app contributes what it holds through settings.SUBJECT_SECTIONS, in the order in which the page shows it. A section
is plain rows, so that the package can write them out; a template may show them more kindly than the default list does.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum
from typing import Protocol

from django.conf import settings
from django.utils.module_loading import import_string


class Place(StrEnum):
    """Where the page puts a section: beside the timeline, or in the narrow column."""

    MAIN = "main"
    SIDE = "side"


@dataclass(frozen=True, slots=True)
class Section:
    """One app's part of a person: JSON-able rows, and how the page presents them.

    `empty` says in one sentence what it means that there are no rows. `more` is for the template, not for the package.
    """

    key: str
    title: str
    rows: tuple[Mapping[str, object], ...]
    empty: str = "Nothing yet."
    template: str = "profiles/subject/rows.html"
    place: Place = Place.MAIN
    more: Mapping[str, object] = field(default_factory=dict)


class Contribute(Protocol):
    def __call__(self, profile_id: int, now: datetime, /) -> Section: ...


def sections(*, profile_id: int, now: datetime) -> tuple[Section, ...]:
    """Ask every app named in SUBJECT_SECTIONS for its part."""
    contribute: list[Contribute] = [import_string(path) for path in settings.SUBJECT_SECTIONS]
    return tuple(section(profile_id, now) for section in contribute)
