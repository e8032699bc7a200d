"""What real receivers answer, and what becomes of the message."""

import json
import os
from datetime import timedelta
from typing import Any

import pytest
from standardwebhooks import Webhook, WebhookVerificationError

from segments.delivery import issuing, replaying, switching
from segments.delivery.refusals import DeliveryRefused
from segments.models import Delivery, DeliveryCount, DestinationSecret, DestinationSwitch
from tests.delivery.office import Office

#: How long the receiver says nothing; CDP_STALL=60 is the promise, and takes no longer.
STALL = int(os.environ.get("CDP_STALL", "3"))


def test_it_tells_who_entered_and_left_signed_as_standard_webhooks_say(office: Office) -> None:
    office.destination("shop")
    person = office.person(country="FR")

    office.enters(person)
    office.work()
    office.leaves(person)
    office.work()

    entered, left = office.receiver.received()
    verifier = Webhook(office.secrets["shop"][0])
    told = [verifier.verify(sent["body"], sent["headers"]) for sent in (entered, left)]
    assert [one["type"] for one in told] == ["profile.segment.entered", "profile.segment.left"]
    assert told[0]["data"] | {"person": ""} == {"person": "", "segment": "germans", "version": 1}
    assert told[0]["data"]["person"] == told[1]["data"]["person"]
    assert entered["headers"]["webhook-id"] != left["headers"]["webhook-id"]
    assert "." not in entered["headers"]["webhook-id"]
    assert len(entered["body"]) < 20_000
    assert office.state(person) == ["delivered", "delivered"]


def test_a_person_has_another_name_at_each_destination(office: Office) -> None:
    office.destination("shop")
    office.destination("mailer", "/ok/2")
    person = office.person(country="FR")

    office.enters(person)
    office.work()

    names = {json.loads(sent["body"])["data"]["person"] for sent in office.receiver.received()}
    assert len(names) == 2
    assert all(str(person) not in name and name.startswith("p1.") for name in names)


def test_two_live_secrets_sign_at_once_and_a_revoked_one_no_more(office: Office) -> None:
    shop = office.destination("shop")
    office.issue(shop)
    person = office.person(country="FR")
    office.enters(person)
    office.work()

    (sent,) = office.receiver.received()
    old, new = (Webhook(secret) for secret in office.secrets["shop"])
    assert old.verify(sent["body"], sent["headers"]) == new.verify(sent["body"], sent["headers"])

    issuing.revoke(secret=DestinationSecret.objects.earliest("id"), by=office.administrator, now=office.now)
    office.leaves(person)
    office.work()

    sent = office.receiver.received()[-1]
    new.verify(sent["body"], sent["headers"])
    with pytest.raises(WebhookVerificationError):
        old.verify(sent["body"], sent["headers"])


def test_a_third_secret_is_refused_and_so_is_revoking_the_last(office: Office) -> None:
    shop = office.destination("shop")
    with pytest.raises(DeliveryRefused, match="issue the next secret first"):
        issuing.revoke(secret=DestinationSecret.objects.get(), by=office.administrator, now=office.now)
    office.issue(shop)
    with pytest.raises(DeliveryRefused, match="Two secrets are live"):
        office.issue(shop)


def test_a_500_is_tried_again_on_the_schedule_as_the_same_message(office: Office) -> None:
    office.destination("shop", "/again/500")
    person = office.person(country="FR")
    office.enters(person)
    office.work()

    waiting = office.latest(person)
    assert (waiting.state, waiting.reason) == ("pending", "status_500")
    assert timedelta(seconds=5) <= waiting.due_at - office.now <= timedelta(seconds=6)

    office.pass_time(seconds=4)
    office.work()
    assert len(office.receiver.received()) == 1, "not before its time"

    office.pass_time(seconds=3)
    office.work()
    first, second = office.receiver.received()
    assert first["headers"]["webhook-id"] == second["headers"]["webhook-id"]
    assert first["body"] == second["body"]
    assert first["headers"]["webhook-timestamp"] < second["headers"]["webhook-timestamp"]
    Webhook(office.secrets["shop"][0]).verify(second["body"], second["headers"])
    assert office.state(person) == ["delivered"]
    assert [attempt.result.status for attempt in office.attempts(person)] == [500, 204]


def test_429_with_retry_after_is_honoured_for_the_whole_destination(office: Office) -> None:
    shop = office.destination("shop", "/busy")
    one, other = office.person(country="FR"), office.person(country="FR")
    office.enters(one)
    office.work()

    asked = office.now + timedelta(seconds=120)
    assert office.latest(one).due_at >= asked
    assert office.lane(shop).paused_until == asked

    office.enters(other)
    office.pass_time(seconds=100)
    office.work()
    assert len(office.receiver.received()) == 1, "nobody is told before the receiver wants to hear"

    office.pass_time(seconds=30)
    office.work()
    assert len(office.receiver.received()) > 1


def test_a_redirect_is_a_failure_and_is_not_followed(office: Office) -> None:
    office.destination("shop", "/moved")
    person = office.person(country="FR")
    office.enters(person)
    office.work()

    assert [sent["path"] for sent in office.receiver.received()] == ["/moved"]
    assert (office.latest(person).state, office.latest(person).reason) == ("pending", "status_301")


