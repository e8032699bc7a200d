from collections.abc import Iterator
from datetime import UTC, datetime

import pytest
from django.contrib.auth.models import Group
from django.contrib.contenttypes.models import ContentType
from django.db import connections

from cdp.database_roles import grant_application_role
from cdp.governance.operations import GuardVersions
from cdp.models import User
from tests.cdp import notes

NOW = datetime(2026, 3, 3, 12, 0, tzinfo=UTC)


@pytest.fixture(scope="session")
def django_db_setup(django_db_setup: None, django_db_blocker: object) -> None:
    """Add the tables of the governed type that exists for these tests alone, as its migration would."""
    guard = GuardVersions(
        head_table="tests_notes_note",
        version_table="tests_notes_noteversion",
        decision_table="tests_notes_notedecision",
        history_table="tests_notes_historicalnote",
    )
    owner = connections["owner"]
    with django_db_blocker.unblock():
        with owner.schema_editor() as editor:
            for model in (notes.NoteVersion, notes.Note, notes.NoteDecision, notes.Note.history.model):
                editor.create_model(model)
        with owner.cursor() as cursor:
            cursor.execute(guard.sql)
            cursor.execute(notes.APPROVALS)
        grant_application_role(owner, application=connections["default"].settings_dict["USER"])


@pytest.fixture(autouse=True)
def _fresh() -> Iterator[None]:
    notes.calls.clear()
    # The notes' content types are made inside a test and go with it.
    ContentType.objects.clear_cache()
    yield


def person(name: str, *roles: str, **more: object) -> User:
    user = User.objects.create_user(name, **more)
    user.groups.set(Group.objects.filter(name__in=roles))
    return user


@pytest.fixture
def author(db: None) -> User:
    return person("ada", "author")


@pytest.fixture
def approver(db: None) -> User:
    return person("grace", "approver")


@pytest.fixture
def administrator(db: None) -> User:
    return person("root", "administrator")
