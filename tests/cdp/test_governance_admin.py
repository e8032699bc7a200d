"""The lifecycle as a person meets it in the admin."""

import json

import pytest
from django.test import Client

from cdp.governance import lifecycle
from tests.cdp.conftest import NOW, person
from tests.cdp.notes import NOTES, Note, NoteVersion

pytestmark = [pytest.mark.django_db, pytest.mark.urls("tests.cdp.urls")]

LIST = "/admin/tests_notes/note/"


def signed_in(user):
    client = Client()
    client.force_login(user, backend="django.contrib.auth.backends.ModelBackend")
    return client


@pytest.fixture
def writing(author):
    return signed_in(author)


@pytest.fixture
def deciding(approver):
    return signed_in(approver)


@pytest.fixture
def note(author):
    return lifecycle.create(governed=NOTES, key="greeting", name="Greeting", by=author, now=NOW)


@pytest.fixture
def drafted(note, author):
    return lifecycle.draft(head=note, content={"text": "hello"}, by=author, now=NOW)


@pytest.fixture
def waiting(drafted, author):
    lifecycle.submit(version=drafted, by=author, now=NOW)
    return drafted


def at(version, step=""):
    return f"{LIST}{version.head_id}/versions/{version.number}/{step}"


def text(answer):
    assert answer.status_code == 200, answer.content[:2000]
    return answer.content.decode()


def test_an_author_creates_drafts_and_submits(writing, author):
    answer = writing.post(f"{LIST}add/", {"key": "hello", "name": "Hello", "description": ""})
    note = Note.objects.get(key="hello")
    assert answer.url == f"{LIST}{note.pk}/versions/new/"
    assert "Save draft" in text(writing.get(answer.url))

    answer = writing.post(answer.url, {"content": json.dumps({"text": "hi"})})
    version = NoteVersion.objects.get(head=note)
    assert answer.url == at(version)
    assert "Submit for approval" in text(writing.get(answer.url))

    writing.post(at(version, "submit/"))
    version.refresh_from_db()
    assert (version.state, version.author_ids, note.owner) == ("review", [author.pk], author)


def test_an_approver_sees_the_buttons_and_decides_with_a_comment(waiting, deciding):
    page = text(deciding.get(at(waiting)))
    assert "Approve" in page and "Reject" in page and "hello" in page

    answer = deciding.post(at(waiting, "approve/"), {"comment": "reads well", "seen_hash": waiting.content_hash})

    assert answer.url == at(waiting)
    waiting.refresh_from_db()
    assert waiting.state == "live"
    assert "reads well" in text(deciding.get(at(waiting)))


def test_without_a_comment_the_page_comes_back_and_says_so(waiting, deciding):
    answer = deciding.post(at(waiting, "approve/"), {"comment": ""})

    assert answer.status_code == 409
    assert "Say why in a comment" in answer.content.decode()


def test_an_author_is_offered_no_approval_and_gets_none(note):
    both = person("both", "author", "approver")
    version = lifecycle.draft(head=note, content={"text": "mine"}, by=both, now=NOW)
    lifecycle.submit(version=version, by=both, now=NOW)
    client = signed_in(both)

    page = text(client.get(at(version)))
    assert 'value="approve"' not in page and "somebody else has to approve it" in page
    assert client.post(at(version, "approve/"), {"comment": "mine"}).status_code == 409
    version.refresh_from_db()
    assert version.state == "review"


def test_what_changed_since_the_page_was_opened_is_not_approved(waiting, deciding, author):
    seen = waiting.content_hash
    lifecycle.edit(version=waiting, content={"text": "other"}, by=author, now=NOW)
    lifecycle.submit(version=waiting, by=author, now=NOW)

    answer = deciding.post(at(waiting, "approve/"), {"comment": "as seen", "seen_hash": seen})

    assert "changed since you looked" in answer.content.decode()


def test_the_pages_of_a_version_never_act_on_a_get(waiting, deciding):
    for verb in ("approve", "reject", "withdraw", "submit", "roll-back"):
        assert deciding.get(at(waiting, f"{verb}/")).status_code == 302
    waiting.refresh_from_db()
    assert waiting.state == "review"


def test_a_step_needs_the_csrf_token(waiting, approver):
    client = Client(enforce_csrf_checks=True)
    client.force_login(approver, backend="django.contrib.auth.backends.ModelBackend")

    assert client.post(at(waiting, "approve/"), {"comment": "forged"}).status_code == 403


