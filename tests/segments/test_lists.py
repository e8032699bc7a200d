"""Uploaded lists: kept as hashes, waiting for people who are not known yet, and changed without touching everybody."""

from typing import Any

import pytest
from django.core.files.uploadedfile import SimpleUploadedFile
from django.db import connection, transaction
from django.test import Client
from rest_framework.test import APIClient

from cdp.governance import lifecycle
from cdp.governance.errors import ContentInvalid
from cdp.ids import to_public
from cdp.pseudonyms import lookup_hash
from profiles import lanes
from profiles.identity import resolve
from profiles.identity.resolve import First
from profiles.models import Touched
from segments.lists import uploading
from segments.lists.reading import ListRefused, Uploaded, read
from segments.models import ListEntry, ListVersion, RuleEpoch, UploadedList
from tests.segments.world import START, World, seconds

VIP = {"list": "vip"}


def known(profile_id: int, kind: str, value: str) -> None:
    """Give somebody of the world a name, as an identifier of their own origin."""
    with connection.cursor() as cursor:
        cursor.execute(
            "INSERT INTO identifier (type, hash, value, origin_id, event_id, first_seen_at) VALUES (%s,%s,%s,%s,1,%s)",
            [kind, lookup_hash(kind, value), value, profile_id, START],
        )


def upload(world: World, text: str, *, key: str = "vip") -> ListVersion:
    return uploading.create(key=key, name=key, uploaded=read(text.encode()), by=world.author, now=START)


def replaced(world: World, text: str) -> ListVersion:
    return uploading.replace(key="vip", uploaded=read(text.encode()), by=world.author, now=START)


def settle(world: World, *, now: Any) -> set[int]:
    """Let the lane judge whom the upload touched; return who that was."""
    touched = list(Touched.objects.values_list("profile_id", "keys", "cause"))
    Touched.objects.all().delete()
    for person, keys, cause in touched:
        world.judge(person, now=now, keys=keys, cause=cause)
    return {person for person, _, _ in touched}


def test_people_on_a_list_are_members_by_any_of_their_names(world: World) -> None:
    anna, ben, carl, dora = (world.person() for _ in range(4))
    known(anna, "email", "anna@example.com")
    known(ben, "user_id", "17")
    known(dora, "email", "dora@example.com")
    version = upload(world, f"email:Anna@Example.com\nuser_id:17\n{to_public(carl)}\nemail:nobody@example.com\nwhat?\n")
    assert (version.rows, version.matched, version.unmatched, version.refused) == (5, 3, 1, 1)
    world.publish("vips", VIP)
    world.backfill()
    assert world.members("vips") == {anna, ben, carl}
    assert world.stays(anna)[0].evidence == [{"path": "$", "holds": True, "observed": True}]


def test_only_keyed_hashes_are_kept(world: World) -> None:
    upload(world, "email:anna@example.com\nuser_id:17")
    kept = [(entry.type, bytes(entry.hash)) for entry in ListEntry.objects.order_by("type")]
    assert kept == [("email", lookup_hash("email", "anna@example.com")), ("user_id", lookup_hash("user_id", "17"))]


def test_a_table_with_a_header_is_read_by_its_columns_of_names_alone() -> None:
    uploaded = read(
        b"\xef\xbb\xbfName,Email,user_id,note\nAnna,anna@example.com,17,VIP\nBen,,18,\n,not-an-address,,x\n"
    )
    assert [len(row) for row in uploaded.rows] == [2, 1, 0]
    assert uploaded.refused == 1


@pytest.mark.parametrize(
    ("body", "told"),
    [
        (b"", "names anybody"),
        (b"\xff\xfe", "UTF-8"),
        (b"hello\nworld", "names anybody"),
        (b'email\n"anna', "not CSV"),
        (b"email\n" + b"not an address\n" * 3, "names anybody"),
    ],
)
def test_a_file_that_is_no_list_is_refused_with_what_to_do(body: bytes, told: str) -> None:
    with pytest.raises(ListRefused, match=told):
        read(body)


