"""The bytes of an entry: pinned, because entries that exist must keep their hashes for ever."""

import hashlib
from datetime import UTC, datetime, timedelta, timezone

from consent.canonical import Actor, NoticeShown, PublicPart, PurposeTerms, commit, digest, encode
from consent.decisions import Assurance, Operation

PART = PublicPart(
    subject=bytes(32),
    operation=Operation.GRANT,
    purposes=(PurposeTerms("marketing", 3, "consent", datetime(2027, 3, 1, tzinfo=UTC)),),
    notice=NoticeShown("newsletter-en", 2, "ab" * 32, "en"),
    channel="api",
    method="sign-up form",
    occurred_at=datetime(2026, 3, 1, 12, tzinfo=UTC),
    received_at=datetime(2026, 3, 1, 12, 0, 0, 250_000, tzinfo=UTC),
    actor=Actor("key", "7"),
    source="shop",
    assurance=Assurance.SERVER,
    private=bytes(range(32)),
)

PINNED = (
    '{"actor":{"id":"7","kind":"key"},"assurance":"server","channel":"api","method":"sign-up form",'
    '"notice":{"id":"newsletter-en","language":"en","sha256":"' + "ab" * 32 + '","version":2},'
    '"occurred_at":"2026-03-01T12:00:00.000000Z","operation":"grant",'
    '"private":"000102030405060708090a0b0c0d0e0f101112131415161718191a1b1c1d1e1f",'
    '"purposes":[{"key":"marketing","legal_basis":"consent","until":"2027-03-01T00:00:00.000000Z","version":3}],'
    '"received_at":"2026-03-01T12:00:00.250000Z","source":"shop","subject":"' + "00" * 32 + '",'
    '"supersedes":null,"v":1}'
)


def test_version_one_has_exactly_these_bytes():
    assert encode(PART).decode() == PINNED


def test_the_hash_is_plain_sha256_of_the_bytes():
    assert digest(encode(PART)) == hashlib.sha256(PINNED.encode()).digest()


def test_a_moment_is_spelled_in_utc_wherever_it_was_taken():
    elsewhere = timezone(timedelta(hours=5, minutes=30))
    moved = PublicPart(
        **{name: getattr(PART, name) for name in PART.__slots__}
        | {"occurred_at": PART.occurred_at.astimezone(elsewhere)}
    )

    assert encode(moved) == encode(PART)


def test_a_commitment_binds_to_nonce_and_payload():
    assert commit(b"n" * 32, b"payload") == hashlib.sha256(b"n" * 32 + b"payload").digest()
