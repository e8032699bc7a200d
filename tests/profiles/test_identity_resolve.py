"""Merges and moves as they are applied: what they record, what keeps resolving, and several of them at once."""

import itertools
import random

import pytest

from profiles import lanes
from profiles.identity import matching, resolve
from profiles.identity.resolve import Merge
from profiles.ingest import pipeline
from tests.conftest import empty_database
from tests.profiles.stream import alias, apply, identify, one, people, person, rows, send, state, track, work
from tests.profiles.threads import together

pytestmark = pytest.mark.django_db(transaction=True)
merged: list[Merge] = []


@pytest.fixture(autouse=True)
def _profiles_alone(settings) -> None:
    settings.INGEST_GATES = settings.LANE_STEPS = settings.MERGE_STEPS = settings.READ_GATES = []
    resolve.forget()
    merged.clear()


def note(merge: Merge) -> None:
    merged.append(merge)


def test_a_merge_keeps_the_older_person_everything_they_did_and_why(settings) -> None:
    settings.MERGE_STEPS = [f"{__name__}.note"]
    apply(track(anonymousId="a1"), track(anonymousId="a1"))
    apply(track(userId="u1"), identify(userId="u1", traits={"plan": "pro"}))
    older, younger = person("anonymous_id", "a1"), person("user_id", "u1")
    joining = identify(userId="u1", anonymousId="a1")
    apply(joining)
    assert person("user_id", "u1") == person("anonymous_id", "a1") == older
    assert rows("SELECT event_count, traits::text FROM profile WHERE id = %s", older) == [(5, '{"plan": "pro"}')]
    assert one("SELECT merged_into FROM profile WHERE id = %s", younger) == older
    assert resolve.roots([younger]) == {younger: older}, "the old id keeps resolving"
    event_id = one("SELECT event_id FROM events WHERE message_id = %s", joining["messageId"])
    assert rows("SELECT winner_id, loser_id, event_id, identifier_type, reason FROM merge") == [
        (older, younger, event_id, "anonymous_id", "seen_together")
    ]
    assert [(merge.winner_id, merge.loser_id) for merge in merged] == [(older, younger)]
    assert one("SELECT count(*) FROM link WHERE root_id = %s AND recorded_to IS NULL", older) == 4
    assert one("SELECT count(*) FROM due WHERE profile_id = %s", younger) == 0


def test_an_address_in_any_case_joins_and_says_so() -> None:
    apply(identify(userId="u1", traits={"email": "Ada@Example.com"}), track(userId="u2"))
    apply(identify(userId="u2", traits={"email": " ada@example.COM "}))
    assert people() == {frozenset({("user_id", "u1"), ("user_id", "u2"), ("email", "ada@example.com")})}
    assert rows("SELECT identifier_type, reason FROM merge") == [("email", "same_email")]


def test_a_shared_device_joins_nobody_and_the_refusal_is_told() -> None:
    apply(track(userId="u1", anonymousId="a1", minutes=1))
    apply(track(userId="u2", anonymousId="a1", minutes=2))
    assert people() == {frozenset({("user_id", "u1"), ("anonymous_id", "a1")}), frozenset({("user_id", "u2")})}
    refused = rows("SELECT root_id, recorded_from = recorded_to FROM link WHERE reason = 'refused'")
    assert refused == [(person("user_id", "u2"), True)]
    assert rows("SELECT * FROM merge") == []


def test_a_device_changes_hands_when_an_earlier_sighting_arrives() -> None:
    apply(identify(userId="u1", anonymousId="a1", minutes=5))
    apply(track(anonymousId="a1", minutes=1), identify(anonymousId="a1", traits={"cart": 3}, minutes=1))
    first = person("user_id", "u1")
    assert one("SELECT traits::text FROM profile WHERE id = %s", first) == '{"cart": 3}'
    apply(track(userId="u2", anonymousId="a1", minutes=2))
    assert person("anonymous_id", "a1") == person("user_id", "u2") != person("user_id", "u1")
    assert person("user_id", "u1") == first
    assert rows("SELECT event_count, traits::text FROM profile WHERE id = %s", first) == [(1, "{}")]
    second = person("user_id", "u2")
    assert rows("SELECT event_count, traits::text FROM profile WHERE id = %s", second) == [(3, '{"cart": 3}')]
    assert one("SELECT count(*) FROM link WHERE reason = 'moved' AND recorded_to IS NULL") == 1


