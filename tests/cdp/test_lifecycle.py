"""The verbs, as a person meets them."""

import pytest

from cdp.governance import lifecycle
from cdp.governance.content import content_hash
from cdp.governance.errors import CommentRequired, ContentInvalid, FourEyes, NotAllowed, WrongState
from cdp.governance.models import State
from tests.cdp.conftest import NOW, person
from tests.cdp.notes import NOTES, Note, NoteDecision, calls

pytestmark = pytest.mark.django_db


@pytest.fixture
def note(author):
    return lifecycle.create(governed=NOTES, key="greeting", name="Greeting", by=author, now=NOW)


def drafted(note, by, text="hello"):
    return lifecycle.draft(head=note, content={"text": text}, by=by, now=NOW)


def submitted(note, by, text="hello"):
    version = drafted(note, by, text)
    lifecycle.submit(version=version, by=by, now=NOW)
    return version


def live(note, author, approver, text="hello"):
    version = submitted(note, author, text)
    lifecycle.approve(version=version, comment="reads well", by=approver, now=NOW)
    return version


def test_a_draft_that_is_submitted_and_approved_by_another_person_goes_live(note, author, approver):
    version = live(note, author, approver)

    note.refresh_from_db()
    assert (version.state, note.live_version_id, version.decided_at) == (State.LIVE, version.pk, NOW)
    assert calls == [("submit", 1), ("live", 1)]


def test_evidence_is_frozen_when_a_version_is_submitted(note, author):
    version = submitted(note, author)

    assert version.evidence == {"length": 5, "at": NOW.isoformat()}
    assert (version.submitted_by, version.submitted_at) == (author, NOW)


def test_an_approval_supersedes_the_version_before_it(note, author, approver):
    first = live(note, author, approver, "one")
    second = live(note, author, approver, "two")

    first.refresh_from_db()
    note.refresh_from_db()
    assert (first.state, second.state, note.live_version_id) == (State.SUPERSEDED, State.LIVE, second.pk)


def test_the_decision_keeps_the_content_the_authors_and_the_reason(note, author, approver):
    version = live(note, author, approver)

    decision = NoteDecision.objects.get(version=version)
    assert decision.content_hash == content_hash({"text": "hello"})
    assert (decision.decision, decision.comment, decision.decided_by) == ("approve", "reads well", approver)
    assert decision.author_ids == [author.pk]


def test_nobody_approves_what_they_wrote(note):
    both = person("solo", "author", "approver")
    version = submitted(note, both)

    with pytest.raises(FourEyes):
        lifecycle.approve(version=version, comment="mine is best", by=both, now=NOW)


def test_whoever_edited_or_submitted_a_version_is_one_of_its_authors(note, author):
    editor, submitter = person("edith", "author", "approver"), person("sam", "author", "approver")
    version = drafted(note, author)
    lifecycle.edit(version=version, content={"text": "hi"}, by=editor, now=NOW)
    lifecycle.submit(version=version, by=submitter, now=NOW)

    assert version.author_ids == [author.pk, editor.pk, submitter.pk]
    for one in (editor, submitter):
        with pytest.raises(FourEyes):
            lifecycle.approve(version=version, comment="fine", by=one, now=NOW)


def test_an_edit_under_review_makes_the_request_void(note, author, approver):
    version = submitted(note, author)
    lifecycle.edit(version=version, content={"text": "other"}, by=author, now=NOW)

    assert (version.state, version.evidence, version.submitted_at) == (State.DRAFT, {}, None)
    with pytest.raises(WrongState):
        lifecycle.approve(version=version, comment="too late", by=approver, now=NOW)


def test_what_changed_since_the_approver_looked_is_not_approved(note, author, approver):
    version = submitted(note, author)
    seen = version.content_hash
    lifecycle.edit(version=version, content={"text": "other"}, by=author, now=NOW)
    lifecycle.submit(version=version, by=author, now=NOW)

    with pytest.raises(WrongState, match="changed since you looked"):
        lifecycle.approve(version=version, comment="as I saw it", by=approver, now=NOW, seen_hash=seen)


@pytest.mark.parametrize("verb", [lifecycle.approve, lifecycle.reject])
def test_a_decision_needs_a_comment(note, author, approver, verb):
    version = submitted(note, author)

    with pytest.raises(CommentRequired):
        verb(version=version, comment="  ", by=approver, now=NOW)


def test_retiring_needs_a_comment_and_leaves_nothing_live(note, author, approver):
    version = live(note, author, approver)
    with pytest.raises(CommentRequired):
        lifecycle.retire(head=note, comment="", by=approver, now=NOW)

    lifecycle.retire(head=note, comment="the campaign is over", by=approver, now=NOW)

    version.refresh_from_db()
    note.refresh_from_db()
    assert (version.state, note.live_version_id) == (State.RETIRED, None)
    assert calls[-1] == ("retired", note.pk)
    with pytest.raises(WrongState):
        lifecycle.retire(head=note, comment="again", by=approver, now=NOW)


def test_a_rejected_version_stays_rejected(note, author, approver):
    version = submitted(note, author)
    lifecycle.reject(version=version, comment="too short", by=approver, now=NOW)

    assert version.state == State.REJECTED
    with pytest.raises(WrongState):
        lifecycle.edit(version=version, content={"text": "longer"}, by=author, now=NOW)


