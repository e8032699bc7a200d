"""Ways around the lifecycle: superuser, bulk update, SQL as the application. All of them end at the database."""

import json

import pytest
from django.db import IntegrityError, ProgrammingError, connection, transaction

from cdp.governance import lifecycle
from cdp.governance.content import content_hash
from cdp.governance.models import State
from tests.cdp.conftest import NOW, person
from tests.cdp.notes import NOTES, Note, NoteDecision, NoteVersion

pytestmark = pytest.mark.django_db


@pytest.fixture
def note(author):
    return lifecycle.create(governed=NOTES, key="greeting", name="Greeting", by=author, now=NOW)


@pytest.fixture
def waiting(note, author):
    version = lifecycle.draft(head=note, content={"text": "hello"}, by=author, now=NOW)
    lifecycle.submit(version=version, by=author, now=NOW)
    return version


@pytest.fixture
def live(waiting, approver):
    lifecycle.approve(version=waiting, comment="fine", by=approver, now=NOW)
    return waiting


def refused(statement, *parameters, match=None):
    with (
        pytest.raises((IntegrityError, ProgrammingError), match=match),
        transaction.atomic(),
        connection.cursor() as cursor,
    ):
        cursor.execute(statement, parameters)


def decide(version, by, *, decision="approve", hash_=None, author_ids=None):
    return NoteDecision.objects.create(
        version=version,
        content_hash=hash_ or version.content_hash,
        decision=decision,
        comment="forged",
        decided_by=by,
        author_ids=version.author_ids if author_ids is None else author_ids,
        at=NOW,
    )


def decide_refused(*args, match, **kwargs):
    with pytest.raises(IntegrityError, match=match), transaction.atomic():
        decide(*args, **kwargs)


def test_the_tests_run_as_the_role_of_the_application():
    with connection.cursor() as cursor:
        cursor.execute("SELECT current_user, rolsuper FROM pg_roles WHERE rolname = current_user")
        assert cursor.fetchone() == ("cdp_app", False)


@pytest.mark.parametrize("state", ["draft", "review"])
def test_no_update_makes_a_version_live_without_a_decision(note, author, state):
    version = lifecycle.draft(head=note, content={"text": "hello"}, by=author, now=NOW)
    if state == "review":
        lifecycle.submit(version=version, by=author, now=NOW)

    with pytest.raises(IntegrityError), transaction.atomic():
        NoteVersion.objects.filter(pk=version.pk).update(state=State.LIVE)
    with pytest.raises(IntegrityError), transaction.atomic():
        version.state = State.LIVE
        version.save()
    refused("UPDATE tests_notes_noteversion SET state = 'live' WHERE id = %s", version.pk)


def test_no_insert_brings_a_live_version(note, author):
    refused(
        "INSERT INTO tests_notes_noteversion (head_id, number, content, content_hash, state, author_ids, created_by_id,"
        " created_at, evidence) VALUES (%s, 9, '{}', %s, 'live', %s, %s, now(), '{}')",
        note.pk,
        content_hash({}),
        [author.pk],
        author.pk,
        match="begins as a draft",
    )


def test_an_author_cannot_store_an_approval(note):
    both = person("both", "author", "approver")
    version = lifecycle.draft(head=note, content={"text": "hello"}, by=both, now=NOW)
    lifecycle.submit(version=version, by=both, now=NOW)

    decide_refused(version, both, match="four_eyes")
    decide_refused(version, both, author_ids=[], match="other authors")


def test_a_superuser_cannot_store_an_approval_by_being_one(waiting):
    decide_refused(waiting, person("su", is_superuser=True), match="only the role approver")


def test_a_person_who_was_locked_out_cannot_store_an_approval(waiting):
    decide_refused(waiting, person("gone", "approver", is_active=False), match="only the role approver")


def test_an_approval_is_of_the_content_as_it_is(waiting, approver):
    decide_refused(waiting, approver, hash_=content_hash({"text": "other"}), match="another content")


