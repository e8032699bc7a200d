"""An approved candidate beside the live version; and starts and ends by the clock."""

from datetime import timedelta
from typing import Any

import pytest
from django.test import Client
from django.urls import reverse

from cdp.governance import lifecycle, timetable
from cdp.governance.errors import ContentInvalid, WrongState
from cdp.governance.models import State
from cdp.models import AccessRecord, User
from segments import shadows
from segments.models import Membership, Outbox, SegmentVersion, Shadow, ShadowCount
from segments.publishing import SEGMENTS
from tests.segments.world import START, World

GERMAN = {"trait": "country", "op": "=", "value": "DE"}
EUROPEAN = {"trait": "country", "op": "in", "value": ["DE", "FR"]}
WEEK = timedelta(days=7)


def submitted(world: World, key: str, rule: dict[str, Any], **more: Any) -> SegmentVersion:
    version = lifecycle.draft(head=world.segment(key), content={"rule": rule} | more, by=world.author, now=START)
    lifecycle.submit(version=version, by=world.author, now=START)
    return version


def approve(world: World, version: SegmentVersion, now: Any = START) -> str:
    lifecycle.approve(version=version, comment="fine", by=world.approver, now=now)
    version.refresh_from_db()
    return version.state


@pytest.fixture
def trial(world: World) -> SegmentVersion:
    """Germans are live, Europeans run in their shadow: Anna is in both, Ben only in the shadow."""
    world.person(country="DE")
    world.person(country="FR")
    world.publish("europeans", GERMAN)
    world.backfill()
    version = submitted(world, "europeans", EUROPEAN, shadow="7d")
    assert approve(world, version) == State.REVIEW
    return version


def test_an_approved_candidate_begins_its_trial_and_moves_nobody(world: World, trial: SegmentVersion) -> None:
    before = Membership.objects.count(), Outbox.objects.count()
    assert shadows.compare_due(now=START) == 1
    world.backfill()
    assert (Membership.objects.count(), Outbox.objects.count()) == before
    shadow = Shadow.objects.get()
    assert (shadow.version, shadow.ends_at) == (trial, START + WEEK)
    count = ShadowCount.objects.get()
    assert (count.both, count.only_live, count.only_shadow) == (1, 0, 1)
    assert len(count.only_shadow_sample) == 1


def test_it_is_compared_again_when_its_turn_comes_and_once_at_its_end(world: World, trial: SegmentVersion) -> None:
    hour = timedelta(hours=1)
    assert [shadows.compare_due(now=START + at) for at in (0 * hour, 0.5 * hour, hour)] == [1, 0, 1]
    world.person(country="FR")
    assert shadows.compare_due(now=START + WEEK + hour) == 1
    assert shadows.compare_due(now=START + WEEK + 3 * hour) == 0
    assert list(ShadowCount.objects.order_by("at").values_list("only_shadow", flat=True)) == [1, 1, 2]


def test_it_is_promoted_by_another_decision_once_its_time_is_over(world: World, trial: SegmentVersion) -> None:
    with pytest.raises(WrongState, match="in the shadow of what is live until"):
        approve(world, trial, now=START + WEEK - timedelta(seconds=1))
    assert approve(world, trial, now=START + WEEK) == State.LIVE
    assert trial.decisions.filter(decision="approve").count() == 2
    world.backfill(now=START + WEEK)
    assert len(world.members("europeans")) == 2
    assert shadows.compare_due(now=START + WEEK) == 0, "what is live has no shadow"


def test_it_can_be_dropped_and_is_not_compared_any_more(world: World, trial: SegmentVersion) -> None:
    lifecycle.reject(version=trial, comment="too many", by=world.approver, now=START)
    assert shadows.compare_due(now=START + WEEK) == 0
    assert world.segment("europeans").live_version.number == 1


def test_its_author_can_withdraw_it_but_nobody_edits_it(world: World, trial: SegmentVersion) -> None:
    with pytest.raises(WrongState, match="write a new version"):
        lifecycle.edit(version=trial, content={"rule": GERMAN}, by=world.author, now=START)
    lifecycle.withdraw(version=trial, by=world.author, now=START)


