"""From the outbox to messages: nothing is left, nothing is forgotten, and one person's changes keep their order."""

import json
import threading
from typing import Any

from django.db import connection, connections, transaction

from segments.delivery import fanning
from segments.models import Delivery, Outbox
from tests.delivery.office import GROWN_UP, IN_GERMANY, Office
from tests.segments.world import START


def told(office: Office, path: str = "") -> list[tuple[str, str]]:
    bodies = [json.loads(sent["body"]) for sent in office.receiver.received(path)]
    return [(body["type"].rpartition(".")[2], body["data"]["segment"]) for body in bodies]


def test_the_outbox_does_not_grow_where_nobody_listens(office: Office) -> None:
    people = [office.person(country="FR") for _ in range(3)]
    office.enters(*people)
    assert office.outbox() == 3

    office.work()
    assert office.outbox() == 0
    assert Delivery.objects.count() == 0


def test_each_destination_gets_what_it_asked_for(office: Office) -> None:
    office.destination("all", "/ok/all")
    office.destination("entering", "/ok/entering", what=["entered"])
    office.world.publish("grown-up", GROWN_UP)
    office.destination("adults", "/ok/adults", segments=["grown-up"])
    person = office.person(country="FR", age=30)
    office.enters(person)
    office.leaves(person)
    office.work()

    assert told(office, "/ok/entering") == [("entered", "germans")]
    assert told(office, "/ok/adults") == [("entered", "grown-up")]
    assert told(office, "/ok/all") == [("left", "germans")], "it entered and left before anything was sent"


def test_a_change_that_waits_is_superseded_by_a_later_one_of_the_same_person_and_segment(office: Office) -> None:
    office.destination("shop", "/status/500")
    person = office.person(country="FR")
    office.enters(person)
    office.work()
    office.leaves(person)
    office.work()

    entered, left = Delivery.objects.order_by("id")
    assert (entered.state, entered.reason, entered.replaced_by) == ("superseded", "overtaken", left.pk)
    assert [kind for kind, _ in told(office)] == ["entered", "left"]


def test_entering_and_leaving_before_anything_was_sent_is_told_once_as_left(office: Office) -> None:
    office.destination("shop")
    person = office.person(country="FR")
    office.enters(person)
    office.leaves(person)
    office.work()

    assert office.state(person) == ["superseded", "delivered"]
    assert [kind for kind, _ in told(office)] == ["left"]


def test_one_under_way_is_waited_for_and_not_tried_again_once_overtaken(office: Office) -> None:
    office.destination("shop", "/stall/2")
    person = office.person(country="FR")
    office.enters(person)
    office.desk.advance(now=lambda: office.now)
    assert office.state(person) == ["sending"]

    office.leaves(person)
    office.desk.advance(now=lambda: office.now)
    assert office.state(person) == ["sending", "pending"]
    assert len(office.receiver.received()) == 1

    office.work()
    assert office.state(person)[0] == "superseded"
    office.pass_time(minutes=5)
    office.work()
    assert [kind for kind, _ in told(office)] == ["entered", "left"]


def test_changes_of_one_person_in_different_segments_wait_for_one_another(office: Office) -> None:
    office.world.publish("grown-up", GROWN_UP)
    office.destination("shop", "/again/500", segments=["germans", "grown-up"])
    person, other = office.person(country="FR"), office.person(country="FR")
    office.enters(person)
    office.world.learn(person, age=40)
    office.pass_time(seconds=1)
    office.world.judge(person, now=office.now)
    office.work()
    assert told(office) == [("entered", "germans")]

    office.enters(other)
    office.work()
    assert len(told(office)) == 2, "somebody else's do not wait"

    office.pass_time(seconds=10)
    office.work()
    office.pass_time(seconds=10)
    office.work()
    assert [one for one in told(office) if one[1] == "grown-up"]
    assert office.state(person) == ["delivered", "delivered"]
    ids = list(Delivery.objects.filter(profile_id=person).order_by("id").values_list("message_id", flat=True))
    order = [sent for sent in office.receiver.ids() if sent in {f"msg_{one.hex}" for one in ids}]
    assert order == [f"msg_{ids[0].hex}"] * 2 + [f"msg_{ids[1].hex}"] * 2


def test_exits_are_told_when_a_rule_is_rolled_back_and_when_it_is_retired(office: Office) -> None:
    office.destination("shop")
    person, stays = office.person(country="FR", age=40), office.person(country="DE", age=40)
    office.world.publish("germans", {"any": [{"trait": "country", "op": "=", "value": "DE"}, GROWN_UP]}, now=office.now)
    office.world.backfill(now=office.now)
    office.work()
    assert told(office).count(("entered", "germans")) == 2

    office.pass_time(seconds=1)
    office.world.publish("germans", {"trait": "country", "op": "=", "value": "DE"}, now=office.now)
    office.world.backfill(now=office.now)
    office.work()
    assert [office.latest(one).told for one in (person, stays)] == ["left", "entered"]

    office.pass_time(seconds=1)
    office.world.retire("germans", now=office.now)
    office.world.backfill(now=office.now)
    office.work()
    assert [office.latest(one).told for one in (person, stays)] == ["left", "left"]
    assert told(office).count(("left", "germans")) == 2


