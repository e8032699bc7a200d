"""An undone merge: both people as if it had never been, for good, and by whose word."""

import contextlib
import random

import pytest
from django.contrib.auth.models import Group

from cdp.models import AccessRecord, User
from profiles import lanes
from profiles.identity import resolve, unmerging
from profiles.identity.regrouping import Merge, MergeKind
from profiles.ingest import pipeline
from profiles.models import Profile
from profiles.queries import find_profile
from tests.profiles.stream import NOON, alias, apply, identify, one, people, person, rows, send, state, track, work
from tests.profiles.threads import together

pytestmark = pytest.mark.django_db(transaction=True)
stepped: list[Merge] = []


def note(merge: Merge) -> None:
    stepped.append(merge)


@pytest.fixture(autouse=True)
def _profiles_alone(settings) -> None:
    settings.INGEST_GATES = settings.LANE_STEPS = settings.READ_GATES = []
    settings.MERGE_STEPS = [f"{__name__}.note"]
    resolve.forget()
    stepped.clear()


@pytest.fixture
def ada() -> User:
    return somebody("ada", "approver")


def somebody(name: str, *roles: str) -> User:
    user = User.objects.create_user(name)
    user.groups.set(Group.objects.filter(name__in=roles))
    return user


def undo(merge_id: int, by: User, comment: str = "They share a tablet.") -> None:
    unmerging.unmerge(merge_id=merge_id, by=by, comment=comment, now=NOON)
    work()


def latest_merge() -> int:
    return one("SELECT max(id) FROM merge")


def two_people() -> None:
    apply(
        identify(userId="u1", anonymousId="a1", traits={"plan": "pro", "email": "one@example.com"}),
        track(userId="u1"),
    )
    apply(identify(userId="u2", anonymousId="a2", traits={"plan": "free"}), track(anonymousId="a2"))


def test_undoing_gives_back_both_people_as_they_were(ada) -> None:
    two_people()
    before, first, second = state(), person("user_id", "u1"), person("user_id", "u2")
    apply(alias(userId="u1", previousId="u2", message_id="joining"))
    assert person("user_id", "u2") == first
    undo(latest_merge(), ada)

    assert (person("user_id", "u1"), person("user_id", "u2")) == (first, second)
    assert one("SELECT merged_into FROM profile WHERE id = %s", second) is None
    after = state()
    # The alias itself is an event of the user it names, and both readings of the old id are known by it now.
    assert {frozenset(n for n in names if n != ("anonymous_id", "u2")) for names in after} == set(before)
    assert one("SELECT traits::text FROM profile WHERE id = %s", second) == '{"plan": "free"}'
    assert rows("SELECT id, event_count FROM profile WHERE merged_into IS NULL ORDER BY id") == [
        (first, 3),
        (second, 2),
    ]
    assert [(m.kind, m.winner_id, m.loser_id) for m in stepped] == [
        (MergeKind.MERGE, first, second),
        (MergeKind.UNMERGE, first, second),
    ]


def test_the_two_never_fall_together_again_and_every_attempt_is_recorded(ada) -> None:
    two_people()
    apply(identify(userId="u2", traits={"email": "one@example.com"}, minutes=3))
    assert person("user_id", "u1") == person("user_id", "u2")
    undo(latest_merge(), ada)
    apart = people()
    apply(identify(userId="u2", traits={"email": "one@example.com"}, minutes=4))
    apply(alias(userId="u1", previousId="u2", minutes=5))
    apply(
        identify(userId="u1", traits={"email": "new@example.com"}),
        identify(userId="u2", traits={"email": "new@example.com"}),
    )
    assert person("user_id", "u1") != person("user_id", "u2")
    assert {frozenset(n for n in names if "new" not in n[1] and n[0] != "anonymous_id") for names in people()} == {
        frozenset(n for n in names if n[0] != "anonymous_id") for names in apart
    }
    assert {reason for (reason,) in rows("SELECT reason FROM refused_join")} == {"separated"}
    told = rows("SELECT reason FROM link WHERE recorded_from = recorded_to AND reason = 'separated'")
    assert len(told) >= 2


def test_a_chain_is_undone_in_any_order(ada) -> None:
    for order in ((0, 1), (1, 0)):
        for name in "abc":
            apply(identify(userId=f"{name}{order}", traits={"of": name}))
        first, second, third = (person("user_id", f"{name}{order}") for name in "abc")
        apply(alias(userId=f"b{order}", previousId=f"c{order}"))
        inner = latest_merge()
        apply(alias(userId=f"a{order}", previousId=f"b{order}"))
        outer = latest_merge()
        assert resolve.roots([third]) == {third: first}
        undo((inner, outer)[order[0]], ada)
        if order == (0, 1):
            assert resolve.roots([first, second, third]) == {first: first, second: first, third: third}
        else:
            assert resolve.roots([first, second, third]) == {first: first, second: second, third: second}
        undo((inner, outer)[order[1]], ada)
        assert resolve.roots([first, second, third]) == {first: first, second: second, third: third}
        traits = dict(rows("SELECT id, traits->>'of' FROM profile WHERE id = ANY(%s)", [first, second, third]))
        assert traits == {first: "a", second: "b", third: "c"}
        assert rows("SELECT id FROM profile WHERE merged_into IS NOT NULL") == []


def test_what_came_in_after_the_merge_stays_with_its_own_identifiers(ada) -> None:
    two_people()
    apply(alias(userId="u1", previousId="u2"))
    apply(track(userId="u2"), track(anonymousId="a2"), identify(userId="u1", minutes=1, traits={"plan": "gold"}))
    apply(track(userId="u2", anonymousId="a3"), track(anonymousId="a3"))
    undo(latest_merge(), ada)
    assert person("anonymous_id", "a3") == person("user_id", "u2") != person("user_id", "u1")
    assert one("SELECT event_count FROM profile WHERE id = %s", person("user_id", "u2")) == 6
    assert one("SELECT traits->>'plan' FROM profile WHERE id = %s", person("user_id", "u1")) == "gold"
    assert one("SELECT traits->>'plan' FROM profile WHERE id = %s", person("user_id", "u2")) == "free"