def test_the_difference_to_what_is_live_is_shown_side_by_side(waiting, author, approver, deciding):
    lifecycle.approve(version=waiting, comment="fine", by=approver, now=NOW)
    second = lifecycle.draft(head=waiting.head, content={"text": "bye"}, by=author, now=NOW)

    page = text(deciding.get(at(second)))

    assert "What changes" in page
    assert "is-changed" in page


def test_content_that_means_nothing_keeps_the_form_and_says_why(note, writing):
    page = text(writing.post(f"{LIST}{note.pk}/versions/new/", {"content": '{"words": 1}'}))

    assert "text: is missing" in page
    assert not NoteVersion.objects.exists()


def test_an_edit_that_began_from_an_older_content_is_refused(drafted, author, writing):
    seen = drafted.content_hash
    lifecycle.edit(version=drafted, content={"text": "theirs"}, by=author, now=NOW)

    page = text(writing.post(at(drafted, "edit/"), {"content": '{"text": "mine"}', "seen_hash": seen}))

    assert "changed since you looked" in page


def test_retire_and_roll_back_from_the_pages(waiting, approver, deciding, writing):
    lifecycle.approve(version=waiting, comment="fine", by=approver, now=NOW)
    deciding.post(f"{LIST}{waiting.head_id}/retire/", {"comment": "over"})
    waiting.refresh_from_db()
    assert waiting.state == "retired"

    answer = writing.post(at(waiting, "roll-back/"), {"comment": "needed again"})

    assert answer.url == f"{LIST}{waiting.head_id}/versions/2/"


def test_the_head_shows_its_versions_and_cannot_change_its_key(waiting, writing, deciding):
    page = text(writing.get(f"{LIST}{waiting.head_id}/change/"))
    assert "Version 1" in page and "waiting for approval" in page

    writing.post(
        f"{LIST}{waiting.head_id}/change/",
        {"key": "other", "name": "Salutation", "description": "", "owner": waiting.created_by_id},
    )
    note = Note.objects.get()
    assert (note.key, note.name) == ("greeting", "Salutation")
    assert note.history.latest("pk").history_change_reason == "described"
    assert "described" in text(writing.get(f"{LIST}{waiting.head_id}/history/"))
    assert deciding.post(f"{LIST}{waiting.head_id}/change/", {"name": "X"}).status_code == 403


def test_a_head_is_deleted_by_nobody(waiting):
    client = signed_in(person("su", "author", "approver", is_superuser=True))

    assert client.post(f"{LIST}{waiting.head_id}/delete/", {"post": "yes"}).status_code == 403
    assert 'value="delete_selected"' not in text(client.get(LIST))


@pytest.mark.parametrize("role", ["viewer", "compliance", "administrator"])
def test_others_look_and_are_offered_nothing(waiting, role):
    client = signed_in(person("other", role))

    page = text(client.get(at(waiting)))
    assert 'name="step"' not in page and ">Edit<" not in page
    assert client.get(f"{LIST}{waiting.head_id}/versions/new/").status_code == 403
    assert client.post(at(waiting, "approve/"), {"comment": "x"}).status_code == 409


def test_a_person_without_a_role_sees_nothing(waiting):
    client = signed_in(person("nobody"))

    for address in (LIST, at(waiting), f"{LIST}{waiting.head_id}/change/"):
        assert client.get(address).status_code == 403


def test_the_list_takes_a_fixed_number_of_queries(author, writing, django_assert_max_num_queries):
    for number in range(20):
        note = lifecycle.create(governed=NOTES, key=f"note-{number}", name=f"Note {number}", by=author, now=NOW)
        lifecycle.draft(head=note, content={"text": "x"}, by=author, now=NOW)

    with django_assert_max_num_queries(8):
        text(writing.get(LIST))


def test_what_people_write_is_never_markup(note, author, writing):
    evil = "<script>alert(1)</script>"
    version = lifecycle.draft(head=note, content={"text": evil}, by=author, now=NOW)
    lifecycle.describe(head=note, by=author, now=NOW, name=evil)

    for address in (at(version), at(version, "edit/"), f"{LIST}{note.pk}/change/", LIST):
        assert evil not in text(writing.get(address))