def test_retiring_a_destination_ends_what_waits_for_it(office: Office) -> None:
    shop = office.destination("shop", "/status/500")
    person = office.person(country="FR")
    office.enters(person)
    office.work()

    office_retires(office, shop)
    office.pass_time(hours=1)
    office.leaves(person)
    office.work()

    assert office.state(person) == ["cancelled"]
    assert len(office.receiver.received()) == 1


def office_retires(office: Office, destination: Any) -> None:
    from cdp.governance import lifecycle

    lifecycle.retire(head=destination, comment="not needed", by=office.world.approver, now=office.now)


def test_what_the_live_version_no_longer_sends_is_cancelled(office: Office) -> None:
    office.world.publish("grown-up", GROWN_UP)
    shop = office.destination("shop", "/status/500")
    person = office.person(country="FR")
    office.enters(person)
    office.work()

    office.approve(shop, "/ok", segments=["grown-up"])
    office.pass_time(hours=1)
    office.work()

    assert (office.latest(person).state, office.latest(person).reason) == ("cancelled", "no_longer_sent")


def test_a_change_that_commits_late_under_a_lower_id_is_taken(committed_office: Office) -> None:
    office = committed_office
    office.destination("shop")
    early, late = office.person(), office.person()
    is_written, may_commit = threading.Event(), threading.Event()

    def write_slowly() -> None:
        with transaction.atomic():
            _announce(late)
            is_written.set()
            may_commit.wait(10)
        connections.close_all()

    writer = threading.Thread(target=write_slowly)
    writer.start()
    is_written.wait(10)
    _announce(early)
    fanning.fan_out(now=office.now)
    assert Delivery.objects.count() == 1

    may_commit.set()
    writer.join()
    fanning.fan_out(now=office.now)
    assert list(Delivery.objects.order_by("id").values_list("profile_id", flat=True)) == [early, late]
    assert Outbox.objects.count() == 0


def test_many_changes_are_fanned_out_by_a_handful_of_statements(
    office: Office, django_assert_max_num_queries: Any
) -> None:
    office.destination("shop")
    office.destination("mailer")
    with connection.cursor() as cursor:
        cursor.execute(
            "INSERT INTO outbox (profile_id, segment_id, change, membership_id, version_id, at)"
            " SELECT n, s.id, 'entered', n, s.live_version_id, now() FROM generate_series(1, 4000) n, segment s"
        )
    with django_assert_max_num_queries(8):
        assert fanning.fan_out(now=office.now) == 4_000
    assert Delivery.objects.count() == 8_000


def _announce(person: int) -> None:
    with connection.cursor() as cursor:
        cursor.execute(
            "INSERT INTO outbox (profile_id, segment_id, change, membership_id, version_id, at)"
            " SELECT %s, id, 'entered', 1, live_version_id, %s FROM segment",
            [person, START],
        )


def tags(office: Office) -> list[tuple[str, str]]:
    bodies = [json.loads(sent["body"]) for sent in office.receiver.received()]
    assert all(body["data"].keys() == {"person", "tag"} for body in bodies)
    return [(body["type"], body["data"]["tag"]) for body in bodies]


def test_a_tag_is_told_when_the_first_segment_puts_it_and_when_the_last_lets_go(office: Office) -> None:
    office.world.publish("germans", IN_GERMANY, now=office.now, tag="Loyal")
    office.world.publish("grown-up", GROWN_UP, now=office.now, tag="Loyal")
    office.destination("shop", what=["tags"])
    person = office.person(country="FR", age=40)

    office.moves("FR", [person])
    office.work()
    assert tags(office) == [("profile.tag.added", "Loyal")], "also where another segment puts it first"
    office.enters(person)
    office.world.learn(person, age=4)
    office.enters(person)
    office.work()
    assert len(tags(office)) == 1, "one segment took over from the other"

    office.leaves(person)
    office.work()
    assert tags(office)[1:] == [("profile.tag.removed", "Loyal")]


def test_a_version_with_another_tag_tells_of_both_and_of_no_exit(office: Office) -> None:
    office.world.publish("germans", IN_GERMANY, now=office.now, tag="Loyal")
    office.destination("shop", what=["tags", "left"])
    person = office.person(country="FR")
    office.enters(person)
    office.work()

    office.pass_time(seconds=1)
    office.world.publish("germans", IN_GERMANY, now=office.now, tag="Faithful")
    office.world.backfill(now=office.now)
    office.work()
    assert tags(office)[0] == ("profile.tag.added", "Loyal")
    assert sorted(tags(office)[1:]) == [("profile.tag.added", "Faithful"), ("profile.tag.removed", "Loyal")]
