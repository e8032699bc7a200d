"""Random histories of who was seen with whom, against the running database.

1. Neither the order in which events come, nor how often, nor how they are cut into requests changes who is who, what is
   known of them, how often they did something, or where they are members: also under a rule with limits.
2. An undone merge gives back the people there would be if what joined them had never been said: names, traits, events,
   memberships, consent. Undone in any order where one event joined several.
"""

import os
import random
from collections.abc import Iterator
from typing import Any

import pytest
from django.db import connections
from hypothesis import HealthCheck, assume, given, settings
from hypothesis import strategies as st

from cdp.governance import lifecycle
from consent import catalogue, ledger
from profiles.identity import matching, resolve, rules, unmerging
from profiles.identity.governing import IDENTITY_RULE
from profiles.models import TraitDefinition
from segments import memberships
from tests.profiles.stream import NOON, apply, at, identify, one, person, rows, send, state, track, work
from tests.profiles.test_identity_rule import content
from tests.profiles.test_unmerge import somebody
from tests.segments.world import World

pytestmark = pytest.mark.django_db(transaction=True)
_EXAMPLES = int(os.environ.get("CDP_EXAMPLES", "6"))
_few = settings(
    max_examples=_EXAMPLES,
    deadline=None,
    derandomize="CDP_EXAMPLES" not in os.environ,
    suppress_health_check=list(HealthCheck),
    database=None,
)
_PEOPLES = (
    "profile", "origin", "identifier", "link", "sighting", "unmerge", "merge", "separation", "separated_origin",
    "refused_join", "refused_identifier", "events", "event_key", "trait", "trait_value", "card", "due", "touched",
    "inbox", "membership", "outbox", "consent_entry", "consent_state", "consent_subject_key", "rejected_event",
)  # fmt: skip


def forget_everybody() -> None:
    with connections["owner"].cursor() as cursor:
        cursor.execute("BEGIN; SET LOCAL cdp.maintenance = 'on'")
        cursor.execute(f"TRUNCATE {', '.join(_PEOPLES)} CASCADE")
        cursor.execute("COMMIT")
    resolve.forget()
    catalogue.forget()


# -- what may have been said ------------------------------------------------------------------------------------------
def _number(most: int) -> st.SearchStrategy[int]:
    return st.integers(1, most)


@st.composite
def _event(draw: st.DrawFn) -> dict[str, Any]:
    user, device = f"u{draw(_number(4))}", f"a{draw(_number(5))}"
    said: dict[str, Any] = {"minutes": draw(st.integers(0, 90))}
    kind = draw(st.sampled_from(["user", "device", "both", "stated", "typed", "external", "alias"]))
    traits = {"plan": draw(st.sampled_from(["free", "pro", None])), f"seen_{draw(_number(3))}": True}
    match kind:
        case "user":
            return {"type": "identify", "userId": user, "traits": traits, **said}
        case "device":
            return {"type": "identify", "anonymousId": device, "traits": traits, **said}
        case "both":
            return {"type": "track", "event": "Order Completed", "userId": user, "anonymousId": device, **said}
        case "stated":
            email = {"email": f"e{draw(_number(3))}@example.com"} if draw(st.booleans()) else {}
            phone = {"phone": f"+4930901820{draw(_number(3))}"} if draw(st.booleans()) else {}
            return {"type": "identify", "userId": user, "traits": {**traits, **email, **phone}, **said}
        case "typed":
            stated = {"email": f"e{draw(_number(3))}@example.com", "phone": f"+4930901820{draw(_number(3))}"}
            return {"type": "identify", "anonymousId": device, "traits": {**traits, **stated}, **said}
        case "external":
            ids = [{"type": "crm", "id": f"c{draw(_number(3))}"} for _ in range(draw(_number(2)))]
            return {"type": "track", "event": "Product Viewed", "userId": user, "context": {"externalIds": ids}, **said}
        case _:
            return {"type": "alias", "userId": user, "previousId": f"u{draw(_number(4))}", **said}


@st.composite
def _history(draw: st.DrawFn, *, most: int = 14) -> list[dict[str, Any]]:
    drawn = draw(st.lists(_event(), min_size=3, max_size=most))
    return [{**said, "messageId": f"h{number}"} for number, said in enumerate(drawn)]


def _spelled(said: dict[str, Any]) -> dict[str, Any]:
    told = {name: value for name, value in said.items() if name != "minutes"}
    return {**told, "timestamp": at(said["minutes"]).isoformat()}


def _told(requests: list[list[dict[str, Any]]]) -> None:
    for request in requests:
        send([_spelled(said) for said in request])
        work()


def _cut(history: list[dict[str, Any]], drawn: random.Random) -> list[list[dict[str, Any]]]:
    requests, rest = [], list(history)
    while rest:
        size = drawn.randint(1, 6)
        requests.append(rest[:size])
        rest = rest[size:]
    return requests


