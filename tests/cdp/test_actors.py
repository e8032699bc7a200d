"""Every change to a governed object names its actor, whichever of the write paths it takes."""

import inspect

import pytest
from django.apps import apps
from django.db import IntegrityError, connection, transaction

from cdp.governance import lifecycle
from cdp.governance.content import content_hash
from cdp.governance.models import GovernedHead
from tests.cdp.conftest import NOW, person
from tests.cdp.notes import NOTES, Note, NoteVersion

pytestmark = pytest.mark.django_db


class House:
    """A note that has come as far as each verb needs it, and who takes the next step."""

    def __init__(self):
        self.ada, self.grace = person("ada", "author"), person("grace", "approver")
        self.head = lifecycle.create(governed=NOTES, key="greeting", name="Greeting", by=self.ada, now=NOW)

    def draft(self, **content):
        return lifecycle.draft(head=self.head, content={"text": "hello"} | content, by=self.ada, now=NOW)

    def waiting(self, **content):
        version = self.draft(**content)
        lifecycle.submit(version=version, by=self.ada, now=NOW)
        return version

    def approved(self, **content):
        version = self.waiting(**content)
        lifecycle.approve(version=version, comment="fine", by=self.grace, now=NOW)
        return version


SOON = {"starts_at": "2026-03-03T13:00:00Z"}
OVER = {"ends_at": "2026-03-03T13:00:00Z"}
AFTER = NOW.replace(hour=13)
#: verb -> who has to stand in the history, and the step itself.
PATHS = {
    "create": ("ada", lambda at: None),
    "describe": ("ada", lambda at: lifecycle.describe(head=at.head, by=at.ada, now=NOW, name="Salutation")),
    "draft": ("ada", lambda at: at.draft()),
    "edit": ("ada", lambda at: lifecycle.edit(version=at.draft(), content={"text": "hi"}, by=at.ada, now=NOW)),
    "submit": ("ada", lambda at: at.waiting()),
    "withdraw": ("ada", lambda at: lifecycle.withdraw(version=at.waiting(), by=at.ada, now=NOW)),
    "approve": ("grace", lambda at: at.approved()),
    "reject": ("grace", lambda at: lifecycle.reject(version=at.waiting(), comment="no", by=at.grace, now=NOW)),
    "retire": (
        "grace",
        lambda at: lifecycle.retire(head=at.approved().head, comment="over", by=at.grace, now=NOW),
    ),
    "roll_back": (
        "ada",
        lambda at: lifecycle.roll_back(head=at.head, to_version=at.approved(), comment="back", by=at.ada, now=NOW),
    ),
    "start": ("grace", lambda at: lifecycle.start(version=at.approved(**SOON), now=AFTER)),
    "end": ("grace", lambda at: lifecycle.end(version=at.approved(**OVER), now=AFTER)),
}


def test_these_are_all_the_write_paths_there_are():
    verbs = {
        name
        for name, found in inspect.getmembers(lifecycle, inspect.isfunction)
        if found.__module__ == lifecycle.__name__ and not name.startswith("_")
    }
    assert verbs == set(PATHS)
    assert len(PATHS) == 12


@pytest.mark.parametrize("verb", PATHS)
def test_the_path_names_its_actor(verb):
    house = House()
    actor, step = PATHS[verb]
    step(house)
    connection.check_constraints()
    row = Note.history.filter(id=house.head.pk).latest("pk")
    assert row.history_user.username == actor
    assert not Note.history.filter(history_user=None).exists()


AROUND = {
    "a head saved by nobody": lambda at: at.head.save(),
    "a head updated in bulk": lambda at: Note.objects.filter(pk=at.head.pk).update(description="x"),
    "a draft's content in bulk": lambda at: NoteVersion.objects.filter(head=at.head).update(
        content={"text": "evil"}, content_hash=content_hash({"text": "evil"})
    ),
    "a draft's authors in bulk": lambda at: NoteVersion.objects.filter(head=at.head).update(
        author_ids=[at.ada.pk, at.grace.pk]
    ),
    "a draft withdrawn in bulk": lambda at: NoteVersion.objects.filter(head=at.head).update(state="withdrawn"),
    "a version made in bulk": lambda at: NoteVersion.objects.bulk_create(
        [
            NoteVersion(
                head=at.head,
                number=9,
                content={"text": "evil"},
                content_hash=content_hash({"text": "evil"}),
                author_ids=[at.ada.pk],
                created_by=at.ada,
                created_at=NOW,
            )
        ]
    ),
}


@pytest.mark.parametrize("around", AROUND)
@pytest.mark.django_db(transaction=True, databases="__all__")
def test_what_goes_around_the_verbs_does_not_reach_commit(around):
    with transaction.atomic():
        house = House()
        house.draft()
    with pytest.raises(IntegrityError, match="names its actor"), transaction.atomic():
        AROUND[around](house)


def test_every_governed_type_has_the_guards():
    heads = [model for model in apps.get_models() if issubclass(model, GovernedHead) and not model._meta.abstract]
    assert len(heads) >= 6
    with connection.cursor() as cursor:
        cursor.execute("SELECT tgrelid::regclass::text, tgfoid::regproc::text FROM pg_trigger WHERE NOT tgisinternal")
        found = set(cursor.fetchall())
    for head in heads:
        version = head._meta.get_field("live_version").related_model
        decision = version._meta.get_field("decisions").related_model
        wanted = {
            (head._meta.db_table, "cdp_guard_head"),
            (head._meta.db_table, "cdp_head_change_has_an_actor"),
            (version._meta.db_table, "cdp_guard_version"),
            (version._meta.db_table, "cdp_live_version_follows"),
            (version._meta.db_table, "cdp_version_change_has_an_actor"),
            (decision._meta.db_table, "cdp_guard_decision"),
            (decision._meta.db_table, "cdp_refuse_change"),
        }
        assert wanted <= found, head
