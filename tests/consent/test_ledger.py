"""What a grant, a denial and a withdrawal leave behind: final bytes, a state, a card, and a lane that looks again."""

import hashlib
import json

import pytest
from django.db import DatabaseError, connection, transaction

from consent import evidence, ledger
from consent.decisions import Assurance
from consent.models import ConsentState, Entry, EntryPrivate, SubjectKey
from profiles.models import Card, Touched
from tests.consent.conftest import at, origin_of, profile_of, statement, teller

pytestmark = pytest.mark.django_db


def section(profile_id):
    return Card.objects.get(profile_id=profile_id, section="consent").body


def test_a_grant_leaves_an_entry_a_state_a_card_and_a_touch(ann, marketing):
    receipt = ledger.grant(statement=statement(ann), told_by=teller(), now=at(1))

    entry = Entry.objects.get(seq=receipt.seq)
    assert json.loads(bytes(entry.bytes))["operation"] == "grant"
    assert bytes(entry.hash) == hashlib.sha256(bytes(entry.bytes)).digest() == receipt.hash
    assert ConsentState.objects.get(profile_id=profile_of(ann), purpose="marketing").granted
    assert section(profile_of(ann))["marketing"] | {"entry": ""} == {
        "state": "granted", "since": "2026-03-01T12:00:00.000000Z", "until": None, "entry": "",
        "assurance": "server", "assured": None,
    }  # fmt: skip
    assert Touched.objects.filter(profile_id=profile_of(ann), cause="consent", keys=["consent:marketing"]).exists()


def test_the_public_part_names_nobody(ann, marketing):
    receipt = ledger.grant(statement=statement(ann, private={"email": "ann@example.org"}), told_by=teller(), now=at(1))

    assert b"example.org" not in receipt.encoded
    assert str(ann).encode() not in receipt.encoded


def test_the_private_part_opens_with_the_subjects_key_and_matches_its_commitment(ann, marketing):
    receipt = ledger.grant(statement=statement(ann, private={"ip": "192.0.2.7"}), told_by=teller(), now=at(1))
    commitment = bytes.fromhex(json.loads(receipt.encoded)["private"])

    assert evidence.open_private(entry_id=receipt.seq, commitment=commitment) == {"ip": "192.0.2.7"}


def test_deleting_the_subjects_key_shreds_the_private_part_and_nothing_else(ann, marketing):
    receipt = ledger.grant(statement=statement(ann, private={"ip": "192.0.2.7"}), told_by=teller(), now=at(1))
    SubjectKey.objects.filter(origin_id=ann).delete()

    with pytest.raises(evidence.Shredded):
        evidence.open_private(entry_id=receipt.seq, commitment=bytes(32))
    assert bytes(Entry.objects.get(seq=receipt.seq).bytes) == receipt.encoded


def test_two_entries_of_one_person_share_a_subject_and_two_people_do_not(ann, marketing):
    bob = origin_of("user_id", "bob")
    receipts = [
        ledger.grant(statement=statement(ann), told_by=teller(), now=at(1)),
        ledger.withdraw(statement=statement(ann, minute=1), told_by=teller(), now=at(1)),
        ledger.grant(statement=statement(bob), told_by=teller(), now=at(1)),
    ]

    subjects = [json.loads(receipt.encoded)["subject"] for receipt in receipts]
    assert subjects[0] == subjects[1] != subjects[2]


def test_a_later_withdrawal_ends_a_grant_whatever_arrives_first(ann, marketing):
    ledger.withdraw(statement=statement(ann, minute=5), told_by=teller(), now=at(6))
    ledger.grant(statement=statement(ann, minute=1), told_by=teller(), now=at(7))

    assert section(profile_of(ann))["marketing"]["state"] == "withdrawn"
    assert ConsentState.objects.get(profile_id=profile_of(ann)).since == at(5)


def test_the_same_request_twice_is_one_entry(ann, marketing):
    first = ledger.grant(statement=statement(ann), told_by=teller(), now=at(1), idempotency_key="k1")
    again = ledger.grant(statement=statement(ann), told_by=teller(), now=at(9), idempotency_key="k1")

    assert (again.seq, again.encoded, again.is_repeat) == (first.seq, first.encoded, True)
    assert Entry.objects.count() == 1


def test_an_idempotency_key_used_for_something_else_is_refused(ann, marketing):
    ledger.grant(statement=statement(ann), told_by=teller(), now=at(1), idempotency_key="k1")

    with pytest.raises(ledger.AnotherRequest):
        ledger.withdraw(statement=statement(ann), told_by=teller(), now=at(1), idempotency_key="k1")
    with pytest.raises(ledger.AnotherRequest):
        ledger.grant(
            statement=statement(origin_of("user_id", "bob")), told_by=teller(), now=at(1), idempotency_key="k1"
        )