# -- what comes of it -------------------------------------------------------------------------------------------------
def everything() -> dict[frozenset[tuple[str, str]], tuple[Any, ...]]:
    """What is known of everybody, under the names they go by: where they are members and stand, too."""
    names = {}
    for root, found in rows(
        "SELECT root_id, array_agg(type || ' ' || value) FROM identifier JOIN origin ON origin.id = origin_id"
        " GROUP BY root_id"
    ):
        names[root] = frozenset(tuple(name.split(" ", 1)) for name in found)
    stays: dict[int, set[str]] = {}
    for root, key in rows(
        "SELECT profile_id, key FROM membership JOIN segment ON segment.id = segment_id WHERE left_at IS NULL"
    ):
        stays.setdefault(root, set()).add(key)
    stands: dict[int, set[Any]] = {}
    for root, *stand in rows("SELECT profile_id, purpose, operation, granted, since, assurance FROM consent_state"):
        stands.setdefault(root, set()).add(tuple(stand))
    assert not {*stays, *stands} - names.keys(), "nobody who is not a person stands anywhere"
    known = state()
    return {who: (known[who], stays.get(root, set()), stands.get(root, set())) for root, who in names.items()}


def check_the_rows() -> None:
    assert rows("SELECT id FROM profile WHERE merged_into IN (SELECT id FROM profile WHERE merged_into > 0)") == []
    assert rows("SELECT o.id FROM origin o JOIN profile p ON p.id = o.root_id WHERE p.merged_into > 0") == []
    assert (
        rows("SELECT p.id FROM profile p JOIN origin o ON o.id = p.id WHERE o.root_id <> coalesce(merged_into, p.id)")
        == []
    )
    assert rows(
        "SELECT o.id FROM origin o LEFT JOIN link l ON l.origin_id = o.id AND l.recorded_to IS NULL"
        " WHERE l.root_id IS DISTINCT FROM o.root_id OR o.bucket <> o.root_id % 1024"
    ) == []  # fmt: skip
    types = dict(rows("SELECT origin_id, type FROM identifier"))
    hashes = {origin: bytes(hash) for origin, hash in rows("SELECT origin_id, hash FROM identifier")}
    sides: dict[int, dict[int, int]] = {}
    for origin, separation, side in rows(
        "SELECT origin_id, separation_id, side FROM separated_origin JOIN separation ON separation.id = separation_id"
        " WHERE lifted_at IS NULL"
    ):
        sides.setdefault(origin, {})[separation] = side
    seen = [matching.Seen(*row) for row in rows("SELECT origin_id, with_origin_id, seen_at, event_id FROM sighting")]
    everybody = matching.group(types, seen, matching.Bounds(rules.live_rule(), frozenset(), sides, hashes))
    applied: dict[int, set[int]] = {}
    for origin, root in rows("SELECT origin_id, root_id FROM identifier JOIN origin ON origin.id = origin_id"):
        applied.setdefault(root, set()).add(origin)
    assert {frozenset(group) for group in applied.values()} == {frozenset(g) for g in everybody.groups().values()}
    assert memberships.recompute_differences(now=one("SELECT clock_timestamp()")) == ()


# -- the world --------------------------------------------------------------------------------------------------------
BUYER = {"event": "Order Completed", "measure": "count", "op": ">=", "value": 1}
TESTER = {"any": [{"trait": "plan", "op": "=", "value": "pro"}, {"consent": "marketing"}]}


@pytest.fixture
def world() -> Iterator[World]:
    resolve.forget()
    rules.forget()
    found = World()
    TraitDefinition.objects.create(name="plan", type="text")
    found.purpose("marketing")
    found.publish("buyers", BUYER)
    found.publish("testers", TESTER)
    found.backfill()
    yield found
    rules.forget()
    catalogue.forget()


def govern(world: World, wanted: dict[str, Any]) -> None:
    head = lifecycle.create(governed=IDENTITY_RULE, key="identity", name="Who is who", by=world.author, now=NOON)
    version = lifecycle.draft(head=head, content=wanted, by=world.author, now=NOON)
    lifecycle.submit(version=version, by=world.author, now=NOON)
    lifecycle.approve(version=version, comment="Fine.", by=world.approver, now=NOON)


_LIMITS = content(
    email={"limit": 1},
    phone={"limit": 2, "within": "30m"},
    crm={"unique": True},
    anonymous_id={"limit": 2},
)


