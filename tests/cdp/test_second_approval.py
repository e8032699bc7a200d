"""Two people where a content asks for two, schedules, and what the database says to those who go around."""

from datetime import timedelta

import pytest
from django.db import IntegrityError, connection, transaction
from django.utils import timezone

from cdp.governance import lifecycle, timetable
from cdp.governance.errors import ContentInvalid, NotAllowed, WrongState
from cdp.governance.models import State
from cdp.governance.schedule import schedule_of
from cdp.governance.standing import standing_of
from tests.cdp.conftest import NOW, person
from tests.cdp.notes import NOTES, Note, NoteVersion, calls

pytestmark = pytest.mark.django_db


@pytest.fixture
def note(author):
    return lifecycle.create(governed=NOTES, key="greeting", name="Greeting", by=author, now=NOW)


@pytest.fixture
def second(db):
    return person("edsger", "approver")


def submitted(note, author, **content):
    version = lifecycle.draft(head=note, content={"text": "hello"} | content, by=author, now=NOW)
    lifecycle.submit(version=version, by=author, now=NOW)
    return version


def approve(version, by, now=NOW):
    lifecycle.approve(version=version, comment="fine", by=by, now=now)
    version.refresh_from_db()


def test_a_content_that_asks_for_two_goes_live_with_the_second_approval(note, author, approver, second):
    version = submitted(note, author, text="three")
    approve(version, approver)
    assert version.state == State.REVIEW
    assert standing_of(NOTES, version, now=NOW).told == "It needs the approval of 1 more person."
    approve(version, second)
    assert version.state == State.LIVE
    told = list(Note.history.order_by("pk").values_list("history_change_reason", "history_user__username"))
    assert told[-2:] == [("approved v1, 1 more needed", "grace"), ("approved v1", "edsger")]


def test_one_person_does_not_count_twice(note, author, approver):
    version = submitted(note, author, text="three")
    approve(version, approver)
    with pytest.raises(NotAllowed, match="another person"):
        lifecycle.approve(version=version, comment="again", by=approver, now=NOW)


def test_the_database_counts_people_too(note, author, approver, second):
    version = submitted(note, author, text="three")
    approve(version, approver)
    with pytest.raises(IntegrityError, match="by 2 people"), transaction.atomic():
        NoteVersion.objects.filter(pk=version.pk).update(state=State.LIVE)


def test_what_one_person_approved_does_not_change_any_more_but_can_be_dropped(note, author, approver, second):
    version = submitted(note, author, text="three")
    approve(version, approver)
    with pytest.raises(WrongState, match="write a new version"):
        lifecycle.edit(version=version, content={"text": "two"}, by=author, now=NOW)
    lifecycle.reject(version=version, comment="on second thoughts", by=second, now=NOW)
    version.refresh_from_db()
    assert version.state == State.REJECTED


def test_an_approved_version_waits_for_its_start_and_goes_live_in_its_approvers_name(note, author, approver):
    starts_at = NOW + timedelta(hours=1)
    version = submitted(note, author, starts_at=starts_at.isoformat())
    approve(version, approver)
    assert version.state == State.REVIEW
    with pytest.raises(WrongState, match="approved already"):
        lifecycle.approve(version=version, comment="now", by=approver, now=NOW)
    assert timetable.run(governed=NOTES, now=starts_at - timedelta(microseconds=1)) == 0
    assert timetable.run(governed=NOTES, now=starts_at) == 1
    version.refresh_from_db()
    assert (version.state, version.decided_at) == (State.LIVE, starts_at)
    row = Note.history.latest("pk")
    assert (row.history_user, row.history_change_reason) == (approver, "v1 went live as approved")
    connection.check_constraints()


def test_what_is_live_goes_away_at_its_approved_end_whoever_has_left_since(note, author, approver):
    ends_at = NOW + timedelta(hours=1)
    version = submitted(note, author, ends_at=ends_at.isoformat())
    approve(version, approver)
    approver.is_active = False
    approver.save()
    assert timetable.run(governed=NOTES, now=ends_at - timedelta(microseconds=1)) == 0
    assert timetable.run(governed=NOTES, now=ends_at) == 1
    version.refresh_from_db()
    assert (version.state, calls[-1]) == (State.RETIRED, ("retired", note.pk))
    connection.check_constraints()


def test_a_start_passes_without_whoever_was_not_approved(note, author):
    version = submitted(note, author, starts_at=NOW.isoformat())
    assert timetable.run(governed=NOTES, now=NOW + timedelta(days=1)) == 0
    with pytest.raises(WrongState, match="not approved"):
        lifecycle.start(version=version, now=NOW + timedelta(days=1))