def test_somebody_who_is_not_known_yet_is_on_it_the_moment_they_appear(committed_world: World) -> None:
    """Through the door of identity and the real lane, with nothing of the list in the way."""
    world = committed_world
    upload(world, "email:late@example.com")
    world.publish("vips", VIP)
    world.backfill()
    assert world.members("vips") == set()
    resolve.learn(names={("email", "late@example.com"): First(ts=START, event_id=1)}, together={})
    while lanes.run_once():
        pass
    (late,) = world.members("vips")
    assert world.stays(late)[0].cause == "event"


def test_a_new_name_of_somebody_known_is_looked_for_on_the_lists(world: World) -> None:
    anna = world.person()
    upload(world, "email:anna@example.com")
    world.publish("vips", VIP)
    world.backfill()
    known(anna, "email", "anna@example.com")
    world.judge(anna, now=START + seconds(1), keys=["identifier:email"])
    assert world.members("vips") == {anna}


def test_a_replaced_list_touches_only_who_came_or_went(world: World) -> None:
    people = {name: world.person() for name in ("anna", "ben", "carl")}
    for name, person in people.items():
        known(person, "user_id", name)
    upload(world, "user_id:anna\nuser_id:ben")
    world.publish("vips", VIP)
    world.backfill()
    settle(world, now=START + seconds(1))
    version = replaced(world, "user_id:ben\nuser_id:carl\nuser_id:unknown")
    assert (version.number, version.came, version.went, version.touched) == (2, 2, 1, 2)
    assert {cause for (cause,) in Touched.objects.values_list("cause")} == {"list"}
    assert settle(world, now=START + seconds(2)) == {people["anna"], people["carl"]}
    assert world.members("vips") == {people["ben"], people["carl"]}
    assert (world.stays(people["anna"])[0].left_cause, world.stays(people["carl"])[0].cause) == ("list", "list")
    assert RuleEpoch.objects.count() == 1, "what is on a list is no part of the rule"


def test_the_same_file_again_touches_nobody(world: World) -> None:
    known(world.person(), "user_id", "anna")
    upload(world, "user_id:anna\nuser_id:anna\n")
    Touched.objects.all().delete()
    version = replaced(world, "user_id:anna")
    assert (version.came, version.went, version.touched, version.matched) == (0, 0, 0, 1)
    assert not Touched.objects.exists()


def test_every_version_can_be_told_from_the_entries(world: World) -> None:
    upload(world, "user_id:anna\nuser_id:ben")
    replaced(world, "user_id:ben")
    replaced(world, "user_id:anna")
    entries = ListEntry.objects.values_list("hash", "added_in", "removed_in")
    anna, ben = lookup_hash("user_id", "anna"), lookup_hash("user_id", "ben")
    assert {(bytes(h), a, r) for h, a, r in entries} == {(anna, 1, 2), (ben, 1, 3), (anna, 3, None)}


def test_a_merged_person_is_on_the_lists_of_both(world: World) -> None:
    anna, annas_phone = world.person(), world.person()
    known(annas_phone, "user_id", "phone")
    upload(world, f"user_id:phone\n{to_public(annas_phone)}")
    world.publish("vips", VIP)
    world.merge(winner=anna, loser=annas_phone)
    world.judge(anna, now=START + seconds(1), cause="merge")
    assert world.members("vips") == {anna}
    assert replaced(world, "user_id:other").touched == 1


def test_a_blocked_name_is_nobodys(world: World) -> None:
    anna = world.person()
    known(anna, "email", "info@example.com")
    with connection.cursor() as cursor:
        cursor.execute("UPDATE identifier SET is_blocked = true")
    assert upload(world, "email:info@example.com").matched == 0
    world.publish("vips", VIP)
    world.backfill()
    assert world.members("vips") == set()