@pytest.mark.parametrize("limits", [None, _LIMITS], ids=["the default rule", "limits"])
def test_no_order_repetition_or_batching_changes_anybody(world: World, limits: dict[str, Any] | None) -> None:
    govern(world, limits or content(crm={}))

    @_few
    @given(_history(), st.randoms(use_true_random=False))
    def check(history: list[dict[str, Any]], drawn: random.Random) -> None:
        forget_everybody()
        _told(_cut(history, drawn))
        check_the_rows()
        expected = everything()
        again = history + drawn.sample(history, len(history) // 2)
        drawn.shuffle(again)
        forget_everybody()
        _told(_cut(again, drawn))
        check_the_rows()
        assert everything() == expected

    check()


@st.composite
def _joined_by(draw: st.DrawFn) -> tuple[dict[str, Any], dict[str, Any]]:
    """An event that may join two people, and the same event without the word that does."""
    user = f"u{draw(_number(4))}"
    said = {"type": "track", "event": "Order Completed", "userId": user, "minutes": 200, "messageId": "joining"}
    device = {"anonymousId": f"a{draw(_number(5))}"} if draw(st.booleans()) else {}
    match draw(st.sampled_from(["device", "email", "crm"])):
        case "device":
            return {**said, "anonymousId": f"a{draw(_number(5))}"}, said
        case "email":
            stated = {"type": "email", "id": f"e{draw(_number(3))}@example.com"}
        case _:
            stated = {"type": "crm", "id": f"c{draw(_number(3))}"}
    return {**said, **device, "context": {"externalIds": [stated]}}, said


def _names_of(said: dict[str, Any]) -> set[tuple[str, str]]:
    own = {("user_id", said["userId"])} | {("anonymous_id", said[name]) for name in ("anonymousId",) if name in said}
    return own | {(one["type"], one["id"]) for one in said.get("context", {}).get("externalIds", ())}


def _state_decisions(history: list[dict[str, Any]], drawn: random.Random) -> None:
    """Let some of the people say something about marketing."""
    for number, (origin,) in enumerate(rows("SELECT origin_id FROM identifier ORDER BY type, value")):
        if drawn.random() < 0.4:
            verb = ledger.grant if drawn.random() < 0.6 else ledger.withdraw
            World.consent(None, origin, "marketing", verb, at=at(number))  # type: ignore[arg-type]
    work()


def test_an_undone_merge_gives_back_who_there_would_be_without_it(world: World) -> None:
    govern(world, content(crm={}))
    by = somebody("decider", "approver")
    undone = []

    @_few
    @given(_history(), _joined_by(), st.lists(_event(), max_size=3), st.integers(0, 2**30))
    def check(
        history: list[dict[str, Any]],
        joining: tuple[dict[str, Any], dict[str, Any]],
        later: list[dict[str, Any]],
        seed: int,
    ) -> None:
        # The later events of one name each: two names would be new evidence, which only the separation keeps out.
        after = [
            {**said, "messageId": f"l{number}"}
            for number, said in enumerate(later)
            if said["type"] == "identify" and not {"email", "phone"} & said["traits"].keys()
        ]
        drawn = random.Random(seed)
        cut = _cut(history, drawn)

        def tell(event: dict[str, Any], meanwhile: Any = lambda: None) -> None:
            forget_everybody()
            _told(cut)
            _state_decisions(history, random.Random(seed))
            # A name that nobody went by before would be somebody's in one of the two worlds alone.
            assume(
                _names_of(joining[0]) <= {(type, value) for type, value in rows("SELECT type, value FROM identifier")}
            )
            before = one("SELECT count(*) FROM merge")
            _told([[event], after] if after else [[event]])
            merges = [merge for (merge,) in rows("SELECT id FROM merge ORDER BY id OFFSET %s", before)]
            if event is joining[0]:
                assume(merges)
                drawn.shuffle(merges)
                for merge in merges:
                    unmerging.unmerge(merge_id=merge, by=by, comment="Two people.", now=NOON)
                    work()
                undone.extend(merges)

        tell(joining[0])
        check_the_rows()
        found = everything()
        tell(joining[1])
        assert found == everything()

    check()
    assert undone, "no history had a merge to undo"


def test_the_joined_person_is_one_again_when_the_decision_is_taken_back(world: World) -> None:
    by = somebody("decider", "approver")
    apply(identify(userId="u1", traits={"plan": "pro"}), track("Order Completed", userId="u2", anonymousId="a2"))
    _state_decisions([], random.Random(1))
    apply(
        identify(userId="u1", traits={"email": "e@example.com"}),
        identify(userId="u2", traits={"email": "e@example.com"}),
    )
    joined, merge = everything(), one("SELECT max(id) FROM merge")
    unmerging.unmerge(merge_id=merge, by=by, comment="Two.", now=NOON)
    work()
    check_the_rows()
    causes = rows(
        "SELECT DISTINCT coalesce(left_cause, cause) FROM membership WHERE cause = 'unmerge' OR left_cause = 'unmerge'"
    )
    assert causes == [("unmerge",)]
    assert person("user_id", "u1") != person("user_id", "u2")
    unmerging.rejoin(merge_id=merge, by=by, comment="One.", now=NOON)
    work()
    check_the_rows()
    assert everything() == joined