def test_an_alias_is_known_by_both_readings_of_the_old_id() -> None:
    apply(track(anonymousId="old"), alias(userId="new", previousId="old"))
    assert person("anonymous_id", "old") == person("user_id", "new")
    apply(track(userId="old"))
    assert person("user_id", "old") == person("user_id", "new")


_ROUND = [("A", "B"), ("B", "C"), ("C", "A")]


@pytest.mark.parametrize("seed", range(3))
def test_merges_that_go_round_at_once_end_as_one_person(seed: int) -> None:
    drawn = random.Random(seed)

    def history() -> list[list[dict]]:
        numbers = itertools.count()
        requests = []
        for group in range(4):
            for old, new in _ROUND:
                number = next(numbers)
                requests.append([
                    alias(userId=f"{new}{group}", previousId=f"{old}{group}", minutes=number, message_id=f"x{number}")
                ])  # fmt: skip
                requests.append([
                    track(userId=f"{old}{group}", minutes=number, message_id=f"y{number}"),
                    identify(userId=f"{old}{group}", minutes=number, traits={old: number}, message_id=f"z{number}"),
                ])  # fmt: skip
        return requests

    for request in history():
        apply(*request)
    expected = state()
    assert len(expected) == 4
    empty_database()
    resolve.forget()
    requests = history()
    drawn.shuffle(requests)
    for request in requests[:12]:
        apply(*request)  # people who know nothing of each other yet
    for request in requests[12:]:
        send(request)

    together(*[_one_request_per_claim] * 3)
    work()
    assert state() == expected
    assert one("SELECT count(*) FROM profile JOIN profile w ON w.id = profile.merged_into AND w.merged_into > 0") == 0
    assert one("SELECT count(*) FROM origin JOIN profile ON profile.id = root_id WHERE merged_into IS NOT NULL") == 0
    assert one("SELECT count(*) FROM merge WHERE winner_id >= loser_id") == 0


@pytest.mark.parametrize("seed", range(12))
def test_regrouping_a_neighbourhood_gives_what_regrouping_everybody_gives(seed: int) -> None:
    drawn = random.Random(seed)
    for _ in range(25):
        apply(*[_something(drawn) for _ in range(drawn.randint(1, 3))])
        types = dict(rows("SELECT origin_id, type FROM identifier"))
        found = rows("SELECT origin_id, with_origin_id, seen_at, event_id FROM sighting")
        everybody = matching.group(types, [matching.Seen(*row) for row in found])
        applied: dict[int, set[int]] = {}
        for origin, root in rows("SELECT id, root_id FROM origin"):
            if origin in types:
                applied.setdefault(root, set()).add(origin)
        assert {frozenset(group) for group in applied.values()} == {
            frozenset(group) for group in everybody.groups().values()
        }
        assert one("SELECT count(*) FROM link WHERE recorded_to IS NULL") == one("SELECT count(*) FROM origin")
        assert rows(
            "SELECT origin.id FROM origin JOIN link ON origin_id = origin.id AND recorded_to IS NULL"
            " WHERE link.root_id <> origin.root_id OR bucket <> origin.root_id % 1024"
        ) == []  # fmt: skip


def _something(drawn: random.Random) -> dict:
    user, device = f"u{drawn.randrange(4)}", f"a{drawn.randrange(4)}"
    traits = {"email": f"e{drawn.randrange(3)}@example.com"}
    minutes = drawn.randrange(100)
    return drawn.choice([
        track(userId=user, anonymousId=device, minutes=minutes),
        track(anonymousId=device, minutes=minutes),
        identify(anonymousId=device, traits=traits, minutes=minutes),
        identify(anonymousId=device, traits=traits, minutes=minutes),
        identify(userId=user, anonymousId=device, minutes=minutes),
        identify(userId=user, traits=traits, minutes=minutes) if drawn.random() < 0.4 else track(userId=user),
        alias(userId=user, previousId=drawn.choice([device, "u3"]), minutes=minutes)
        if drawn.random() < 0.3
        else track(userId=user),
    ])  # fmt: skip


def _one_request_per_claim() -> None:
    while pipeline.claim_once(limit=1) or lanes.run_once():
        pass