def test_410_switches_the_destination_off_with_a_record_until_somebody_switches_it_on(office: Office) -> None:
    shop = office.destination("shop", "/gone", rate=1)
    people = [office.person(country="FR") for _ in range(3)]
    office.enters(*people)
    office.work()

    record = DestinationSwitch.objects.get(destination=shop)
    assert (record.switched, record.by, record.reason) == ("off", None, "The receiver answered 410 Gone.")
    assert {state for person in people for state in office.state(person)} == {"dead"}
    assert len(office.receiver.received()) == 1

    office.leaves(*people)
    office.work()
    assert office.outbox() == 0
    assert Delivery.objects.count() == 3, "what changes while it is off is not told"
    with pytest.raises(DeliveryRefused, match="switch it on first"):
        replaying.replay(delivery=office.latest(people[0]), by=office.operator, now=office.now)

    with pytest.raises(DeliveryRefused, match="Say why"):
        switching.switch_on(destination=shop, by=office.world.approver, reason=" ", now=office.now)
    switching.switch_on(destination=shop, by=office.world.approver, reason="It was a mistake.", now=office.now)
    assert list(DestinationSwitch.objects.order_by("id").values_list("switched", "by__username")) == [
        ("off", None),
        ("on", "grace"),
    ]


def test_a_new_version_switches_it_on_in_the_name_of_its_approver(office: Office) -> None:
    shop = office.destination("shop", "/gone")
    person = office.person(country="FR")
    office.enters(person)
    office.work()

    office.approve(shop, "/ok")
    office.leaves(person)
    office.work()

    assert DestinationSwitch.objects.latest("id").by == office.world.approver
    assert [sent["path"] for sent in office.receiver.received()] == ["/gone", "/ok"]


@pytest.mark.parametrize("path", [f"/stall/{STALL}", "/drip"])
def test_a_receiver_that_stalls_ends_with_its_time_and_holds_up_nobody_else(office: Office, path: str) -> None:
    office.destination("slow", path)
    office.destination("shop")
    people = [office.person(country="FR") for _ in range(20)]
    office.enters(*people)

    began = office.now
    office.desk.advance(now=lambda: began)
    office.desk.advance(now=lambda: began)
    while len(office.receiver.received("/ok")) < 20:
        assert office.desk.advance(now=lambda: began)
    assert not DeliveryCount.objects.filter(outcome="delivered").exclude(reason="accepted").exists()
    assert Delivery.objects.filter(state="sending").exists(), "the slow ones are still under way"

    office.work()
    slow = [attempt for person in people for attempt in office.attempts(person) if attempt.destination.key == "slow"]
    assert {attempt.result.reason for attempt in slow} == {"timeout"}
    assert all(900 <= attempt.result.milliseconds < 1_900 for attempt in slow)


def test_of_an_endless_answer_little_is_read(office: Office) -> None:
    office.destination("shop", "/flood")
    person = office.person(country="FR")
    office.enters(person)
    office.work()

    assert office.state(person) == ["delivered"]
    assert office.attempts(person)[0].result.milliseconds < 900


def test_a_receiver_that_is_away_is_tried_again(office: Office) -> None:
    shop = office.drafted("shop")
    office.issue(shop)
    office.approve(shop, url="http://127.0.0.1:9/ok")
    person = office.person(country="FR")
    office.enters(person)
    office.work()

    assert (office.latest(person).state, office.latest(person).reason) == ("pending", "cannot_connect")


def test_one_that_fails_is_asked_by_single_requests_ever_more_rarely(office: Office) -> None:
    shop = office.destination("shop", "/status/500")
    office.enters(*(office.person(country="FR") for _ in range(60)))
    for _ in range(12):
        office.work()
        office.pass_time(seconds=1)

    lane = office.lane(shop)
    assert lane.failing_since is not None and lane.paused_until is not None
    assert len(office.receiver.received()) < 30, "a dead receiver is not asked for everybody"


def test_the_last_attempt_gives_it_up_and_an_operator_sends_it_again(office: Office) -> None:
    shop = office.destination("shop", "/status/500")
    person = office.person(country="FR")
    office.enters(person)
    for _ in range(10):
        office.work()
        office.pass_time(hours=30)

    dead = office.latest(person)
    assert (dead.state, dead.attempts, dead.reason) == ("dead", 10, "status_500")
    office.work()
    assert len(office.receiver.received()) == 10

    office.approve(shop, "/ok")
    replaying.replay(delivery=dead, by=office.operator, now=office.now)
    office.work()

    assert office.state(person) == ["delivered"]
    assert len(set(office.receiver.ids())) == 1, "the receiver knows it as the same message"
    assert [attempt.number for attempt in office.attempts(person)] == list(range(1, 12))


def test_what_was_overtaken_is_not_sent_again(office: Office) -> None:
    shop = office.destination("shop", "/status/400")
    person = office.person(country="FR")
    office.enters(person)
    for _ in range(10):
        office.work()
        office.pass_time(hours=30)
    office.approve(shop, "/ok")
    office.leaves(person)
    office.work()

    entered = Delivery.objects.earliest("id")
    with pytest.raises(DeliveryRefused, match="later change"):
        replaying.replay(delivery=entered, by=office.operator, now=office.now)
    assert replaying.replay_dead(destination=shop, by=office.operator, now=office.now).messages == 0


def test_one_that_may_no_longer_be_sent_to_is_set_aside_and_holds_up_nobody_else(office: Office, settings: Any) -> None:
    settings.CDP_DELIVERY_ALLOW = ["127.0.0.1", "localhost"]
    first = office.destination("first")
    office.destination("second", url=office.receiver.url("/ok/second").replace("127.0.0.1", "localhost"))
    settings.CDP_DELIVERY_ALLOW = ["localhost"]
    person = office.person(country="FR")
    office.enters(person)
    office.work()

    assert [sent["path"] for sent in office.receiver.received()] == ["/ok/second"]
    assert office.state(person, first) == ["pending"]
    assert office.lane(first).paused_until == office.now + timedelta(minutes=5)

    settings.CDP_DELIVERY_ALLOW = ["127.0.0.1", "localhost"]
    office.pass_time(minutes=6)
    office.work()
    assert office.state(person) == ["delivered", "delivered"]
