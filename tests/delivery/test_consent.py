"""Consent is asked at the moment of sending, and what left names the entry it relied on."""

import os
import random
import threading
import time
from datetime import UTC, datetime

import pytest
from django.db import DatabaseError, connections, transaction

from cdp.governance import lifecycle
from consent import ledger
from consent.models import Entry
from consent.purposes import PURPOSES
from segments.delivery import replaying
from segments.models import Delivery, DeliveryAttempt, DeliveryCount
from tests.delivery.office import Office

SEEDS = int(os.environ.get("CDP_WITHDRAWAL_SEEDS", "1"))


def test_each_sending_names_the_consent_entry_it_relied_on(office: Office) -> None:
    office.destination("shop")
    person = office.person(country="FR")
    office.enters(person)
    office.work()

    (attempt,) = office.attempts(person)
    entry = Entry.objects.get(origin_id=person)
    assert (attempt.kind, attempt.code, attempt.basis) == ("sent", "consent_granted", "consent")
    assert (attempt.consent_entry_id, attempt.purpose, attempt.purpose_version) == (entry.seq, "marketing", 1)


def test_without_consent_it_is_withheld_recorded_and_counted(office: Office) -> None:
    shop = office.destination("shop")
    nothing, denied = office.person(country="FR", agreed=False), office.person(country="FR", agreed=False)
    office.consent(denied, ledger.deny)
    office.enters(nothing, denied)
    office.work()

    assert office.receiver.received() == []
    assert [office.attempts(one)[0].code for one in (nothing, denied)] == ["no_record", "consent_refused"]
    assert {office.latest(one).state for one in (nothing, denied)} == {"withheld"}
    counted = DeliveryCount.objects.filter(destination_id=shop.pk, outcome="withheld")
    assert dict(counted.values_list("reason", "count")) == {"no_record": 1, "consent_refused": 1}


def test_a_withdrawal_between_two_attempts_ends_the_message(office: Office) -> None:
    office.destination("shop", "/status/500")
    person = office.person(country="FR")
    office.enters(person)
    office.work()
    office.pass_time(seconds=1)
    office.consent(person, ledger.withdraw)
    office.pass_time(hours=1)
    office.work()

    assert len(office.receiver.received()) == 1
    assert [(one.kind, one.code) for one in office.attempts(person)] == [
        ("sent", "consent_granted"),
        ("withheld", "consent_refused"),
    ]


def test_after_a_withdrawal_not_even_the_exit_is_told(office: Office) -> None:
    office.destination("shop")
    person = office.person(country="FR")
    office.enters(person)
    office.work()
    office.pass_time(seconds=1)
    office.consent(person, ledger.withdraw)
    office.leaves(person)
    office.work()

    assert len(office.receiver.received()) == 1
    assert office.state(person) == ["delivered", "withheld"]


def test_one_that_was_withheld_can_be_sent_once_consent_came(office: Office) -> None:
    office.destination("shop")
    person = office.person(country="FR", agreed=False)
    office.enters(person)
    office.work()
    office.consent(person, ledger.grant)

    replaying.replay(delivery=office.latest(person), by=office.operator, now=office.now)
    office.work()
    assert office.state(person) == ["delivered"]


def test_another_basis_needs_no_entry_and_an_objection_ends_it(office: Office) -> None:
    office.world.purpose("service", legal_basis="legitimate_interest")
    office.destination("shop", purpose="service")
    person, objects = office.person(country="FR", agreed=False), office.person(country="FR", agreed=False)
    office.consent(objects, ledger.deny, "service")
    office.enters(person, objects)
    office.work()

    sent, withheld = office.attempts(person)[0], office.attempts(objects)[0]
    assert (sent.kind, sent.basis, sent.consent_entry_id) == ("sent", "legitimate_interest", None)
    assert (withheld.kind, withheld.code) == ("withheld", "objected")


