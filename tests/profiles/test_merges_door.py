"""Merges over REST and in the admin: who may look, who may undo, and what each is told."""

from datetime import timedelta

import pytest
from django.contrib.auth.models import Group
from django.test import Client
from django.utils import timezone
from rest_framework.test import APIClient

from cdp import api_keys, person_tokens
from cdp.ids import to_public
from cdp.models import AccessRecord, KeyKind, Scope, User
from profiles.identity import resolve, rules
from profiles.models import IdentityRule, Merge, Profile
from tests.profiles.stream import alias, apply, identify, person, track, work
from tests.profiles.test_identity_rule import content

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture(autouse=True)
def _nothing_remembered() -> None:
    resolve.forget()
    rules.forget()


def somebody(*roles: str) -> User:
    user = User.objects.create_user("-".join(roles) or "nobody", password="a long enough one")
    user.groups.set(Group.objects.filter(name__in=roles))
    return user


def calling(user: User) -> APIClient:
    now = timezone.now()
    _, token = person_tokens.issue(user=user, name="test", now=now, expires_at=now + timedelta(days=1))
    return bearing(token)


def bearing(token: str) -> APIClient:
    client = APIClient()
    client.credentials(HTTP_AUTHORIZATION=f"Bearer {token}")
    return client


def signed_in(*roles: str) -> Client:
    client = Client()
    client.force_login(somebody(*roles), backend="django.contrib.auth.backends.ModelBackend")
    return client


@pytest.fixture
def merge() -> Merge:
    apply(identify(userId="u1", traits={"plan": "pro"}), track(userId="null", anonymousId="a1"))
    apply(identify(userId="u2", traits={"plan": "free"}))
    apply(alias(userId="u1", previousId="u2"))
    return Merge.objects.get()


def test_the_list_tells_what_became_of_each_merge_and_is_recorded(merge) -> None:
    client = calling(somebody("viewer"))
    (told,) = client.get("/v1/merges").json()["merges"]
    assert (told["winner"], told["loser"]) == (to_public(merge.winner_id), to_public(merge.loser_id))
    assert (told["reason"], told["undone"]) == ("alias", None)
    assert AccessRecord.objects.filter(action="merge.list").count() == 2
    assert client.get(f"/v1/merges?before={merge.pk}").json() == {"merges": [], "next": None}
    assert client.get("/v1/merges?limit=many").json()["errors"][0]["field"] == "limit"


def test_undoing_over_rest_takes_a_person_who_may_decide_and_a_reason(merge) -> None:
    address = f"/v1/merges/{merge.pk}/undo"
    _, token = api_keys.issue(
        kind=KeyKind.SECRET,
        name="app",
        scopes=(Scope.PROFILES_READ, Scope.SEGMENTS_READ),
        purpose="",
        by=None,
        now=timezone.now(),
    )
    assert bearing(token).post(address, {"comment": "no"}, format="json").json()["code"] == "person_required"
    assert bearing(token).get("/v1/merges").status_code == 403
    assert calling(somebody("viewer")).post(address, {"comment": "no"}, format="json").status_code == 403
    author = calling(somebody("author"))
    assert author.post(address, {}, format="json").json()["errors"][0]["field"] == "comment"
    assert author.post("/v1/merges/99999/undo", {"comment": "no"}, format="json").status_code == 404

    undone = author.post(address, {"comment": "Two sisters."}, format="json")
    assert undone.status_code == 200 and undone.json()["undone"]["comment"] == "Two sisters."
    work()
    assert person("user_id", "u1") != person("user_id", "u2")
    assert author.post(address, {"comment": "again"}, format="json").json()["code"] == "already_undone"
    back = author.post(f"/v1/merges/{merge.pk}/rejoin", {"comment": "No, one."}, format="json").json()
    assert back["undone"]["lifted_by"] == "author"
    assert person("user_id", "u1") == person("user_id", "u2")
    assert author.post(f"/v1/merges/{merge.pk}/rejoin", {"comment": "no"}, format="json").json()["code"] == "not_apart"


def test_the_admin_undoes_a_merge_from_the_persons_page(merge) -> None:
    client = signed_in("approver")
    page = client.get(f"/admin/profiles/profile/{merge.winner_id}/change/").content.decode()
    address = f"/admin/profiles/merge/{merge.pk}/change/"
    assert "Undo this merge" in page and address in page
    assert "Undo this merge" in client.get(address).content.decode()
    client.post(f"/admin/profiles/merge/{merge.pk}/undo/", {"comment": ""})
    assert Profile.objects.get(pk=merge.loser_id).merged_into is not None
    client.post(f"/admin/profiles/merge/{merge.pk}/undo/", {"comment": "Two sisters."})
    assert Profile.objects.get(pk=merge.loser_id).merged_into is None
    text = client.get(address).content.decode()
    assert "Two sisters." in text and "Let them be one again" in text
    work()
    page = client.get(f"/admin/profiles/profile/{merge.loser_id}/change/").content.decode()
    assert "somebody undid a merge of the two" in page and "See what became of it" in page
    assert "undone" in client.get("/admin/profiles/merge/").content.decode()
    assert set(AccessRecord.objects.filter(action="merge.undo").values_list("profile_id", flat=True)) == {
        merge.winner_id,
        merge.loser_id,
    }


def test_a_viewer_sees_merges_and_no_button(merge) -> None:
    client = signed_in("viewer")
    text = client.get(f"/admin/profiles/merge/{merge.pk}/change/").content.decode()
    assert to_public(merge.loser_id) in text and "<textarea" not in text
    client.post(f"/admin/profiles/merge/{merge.pk}/undo/", {"comment": "no"})
    assert Profile.objects.get(pk=merge.loser_id).merged_into is not None
    assert client.get("/admin/profiles/merge/999999/change/").status_code == 404


def test_what_a_limit_or_a_block_refused_is_on_the_persons_page(merge) -> None:
    page = signed_in("viewer").get(f"/admin/profiles/profile/{person('anonymous_id', 'a1')}/change/").content.decode()
    assert "nobody&#x27;s" in page or "nobody's" in page
    assert "Came as user_id with 1 event" in page


def test_the_rule_is_drafted_submitted_and_shown_with_its_evidence(merge) -> None:
    author = calling(somebody("author"))
    made = author.post(
        "/v1/governance/identity-rules",
        {"key": "identity", "name": "Who is who", "content": content(user_id={"unique": True})},
        format="json",
    )
    assert made.status_code == 201, made.json()
    other = author.post("/v1/governance/identity-rules", {"key": "another", "name": "No"}, format="json")
    assert other.status_code == 400 and other.json()["errors"][0]["field"] == "key"
    told = author.post("/v1/governance/identity-rules/identity/versions/1/submit").json()
    assert told["evidence"]["split"]["people"] == 1
    client = signed_in("approver")
    (head,) = author.get("/v1/governance/identity-rules").json()
    assert head["key"] == "identity"
    listed = client.get("/admin/profiles/identityrule/").content.decode()
    assert "Who is who" in listed
    page = client.get(f"/admin/profiles/identityrule/{IdentityRule.objects.get().pk}/versions/1/").content.decode()
    assert "two people who each have one never become one" in page and "1 people would become 2" in page
