"""Every model says which of its columns are about somebody, and nobody's history is kept twice."""

from collections.abc import Mapping
from importlib import import_module
from typing import Any

import pytest
from django.apps import apps
from django.conf import settings
from django.db.models import Field, Model

from cdp.models import User
from cdp.personal_data import Personal

OURS = ("cdp", "profiles", "consent", "enrichment", "segments")
#: By what these columns are called they lead to a person, whichever table they are in.
POINTERS = {"profile_id", "origin_id", "root_id", "with_origin_id", "winner_id", "loser_id", "merged_into", "ip"}


def our_models() -> list[type[Model]]:
    return [model for model in apps.get_models() if model.__module__.split(".")[0] in OURS]


def original_of(model: Any) -> Any:
    """The model that a simple-history model copies; None of any other."""
    return getattr(model, "instance_type", None)


def declared(app: str) -> Mapping[type[Model], Mapping[str, Personal]]:
    return import_module(f"{app}.personal_data").PERSONAL_DATA


APPS_WITH_MODELS = sorted({model._meta.app_label for model in our_models()})
DECLARED = {model: fields for app in APPS_WITH_MODELS for model, fields in declared(app).items()}
WRITTEN_BY_HAND = [model for model in our_models() if original_of(model) is None]


def names_of(model: type[Model]) -> dict[str, Field]:
    fields = {field.name: field for field in model._meta.get_fields() if isinstance(field, Field)}
    return fields | {field.attname: field for field in fields.values() if hasattr(field, "attname")}


def test_every_model_is_declared_by_its_own_app_and_nothing_else_is() -> None:
    assert set(DECLARED) == set(WRITTEN_BY_HAND)
    for app in APPS_WITH_MODELS:
        assert {model._meta.app_label for model in declared(app)} == {app}


@pytest.mark.parametrize("model", DECLARED, ids=lambda model: model._meta.label)
def test_what_is_declared_exists(model: type[Model]) -> None:
    assert DECLARED[model].keys() <= names_of(model).keys()
    assert all(isinstance(kind, Personal) for kind in DECLARED[model].values())


@pytest.mark.parametrize("model", DECLARED, ids=lambda model: model._meta.label)
def test_a_column_that_leads_to_a_person_is_never_forgotten(model: type[Model]) -> None:
    for name, field in names_of(model).items():
        about = DECLARED[model].get(field.name, DECLARED[model].get(name))
        if name in POINTERS:
            assert about in (Personal.REFERENCE, Personal.IDENTIFIER), f"{model._meta.label}.{name}"
        if field.related_model is User:
            assert about is Personal.STAFF, f"{model._meta.label}.{name}"


def test_no_history_is_kept_of_anything_that_is_about_a_person() -> None:
    """A deleted row would live on, whole, in its history: what was to be forgotten would not be."""
    copied = [original_of(model) for model in our_models() if original_of(model) is not None]
    assert copied, "governed objects keep their history"
    for model in copied:
        about_people = {name for name, kind in DECLARED[model].items() if kind is not Personal.STAFF}
        assert not about_people, f"{model._meta.label} has a history and holds {about_people}"


def test_the_apps_looked_at_are_all_of_ours() -> None:
    assert set(OURS) == {app for app in settings.INSTALLED_APPS if app in OURS}