def test_the_database_lets_nothing_live_before_its_start(note, author, approver):
    version = submitted(note, author, starts_at=(timezone.now() + timedelta(days=1)).isoformat())
    approve(version, approver)
    with pytest.raises(IntegrityError, match="before its starts_at"), transaction.atomic():
        NoteVersion.objects.filter(pk=version.pk).update(state=State.LIVE)


def test_the_database_ends_nothing_before_its_end(note, author, approver):
    version = submitted(note, author, ends_at=(timezone.now() + timedelta(days=1)).isoformat())
    approve(version, approver)
    with pytest.raises(IntegrityError, match="needs a stored decision"), transaction.atomic():
        NoteVersion.objects.filter(pk=version.pk).update(state=State.RETIRED)


def test_a_shadow_needs_a_decision_more(note, author, approver):
    version = submitted(note, author, shadow="7d")
    with pytest.raises(IntegrityError, match="needs a stored decision"), transaction.atomic():
        # The notes' type lets it go live at once; the database does not.
        lifecycle.approve(version=version, comment="fine", by=approver, now=NOW)


def test_an_end_that_is_over_is_refused_when_submitted_and_when_approved(note, author, approver):
    late = lifecycle.draft(head=note, content={"text": "x", "ends_at": NOW.isoformat()}, by=author, now=NOW)
    with pytest.raises(WrongState, match="is over"):
        lifecycle.submit(version=late, by=author, now=NOW)
    version = submitted(note, author, ends_at=(NOW + timedelta(hours=1)).isoformat())
    with pytest.raises(WrongState, match="is over"):
        lifecycle.approve(version=version, comment="fine", by=approver, now=NOW + timedelta(hours=2))


def test_a_roll_back_repeats_no_schedule(note, author, approver):
    first = submitted(note, author, ends_at=(NOW + timedelta(hours=1)).isoformat())
    approve(first, approver)
    timetable.run(governed=NOTES, now=NOW + timedelta(hours=2))
    first.refresh_from_db()
    back = lifecycle.roll_back(head=note, to_version=first, by=author, comment="once more", now=NOW)
    assert (back.content, back.copied_from) == ({"text": "hello"}, 1)


@pytest.mark.parametrize("written", ["2026-03-01", "2026-03-01T08:00:00", "soon", 7, "2026-02-30T08:00:00Z"])
def test_a_moment_without_its_offset_is_none(written):
    with pytest.raises(ContentInvalid, match="its offset"):
        schedule_of({"starts_at": written})


def test_an_end_comes_after_its_start():
    with pytest.raises(ContentInvalid, match="does not come after"):
        schedule_of({"starts_at": "2026-03-01T08:00:00Z", "ends_at": "2026-03-01T09:00:00+01:00"})


FORGED = """
CREATE TEMP TABLE tests_notes_notedecision (version_id bigint, decision text, content_hash text, decided_by_id bigint);
INSERT INTO pg_temp.tests_notes_notedecision SELECT id, 'approve', content_hash, 0 FROM tests_notes_noteversion;
UPDATE tests_notes_noteversion SET state = 'live';
"""
OWNED = """
CREATE TEMP TABLE pg_class (oid oid, relowner oid);
INSERT INTO pg_temp.pg_class SELECT 'tests_notes_noteversion'::regclass, oid FROM pg_roles WHERE rolname = current_user;
SET LOCAL search_path = pg_temp, pg_catalog, public;
SET LOCAL cdp.maintenance = 'on';
UPDATE public.tests_notes_noteversion SET state = 'live';
"""


@pytest.mark.parametrize("attack", [FORGED, OWNED], ids=["a table of decisions", "the catalogue of tables"])
def test_no_temporary_table_deceives_the_guards(note, author, attack):
    submitted(note, author)
    with pytest.raises(IntegrityError), transaction.atomic(), connection.cursor() as cursor:
        cursor.execute(attack)
    assert NoteVersion.objects.get().state == State.REVIEW


def test_nor_does_a_temporary_table_of_roles(note, author):
    version = submitted(note, author)
    stranger = person("eve")
    with pytest.raises(IntegrityError, match="only the role"), transaction.atomic(), connection.cursor() as cursor:
        cursor.execute("CREATE TEMP TABLE auth_group AS SELECT 0 AS id, 'approver' AS name")
        cursor.execute("CREATE TEMP TABLE cdp_user_groups AS SELECT %s AS user_id, 0 AS group_id", [stranger.pk])
        cursor.execute(
            "INSERT INTO tests_notes_notedecision (version_id, content_hash, decision, comment, decided_by_id,"
            " author_ids, at) VALUES (%s, %s, 'approve', 'mine', %s, %s, now())",
            [version.pk, version.content_hash, stranger.pk, version.author_ids],
        )