def test_a_draft_cannot_be_approved_before_it_is_submitted(note, author, approver):
    version = lifecycle.draft(head=note, content={"text": "hello"}, by=author, now=NOW)

    decide_refused(version, approver, match="not open to")


def test_who_wrote_it_cannot_be_forgotten(note):
    both = person("both", "author", "approver")
    version = lifecycle.draft(head=note, content={"text": "hello"}, by=both, now=NOW)

    for author_ids in ([], [both.pk + 1]):
        with pytest.raises(IntegrityError, match="only grows"), transaction.atomic():
            NoteVersion.objects.filter(pk=version.pk).update(author_ids=author_ids)


def test_whoever_approves_and_then_turns_author_does_not_bring_it_live(waiting, approver):
    decide(waiting, approver)
    refused(
        "UPDATE tests_notes_noteversion SET author_ids = author_ids || %s, state = 'live' WHERE id = %s",
        [approver.pk],
        waiting.pk,
        match="needs a stored decision",
    )


@pytest.mark.parametrize("state", ["review", "live"])
def test_content_is_fixed_outside_draft(waiting, approver, state):
    if state == "live":
        lifecycle.approve(version=waiting, comment="fine", by=approver, now=NOW)

    content = {"text": "evil"}
    with pytest.raises(IntegrityError, match="fixed outside draft"), transaction.atomic():
        NoteVersion.objects.filter(pk=waiting.pk).update(content=content, content_hash=content_hash(content))
    refused(
        "UPDATE tests_notes_noteversion SET state = 'draft', content = %s, content_hash = %s WHERE id = %s",
        json.dumps(content),
        content_hash(content),
        waiting.pk,
    )


def test_another_content_does_not_keep_the_hash_that_was_approved(note, author):
    version = lifecycle.draft(head=note, content={"text": "hello"}, by=author, now=NOW)

    with pytest.raises(IntegrityError, match="another hash"), transaction.atomic():
        NoteVersion.objects.filter(pk=version.pk).update(content={"text": "evil"})


def test_a_hash_that_does_not_fit_its_content_is_not_approved(note, author, approver):
    version = lifecycle.draft(head=note, content={"text": "hello"}, by=author, now=NOW)
    row = NoteVersion.objects.filter(pk=version.pk)
    row.update(content={"text": "evil"}, content_hash=content_hash({"text": "?"}))
    row.update(state="review", submitted_at=NOW, submitted_by=author)

    with pytest.raises(lifecycle.WrongState, match="does not match its hash"):
        lifecycle.approve(version=version, comment="fine", by=approver, now=NOW)


def test_an_approved_version_cannot_go_back_to_draft_and_change(waiting, approver):
    decide(waiting, approver)
    for state, told in (("draft", "does not change any more"), ("rejected", "needs a stored decision")):
        refused("UPDATE tests_notes_noteversion SET state = %s WHERE id = %s", state, waiting.pk, match=told)


def test_the_evidence_of_a_request_is_frozen(waiting):
    refused(
        """UPDATE tests_notes_noteversion SET evidence = '{"enter": 0}' WHERE id = %s""", waiting.pk, match="is frozen"
    )


def test_what_is_live_is_not_taken_away_without_a_decision(live):
    for state in ("retired", "superseded", "draft", "withdrawn"):
        refused("UPDATE tests_notes_noteversion SET state = %s WHERE id = %s", state, live.pk)
    refused("DELETE FROM tests_notes_noteversion WHERE id = %s", live.pk, match="not deleted")


def test_a_superseded_version_does_not_come_back_by_an_old_approval(note, live, author, approver):
    second = lifecycle.draft(head=note, content={"text": "two"}, by=author, now=NOW)
    lifecycle.submit(version=second, by=author, now=NOW)
    lifecycle.approve(version=second, comment="better", by=approver, now=NOW)

    refused("UPDATE tests_notes_noteversion SET state = 'live' WHERE id = %s", live.pk, match="does not go from")
    refused("UPDATE tests_notes_note SET live_version_id = %s WHERE id = %s", live.pk, note.pk, match="follows")