@pytest.mark.parametrize(
    ("more", "told"),
    [
        ({"shadow": "7"}, '"shadow" is a time'),
        ({"shadow": "91d"}, "at most 90 days"),
        ({"shadow": "0d"}, '"shadow" is a time'),
        ({"shadow": "1d", "starts_at": "2026-03-04T00:00:00Z"}, "exclude each other"),
        ({"starts_at": "2026-03-04"}, "with its offset"),
        ({"approvals": 3}, "1 or 2"),
        ({"colour": "red"}, "nothing called"),
    ],
)
def test_what_a_content_may_not_say(world: World, more: dict[str, Any], told: str) -> None:
    with pytest.raises(ContentInvalid, match=told):
        submitted(world, "europeans", GERMAN, **more)


def test_a_segment_goes_live_and_away_at_its_approved_moments(world: World) -> None:
    anna = world.person(country="DE")
    opens, closes = START + timedelta(hours=1), START + timedelta(hours=2)
    version = submitted(world, "sale", GERMAN, starts_at=opens.isoformat(), ends_at=closes.isoformat())
    assert approve(world, version) == State.REVIEW
    for moment, members in ((opens - timedelta(seconds=1), set()), (opens, {anna}), (closes, set())):
        timetable.run(governed=SEGMENTS, now=moment)
        world.backfill(now=moment)
        assert world.members("sale") == members
    version.refresh_from_db()
    assert version.state == State.RETIRED
    row = world.segment("sale").history.latest("pk")
    assert (row.history_user, row.history_change_reason) == (world.approver, "v1 ended as approved")


def test_rolling_back_copies_the_rule_and_counts_it_anew(world: World) -> None:
    world.person(country="FR")
    world.publish("europeans", EUROPEAN)
    world.publish("europeans", GERMAN)
    world.backfill()
    first = world.segment("europeans").versions.get(number=1)
    back = lifecycle.roll_back(
        head=first.head, to_version=first, comment="French people again", by=world.author, now=START
    )
    assert (back.state, back.copied_from, back.evidence["entering"]) == (State.REVIEW, 1, 1)
    assert approve(world, back) == State.LIVE


# -- the reviewer's page ----------------------------------------------------------------------------------------


def signed_in(user: User) -> Client:
    User.objects.filter(pk=user.pk).update(is_staff=True)
    client = Client()
    client.force_login(user, backend="django.contrib.auth.backends.ModelBackend")
    return client


def page_of(client: Client, version: SegmentVersion) -> str:
    answer = client.get(reverse("admin:segments_segment_version", args=[version.head_id, version.number]))
    assert answer.status_code == 200
    return answer.content.decode()


def test_the_reviewer_reads_what_changes_in_words_numbers_and_json(world: World) -> None:
    orders = {"event": "Order Completed", "measure": "count", "op": ">=", "within": "30d"}
    world.publish("buyers", orders | {"value": 500})
    version = submitted(world, "buyers", orders | {"value": 750})
    page = page_of(signed_in(world.approver), version)
    assert "happened at least <del>500</del><ins>750</ins> times" in page
    assert "0 → <strong>0</strong> people" in page
    assert page.index("<del>500</del>") < page.index("cdp-diff-side") < page.index('value="approve"')


def test_whom_the_page_names_is_on_record(world: World) -> None:
    anna = world.person(country="DE")
    version = submitted(world, "germans", GERMAN)
    page_of(signed_in(world.approver), version)
    (record,) = AccessRecord.objects.filter(action="segment.evidence")
    assert (record.profile_id, record.actor_id) == (anna, str(world.approver.pk))


def test_the_page_of_a_trial_compares_the_two_memberships(world: World, trial: SegmentVersion) -> None:
    shadows.compare_due(now=START)
    page = page_of(signed_in(world.approver), trial)
    assert "approved, not live yet" in page and "waiting for approval" not in page
    assert "In the shadow" in page and "only in the shadow" in page
    assert 'value="reject"' in page and ">Drop<" in page


def test_a_promotion_is_offered_only_when_its_time_has_come(world: World, trial: SegmentVersion) -> None:
    client = signed_in(world.approver)
    assert "Approve once more" in page_of(client, trial), "the week of this trial is long over by the real clock"
    late = submitted(world, "others", EUROPEAN, shadow="90d", acknowledged=["same_rule"])
    lifecycle.approve(version=late, comment="fine", by=world.approver, now=late.created_at + timedelta(days=3650))
    assert "Approve once more" not in page_of(client, late)


def test_old_evidence_is_counted_again_on_the_page(world: World) -> None:
    version = submitted(world, "germans", GERMAN)
    page = page_of(signed_in(world.approver), version)
    assert "The request&#x27;s evidence is old" in page or "The request's evidence is old" in page