def test_a_purpose_that_is_retired_permits_nothing(office: Office) -> None:
    office.destination("shop")
    person = office.person(country="FR")
    head = PURPOSES.head.objects.get(key="marketing")
    lifecycle.retire(head=head, comment="ended", by=office.world.approver, now=office.now)
    office.enters(person)
    office.work()

    assert [(one.kind, one.code) for one in office.attempts(person)] == [("withheld", "purpose_not_live")]


def test_somebody_who_was_merged_stands_where_they_are_now(office: Office) -> None:
    office.destination("shop", "/status/500")
    winner, loser = office.person(country="FR", agreed=False), office.person(country="FR")
    office.consent(winner, ledger.deny)
    office.enters(loser)
    office.work()
    office.world.merge(winner=winner, loser=loser)
    office.pass_time(hours=1)
    office.work()

    assert [one.kind for one in office.attempts(loser)] == ["sent", "withheld"]


def test_the_record_of_sendings_cannot_be_changed_by_the_application(office: Office) -> None:
    office.destination("shop")
    person = office.person(country="FR")
    office.enters(person)
    office.work()

    for rows in (DeliveryAttempt.objects.all(), DeliveryAttempt.objects.get().result.__class__.objects.all()):
        with pytest.raises(DatabaseError), transaction.atomic():
            rows.update(at=office.now)
        with pytest.raises(DatabaseError), transaction.atomic():
            rows._raw_delete(rows.db)


def test_the_database_refuses_a_sending_by_consent_that_names_none(office: Office) -> None:
    shop = office.destination("shop")
    with pytest.raises(DatabaseError, match="names_the_consent"), transaction.atomic():
        DeliveryAttempt.objects.create(
            delivery_id=1, destination=shop, destination_version=shop.live_version, profile_id=1, number=1, kind="sent",
            purpose="marketing", basis="consent", code="consent_granted", at=office.now,
        )  # fmt: skip


@pytest.mark.slow
@pytest.mark.parametrize("seed", range(SEEDS))
def test_nothing_leaves_after_a_withdrawal_is_committed(committed_office: Office, seed: int) -> None:
    """People withdraw in random order from other connections while their changes are being sent."""
    office = committed_office
    office.destination("shop", rate=1_000)
    chance = random.Random(seed)
    people = [office.person(country="FR") for _ in range(150)]
    chance.shuffle(people)
    half = people[:100]
    office.enters(*people[:75])
    committed: dict[int, datetime] = {}
    ended = threading.Event()

    def withdraw(some: list[int], pauses: list[float]) -> None:
        for person, pause in zip(some, pauses, strict=True):
            time.sleep(pause)
            office.world.consent(person, "marketing", ledger.withdraw, at=datetime.now(UTC))
            committed[person] = datetime.now(UTC)
        connections.close_all()

    pauses = [chance.uniform(0, 0.01) for _ in half]
    threads = [threading.Thread(target=withdraw, args=(half[one::2], pauses[one::2])) for one in (0, 1)]
    for thread in threads:
        thread.start()
    for _ in range(40):
        office.desk.advance(now=lambda: datetime.now(UTC))
        moved = chance.sample(people, 10)
        (office.leaves if chance.random() < 0.5 else office.enters)(*moved)
    for thread in threads:
        thread.join()
    ended.set()
    while office.desk.advance(now=lambda: datetime.now(UTC)):
        pass

    assert len(committed) == 100
    sent = DeliveryAttempt.objects.filter(kind="sent")
    # `at` is read before the sending's transaction begins, `committed` after the withdrawal's has ended.
    late = [one for one in sent.filter(profile_id__in=committed) if one.at > committed[one.profile_id]]
    assert late == []
    assert sent.filter(profile_id__in=half).exists(), "some left before their withdrawal"
    assert Delivery.objects.filter(profile_id__in=half, state="withheld").exists(), "some came after it"
    entries = dict(Entry.objects.filter(operation="withdraw").values_list("origin_id", "seq"))
    assert all(one.consent_entry_id < entries.get(one.profile_id, 1 << 62) for one in sent)