def test_a_withdrawn_version_cannot_be_approved(note, author, approver):
    version = submitted(note, author)
    lifecycle.withdraw(version=version, by=author, now=NOW)

    with pytest.raises(WrongState):
        lifecycle.approve(version=version, comment="fine", by=approver, now=NOW)


def test_rolling_back_copies_an_old_version_and_asks_for_approval(note, author, approver):
    first = live(note, author, approver, "one")
    live(note, author, approver, "two")

    version = lifecycle.roll_back(head=note, to_version=first, by=author, comment="two was wrong", now=NOW)

    assert (version.number, version.copied_from, version.content) == (3, 1, {"text": "one"})
    assert version.state == State.REVIEW
    assert NoteDecision.objects.get(version=version).decision == "roll_back"


def test_only_what_was_live_can_be_gone_back_to(note, author, approver):
    version = submitted(note, author)
    lifecycle.reject(version=version, comment="no", by=approver, now=NOW)

    with pytest.raises(WrongState):
        lifecycle.roll_back(head=note, to_version=version, by=author, comment="try again", now=NOW)


def test_one_version_waits_for_approval_at_a_time(note, author):
    submitted(note, author, "one")

    with pytest.raises(WrongState, match="already waits"):
        submitted(note, author, "two")


def test_a_hook_that_fails_leaves_everything_as_it_was(note, author, approver):
    first = live(note, author, approver, "one")
    second = submitted(note, author, "cannot go live")

    with pytest.raises(RuntimeError):
        lifecycle.approve(version=second, comment="let us see", by=approver, now=NOW)

    first.refresh_from_db()
    second.refresh_from_db()
    note.refresh_from_db()
    assert (first.state, second.state, note.live_version_id) == (State.LIVE, State.REVIEW, first.pk)
    assert not NoteDecision.objects.filter(version=second).exists()


@pytest.mark.parametrize("role", ["approver", "compliance", "administrator", "viewer"])
def test_only_an_author_drafts_edits_submits_and_withdraws(note, author, role):
    other = person("other", role)
    version = drafted(note, author)

    for step in (
        lambda: drafted(note, other),
        lambda: lifecycle.edit(version=version, content={"text": "x"}, by=other, now=NOW),
        lambda: lifecycle.submit(version=version, by=other, now=NOW),
        lambda: lifecycle.withdraw(version=version, by=other, now=NOW),
        lambda: lifecycle.create(governed=NOTES, key="mine", name="Mine", by=other, now=NOW),
        lambda: lifecycle.describe(head=note, by=other, now=NOW, name="Mine"),
        lambda: lifecycle.roll_back(head=note, to_version=version, by=other, comment="x", now=NOW),
    ):
        with pytest.raises(NotAllowed):
            step()


@pytest.mark.parametrize("role", ["author", "compliance", "administrator", "viewer"])
def test_only_an_approver_approves_rejects_and_retires(note, author, role):
    other = person("other", role)
    version = submitted(note, author)

    for step in (
        lambda: lifecycle.approve(version=version, comment="ok", by=other, now=NOW),
        lambda: lifecycle.reject(version=version, comment="no", by=other, now=NOW),
        lambda: lifecycle.retire(head=note, comment="gone", by=other, now=NOW),
    ):
        with pytest.raises(NotAllowed):
            step()


def test_a_superuser_neither_writes_nor_approves(note, author):
    superuser = person("su", is_superuser=True)
    version = submitted(note, author)

    with pytest.raises(NotAllowed):
        drafted(note, superuser)
    with pytest.raises(NotAllowed):
        lifecycle.approve(version=version, comment="I am root", by=superuser, now=NOW)


def test_a_person_who_was_locked_out_approves_nothing(note, author):
    gone = person("gone", "approver", is_active=False)
    version = submitted(note, author)

    with pytest.raises(NotAllowed):
        lifecycle.approve(version=version, comment="bye", by=gone, now=NOW)


@pytest.mark.parametrize(
    "content",
    [
        {},
        {"text": "a\x00b"},
        {"text": "\ud800"},
        {"text": float("inf")},
        {"text": 2**53},
        {"text": {"deep"}},
        {"text": [[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[1]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]},
    ],
)
def test_content_that_cannot_be_meant_is_refused(note, author, content):
    with pytest.raises(ContentInvalid):
        lifecycle.draft(head=note, content=content, by=author, now=NOW)


def test_the_hash_does_not_depend_on_how_the_content_was_written():
    assert content_hash({"b": 1.0, "a": "é"}) == content_hash({"a": "\u00e9", "b": 1})


def test_every_step_is_in_the_history_with_its_actor(note, author, approver):
    live(note, author, approver)
    lifecycle.describe(head=note, by=author, now=NOW, name="Salutation")

    told = [
        (row.history_user, row.history_change_reason, row.name)
        for row in Note.history.filter(id=note.pk).order_by("pk")
    ]
    assert told == [
        (author, "created", "Greeting"),
        (author, "drafted v1", "Greeting"),
        (author, "submitted v1", "Greeting"),
        (approver, "approved v1", "Greeting"),
        (author, "described", "Salutation"),
    ]
    assert Note.history.filter(id=note.pk).latest("pk").live_version_id is not None