def test_a_grant_needs_a_live_purpose(ann, marketing):
    with pytest.raises(ledger.UnknownPurpose, match="no live purpose “resale”"):
        ledger.grant(statement=statement(ann, "marketing", "resale"), told_by=teller(), now=at(1))
    assert not Entry.objects.exists()


def test_a_retired_purpose_can_still_be_withdrawn_from(ann, marketing, publish):
    from cdp.governance import lifecycle
    from consent.models import Purpose

    ledger.grant(statement=statement(ann), told_by=teller(), now=at(1))
    head = Purpose.objects.get(key="marketing")
    lifecycle.retire(head=head, comment="No longer done.", by=publish.approver, now=at(2))

    assert ledger.withdraw(statement=statement(ann, minute=3), told_by=teller(), now=at(3))
    with pytest.raises(ledger.UnknownPurpose):
        ledger.grant(statement=statement(ann, minute=4), told_by=teller(), now=at(4))


@pytest.mark.parametrize("minute", [-60 * 24 * 365 * 30, 7])
def test_a_time_at_which_nobody_decided_is_refused(ann, marketing, minute):
    with pytest.raises(ledger.ImpossibleTime):
        ledger.grant(statement=statement(ann, minute=minute), told_by=teller(), now=at(1))


def test_a_clock_a_little_ahead_is_taken_for_now(ann, marketing):
    ledger.grant(statement=statement(ann, minute=3), told_by=teller(), now=at(1))

    assert ConsentState.objects.get(profile_id=profile_of(ann)).since == at(1)


def test_an_entry_names_the_words_that_were_shown(ann, notice, publish):
    publish("marketing", title="Marketing", legal_basis="consent", notice=notice)
    receipt = ledger.grant(statement=statement(ann), told_by=teller(), now=at(1))

    assert json.loads(receipt.encoded)["notice"] == {
        "id": "newsletter-en",
        "language": "en",
        "sha256": hashlib.sha256(b"May we write to you?").hexdigest(),
        "version": 1,
    }


def test_an_unknown_notice_is_refused(ann, marketing):
    with pytest.raises(ledger.UnknownNotice):
        ledger.grant(statement=statement(ann, notice="nowhere"), told_by=teller(), now=at(1))


def test_a_grant_holds_as_long_as_the_terms_it_was_given_under(ann, publish):
    publish("marketing", title="Marketing", legal_basis="consent", expires_after="30d")
    ledger.grant(statement=statement(ann), told_by=teller(), now=at(1))
    publish("marketing", title="Marketing", legal_basis="consent", expires_after="1d")

    assert ConsentState.objects.get(profile_id=profile_of(ann)).until == at(30 * 24 * 60)
    assert Card.objects.get(profile_id=profile_of(ann), section="consent").until == at(30 * 24 * 60)


def test_where_a_browsers_word_does_not_count_is_kept_beside_where_it_does(ann, marketing):
    ledger.grant(statement=statement(ann, minute=1), told_by=teller(), now=at(2))
    ledger.grant(statement=statement(ann, minute=2), told_by=teller(Assurance.CLIENT), now=at(2))

    state = ConsentState.objects.get(profile_id=profile_of(ann))
    assert (state.since, state.assurance) == (at(2), "client")
    assert (state.assured_since, state.assured_granted) == (at(1), True)


@pytest.mark.parametrize(
    "change",
    [
        "UPDATE consent_entry SET operation = 'deny'",
        "DELETE FROM consent_entry",
        "TRUNCATE consent_entry",
        "UPDATE consent_entry_private SET nonce = ''",
        "UPDATE consent_subject_key SET wrapped = ''",
    ],
)
def test_the_application_cannot_change_what_is_written(ann, marketing, change):
    ledger.grant(statement=statement(ann), told_by=teller(), now=at(1))

    with pytest.raises(DatabaseError), transaction.atomic(), connection.cursor() as cursor:
        cursor.execute(change)
    assert Entry.objects.get().operation == "grant"


def test_bytes_that_do_not_match_their_hash_are_not_taken(ann, marketing):
    receipt = ledger.grant(statement=statement(ann), told_by=teller(), now=at(1))
    forged = Entry.objects.get(seq=receipt.seq)
    forged.seq, forged.bytes = None, b"{}"

    with pytest.raises(DatabaseError, match="hash_is_of_its_bytes"), transaction.atomic():
        forged.save(force_insert=True)


def test_every_entry_has_its_private_part(ann, marketing):
    ledger.grant(statement=statement(ann), told_by=teller(), now=at(1))

    private = set(EntryPrivate.objects.values_list("entry_id", flat=True))
    assert set(Entry.objects.values_list("seq", flat=True)) == private