def test_a_list_that_a_live_rule_asks_for_is_not_forgotten(world: World) -> None:
    upload(world, "user_id:anna")
    world.publish("vips", {"not": {"not": VIP}})
    with pytest.raises(ListRefused, match="“vips”"):
        uploading.forget(key="vip", by=world.author, now=START)
    world.retire("vips")
    uploading.forget(key="vip", by=world.author, now=START)
    assert not ListEntry.objects.exists()
    assert ListVersion.objects.latest("number").went == 1


def test_an_erased_person_is_on_no_list_and_in_no_earlier_version(world: World) -> None:
    anna, ben = world.person(), world.person()
    known(anna, "user_id", "anna")
    known(ben, "user_id", "ben")
    upload(world, f"user_id:anna\nuser_id:ben\n{to_public(anna)}")
    replaced(world, "user_id:ben")
    assert uploading.erase_person(anna, START) == {"list entries": 2}
    assert [bytes(entry.hash) for entry in ListEntry.objects.all()] == [lookup_hash("user_id", "ben")]


def test_a_list_that_is_not_there_is_refused_with_its_name(world: World) -> None:
    upload(world, "user_id:anna")
    with pytest.raises(ContentInvalid, match="no list called"):
        lifecycle.draft(head=world.segment("vips"), content={"rule": {"list": "vpi"}}, by=world.author, now=START)


def test_an_upload_that_fails_changes_nothing(world: World) -> None:
    upload(world, "user_id:anna")
    with pytest.raises(ListRefused, match="already"), transaction.atomic():
        upload(world, "user_id:ben")
    with pytest.raises(UploadedList.DoesNotExist):
        uploading.replace(key="none", uploaded=Uploaded((), "0" * 64), by=world.author, now=START)
    assert ListEntry.objects.count() == 1


def test_the_doors_take_replace_and_forget_a_list(world: World) -> None:
    client = APIClient()
    client.force_authenticate(world.author)
    anna = world.person()
    known(anna, "email", "anna@example.com")
    sent = {
        "key": "vip",
        "name": "VIPs",
        "file": SimpleUploadedFile("vip.csv", b"email\nanna@example.com\nb@example.com"),
    }
    made = client.post("/v1/lists", sent, format="multipart")
    assert made.status_code == 201, made.content
    assert (made.json()["matched"], made.json()["unmatched"]) == (1, 1)
    assert "example.com" not in client.get("/v1/lists/vip").content.decode()
    again = client.put(
        "/v1/lists/vip", {"file": SimpleUploadedFile("x.txt", b"email:c@example.com")}, format="multipart"
    )
    assert (again.json()["number"], again.json()["came"], again.json()["went"]) == (2, 1, 2)
    wrong = client.put("/v1/lists/vip", {"file": SimpleUploadedFile("x.txt", b"hello")}, format="multipart")
    assert (wrong.status_code, wrong.json()["errors"][0]["field"]) == (422, "file")
    assert client.delete("/v1/lists/none").status_code == 404
    assert client.delete("/v1/lists/vip").status_code == 204
    client.force_authenticate(world.approver)
    assert client.delete("/v1/lists/vip").status_code == 403


def test_the_admin_shows_figures_and_takes_the_next_file(world: World, client: Client) -> None:
    world.author.is_staff = True
    world.author.save()
    client.force_login(world.author)
    upload(world, "user_id:anna")
    found = UploadedList.objects.get()
    page = client.get(f"/admin/segments/uploadedlist/{found.pk}/change/")
    assert page.status_code == 200
    assert "anna" not in page.content.decode()
    sent = client.post(
        f"/admin/segments/uploadedlist/{found.pk}/change/", {"file": SimpleUploadedFile("x.txt", b"user_id:ben")}
    )
    assert (sent.status_code, found.versions.count()) == (302, 2)
    assert client.get("/admin/segments/uploadedlist/").status_code == 200
    assert client.get("/admin/segments/uploadedlist/add/").status_code == 200
    refused = client.post(f"/admin/segments/uploadedlist/{found.pk}/change/", {"file": SimpleUploadedFile("x", b"?")})
    assert "No row names anybody" in refused.content.decode()