def test_a_read_between_the_decision_and_the_lanes_is_right(ada) -> None:
    two_people()
    second = person("user_id", "u2")
    apply(alias(userId="u1", previousId="u2"))
    unmerging.unmerge(merge_id=latest_merge(), by=ada, comment="no", now=NOON)
    assert find_profile(type="user_id", value="u2") == second
    assert one("SELECT count(*) FROM due WHERE due_at <= clock_timestamp()") == 2, "whoever reads evaluates first"
    lanes.refresh(second)
    assert Profile.objects.get(id=second).traits == {"plan": "free"}


def test_a_lifted_separation_lets_events_decide_again(ada) -> None:
    two_people()
    apply(alias(userId="u1", previousId="u2"))
    joined, merge = state(), latest_merge()
    undo(merge, ada)
    with pytest.raises(unmerging.CommentRequired):
        unmerging.rejoin(merge_id=merge, by=ada, comment=" ", now=NOON)
    unmerging.rejoin(merge_id=merge, by=ada, comment="One person after all.", now=NOON)
    work()
    assert state() == joined
    assert rows("SELECT reason, decided_by FROM merge ORDER BY id") == [("alias", ""), ("rejoined", "ada")]
    with pytest.raises(unmerging.NotApart):
        unmerging.rejoin(merge_id=merge, by=ada, comment="again", now=NOON)
    undo(latest_merge(), ada)
    assert person("user_id", "u1") != person("user_id", "u2")


def test_an_older_device_profile_gives_the_user_who_was_merged_into_it_back(ada) -> None:
    apply(track(anonymousId="a1"))
    apply(track(userId="u1"))
    device, user = person("anonymous_id", "a1"), person("user_id", "u1")
    assert device < user
    apply(track(userId="u1", anonymousId="a1"))
    assert person("user_id", "u1") == device
    undo(latest_merge(), ada)
    assert (person("anonymous_id", "a1"), person("user_id", "u1")) == (device, user)


def test_only_who_may_decide_undoes_a_merge_and_once(ada) -> None:
    two_people()
    apply(alias(userId="u1", previousId="u2"))
    merge = latest_merge()
    for roles in ((), ("viewer",), ("compliance",)):
        with pytest.raises(unmerging.NotAllowed):
            undo(merge, somebody(f"somebody-{roles}", *roles))
    with pytest.raises(unmerging.CommentRequired):
        undo(merge, ada, comment="")
    with pytest.raises(unmerging.NoSuchMerge):
        undo(merge + 1000, ada)
    undo(merge, ada)
    with pytest.raises(unmerging.AlreadyUndone):
        undo(merge, ada)
    record = AccessRecord.objects.filter(action="merge.undo").first()
    assert record.actor_id == str(ada.pk) and record.basis == {"merge": merge, "comment": "They share a tablet."}


@pytest.mark.parametrize("seed", range(2))
def test_merging_and_undoing_at_once_never_waits_in_a_circle_and_leaves_no_circle(ada, settings, seed: int) -> None:
    settings.MERGE_STEPS = ["consent.gates.merge_step", "segments.memberships.merge_step"]
    drawn = random.Random(seed)
    for group in range(4):
        for name in "abc":
            apply(identify(userId=f"{name}{group}", anonymousId=f"d{name}{group}"))
        apply(alias(userId=f"a{group}", previousId=f"b{group}"), alias(userId=f"b{group}", previousId=f"c{group}"))
    merges = [merge for (merge,) in rows("SELECT id FROM merge")]
    for group in range(4):
        requests = [track(userId=f"{name}{group}", anonymousId=f"d{name}{group}") for name in "abc" for _ in range(3)]
        requests += [alias(userId=f"a{group}", previousId=f"x{group}"), track(userId=f"x{group}")]
        drawn.shuffle(requests)
        for request in requests:
            send([request])

    def undo_all() -> None:
        for merge in random.Random(seed).sample(merges, len(merges)):
            with contextlib.suppress(unmerging.AlreadyUndone):
                unmerging.unmerge(merge_id=merge, by=ada, comment="no", now=NOON)

    def claim_one_by_one() -> None:
        while pipeline.claim_once(limit=1) or lanes.run_once():
            pass

    together(undo_all, claim_one_by_one, undo_all, claim_one_by_one)
    work()
    assert one("SELECT count(*) FROM unmerge") == len(merges) == 8
    assert rows("SELECT id FROM profile WHERE merged_into IN (SELECT id FROM profile WHERE merged_into > 0)") == []
    assert rows("SELECT o.id FROM origin o JOIN profile p ON p.id = o.root_id WHERE p.merged_into > 0") == []
    for group in range(4):
        assert len({person("user_id", f"{name}{group}") for name in "abc"}) == 3
        assert person("user_id", f"x{group}") == person("user_id", f"a{group}")
    counted = rows("SELECT event_count FROM profile WHERE merged_into IS NULL")
    assert sum(count for (count,) in counted) == one("SELECT count(*) FROM events")


def test_a_device_goes_back_to_the_address_it_followed_before(ada) -> None:
    apply(identify(anonymousId="a1", traits={"email": "one@example.com"}))
    apply(track(userId="u1"))
    before = people()
    apply(track(userId="u1", anonymousId="a1", minutes=1))
    assert len(people()) == 1
    undo(latest_merge(), ada)
    assert people() == before