def test_the_head_cannot_be_pointed_at_a_draft(note, waiting):
    with pytest.raises(IntegrityError, match="follows the state"), transaction.atomic():
        Note.objects.filter(pk=note.pk).update(live_version=waiting)
    refused("UPDATE tests_notes_note SET live_version_id = %s WHERE id = %s", waiting.pk, note.pk)


def test_a_version_does_not_move_to_another_head(note, author, live):
    other = lifecycle.create(governed=NOTES, key="other", name="Other", by=author, now=NOW)

    refused("UPDATE tests_notes_noteversion SET head_id = %s WHERE id = %s", other.pk, live.pk, match="do not change")


def test_a_key_does_not_change(note):
    refused("UPDATE tests_notes_note SET key = 'salutation' WHERE id = %s", note.pk, match="key does not change")


def test_decisions_are_never_rewritten(live):
    for statement in (
        "UPDATE tests_notes_notedecision SET comment = 'as discussed'",
        "DELETE FROM tests_notes_notedecision",
        "TRUNCATE tests_notes_notedecision",
    ):
        refused(statement)


def test_a_decision_without_a_reason_is_not_stored(waiting, approver):
    with pytest.raises(IntegrityError, match="says_why"), transaction.atomic():
        NoteDecision.objects.create(
            version=waiting,
            content_hash=waiting.content_hash,
            decision="approve",
            comment=" ",
            decided_by=approver,
            author_ids=waiting.author_ids,
            at=NOW,
        )


def test_the_application_can_neither_lift_nor_drop_the_guards(waiting):
    with connection.cursor() as cursor:
        cursor.execute("SET LOCAL cdp.maintenance = 'on'")
    for statement in (
        "UPDATE tests_notes_noteversion SET state = 'live'",
        "ALTER TABLE tests_notes_noteversion DISABLE TRIGGER ALL",
        "DROP TRIGGER tests_notes_noteversion_guard ON tests_notes_noteversion",
        "CREATE OR REPLACE FUNCTION cdp_guard_version() RETURNS trigger LANGUAGE sql AS 'SELECT NULL'",
        "SET session_replication_role = 'replica'",
        "TRUNCATE tests_notes_noteversion CASCADE",
    ):
        refused(statement)


def test_a_change_that_names_nobody_does_not_reach_commit(note):
    with pytest.raises(IntegrityError, match="names its actor"), transaction.atomic():
        Note.objects.filter(pk=note.pk).update(name="Whoever")
        connection.check_constraints()


def test_a_history_row_without_a_person_is_no_actor(note):
    with pytest.raises(IntegrityError, match="names its actor"), transaction.atomic():
        note.name = "Whoever"
        note.save()
        connection.check_constraints()


def test_a_described_head_reaches_commit(note, author, live):
    lifecycle.describe(head=note, by=author, now=NOW, name="Salutation")
    connection.check_constraints()

    note.refresh_from_db()
    assert (note.name, note.live_version_id) == ("Salutation", live.pk)


@pytest.mark.django_db(transaction=True, databases="__all__")
def test_of_two_people_who_approve_at_once_one_decides(note, waiting, approver):
    from concurrent.futures import ThreadPoolExecutor

    from django.db import connections

    other = person("other", "approver")

    def approve(by):
        try:
            version = NoteVersion.objects.get(pk=waiting.pk)
            lifecycle.approve(version=version, comment="fine", by=by, now=NOW)
            return "approved"
        except lifecycle.WrongState:
            return "too late"
        finally:
            connections.close_all()

    with ThreadPoolExecutor(2) as pool:
        outcomes = list(pool.map(approve, [approver, other]))

    assert sorted(outcomes) == ["approved", "too late"]
    assert NoteDecision.objects.filter(version=waiting, decision="approve").count() == 1
