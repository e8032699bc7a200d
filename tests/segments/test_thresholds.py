"""Thresholds from the population: measured, let in by a band or by somebody, and only who lies between is touched."""

import random
import statistics
from decimal import Decimal
from typing import Any

import pytest
from django.db import DatabaseError, connection, transaction

from cdp.governance import lifecycle
from cdp.governance.errors import ContentInvalid, FourEyes, NotAllowed, WrongState
from profiles.models import Touched
from segments import memberships, publishing, reasons, rulebook
from segments.catalogue import load_catalogue
from segments.models import Outcome, RuleEpoch, ThresholdDecision, ThresholdSnapshot
from segments.rules.nodes import EventLeaf, Rule
from segments.rules.parser import parse
from segments.rules.resolving import thresholds_in
from segments.rules.sentences import sentence
from segments.thresholds import deciding, moving, refreshing
from segments.thresholds.bands import Band, band_of, decided, misfit
from segments.thresholds.measuring import Column, measure
from tests.segments.world import START, World, seconds

BUYERS = {"event": "Order Completed", "measure": "count", "op": ">=", "value": 1}
DAY = 86_400


def spent(op: str, value: object, **more: Any) -> dict[str, Any]:
    return {"event": "Order Completed", "measure": "sum", "of": "revenue", "op": op, "value": value, **more}


TOP_FIFTH = spent(">=", {"percentile": 80, "over": "buyers"})
UNUSUAL = spent(">", {"mean_plus_sd": 2, "over": "buyers"})
OLD = {"trait": "age", "op": ">", "value": {"percentile": 50}}


def buyers(world: World, *amounts: float) -> list[int]:
    """People who bought for so much each, a minute ago; the segment of them is live."""
    people = [world.person() for _ in amounts]
    for person, amount in zip(people, amounts, strict=True):
        world.event(person, "Order Completed", at=START - seconds(60), revenue=amount)
    world.publish("buyers", BUYERS)
    return people


def settle(world: World, *, now: Any) -> None:
    """What the background does: publish what became stale, touch, let the lane judge whom it touched, call it ready."""
    publishing.republish(now=now)
    world.backfill(now=now)
    moving.advance(now=now)
    touched = list(Touched.objects.values_list("profile_id", "keys", "cause"))
    Touched.objects.all().delete()
    for person, keys, cause in touched:
        world.judge(person, now=now, keys=keys, cause=cause)
    moving.advance(now=now)


def test_the_top_fifth_of_spenders_is_above_what_four_fifths_spend(world: World) -> None:
    people = buyers(world, 10, 20, 30, 40, 50)
    version = world.publish("top", TOP_FIFTH, acknowledged=["few_people"])
    world.backfill()
    assert world.members("top") == {people[4]}
    (snapshot,) = ThresholdSnapshot.objects.all()
    assert (snapshot.value, snapshot.people, snapshot.over.key) == (Decimal(42), 5, "buyers")
    assert snapshot.over_version == snapshot.over.live_version
    assert ThresholdDecision.objects.get(version=version).outcome == Outcome.FIRST


def test_a_purchase_above_the_mean_and_two_deviations(world: World) -> None:
    """Mean 50, sample deviation 20: 90.00 is not above it, 90.01 is."""
    buyers(world, 30, 50, 70)
    world.publish("unusual", UNUSUAL)
    world.backfill()
    snapshot = ThresholdSnapshot.objects.get()
    assert (snapshot.value, snapshot.mean, snapshot.deviation) == (Decimal(90), Decimal(50), Decimal(20))
    exactly, above = world.person(), world.person()
    world.event(exactly, "Order Completed", at=START, revenue=90)
    world.event(above, "Order Completed", at=START, revenue=90.01)
    world.judge(exactly, above, now=START + seconds(1), keys=["event:Order Completed"])
    assert world.members("unusual") == {above}


def test_the_sentence_the_explanation_and_the_evidence_name_the_snapshot(world: World) -> None:
    people = buyers(world, 10, 20, 30, 40, 50)
    world.publish("top", TOP_FIFTH)
    world.judge(people[4], now=START + seconds(1))
    told = "the 80th percentile of the segment “buyers” (p80 = 42.00, n = 5, taken on 2026-03-03)"
    live = next(rule for rule in rulebook.current().rules if rule.key == "top")
    assert sentence(live.rule) == f"revenue of “Order Completed” comes to at least {told} in total"
    why = reasons.why(profile_id=people[4], key="top", now=START + seconds(2))
    assert why is not None
    seen = why.seen.explanation
    assert (seen.value, seen.observed) == (True, Decimal(50))
    assert seen.threshold is not None
    assert (seen.threshold.value, seen.threshold.people, seen.threshold.taken_at) == (Decimal(42), 5, START)
    (leaf,) = next(stay for stay in world.stays(people[4]) if stay.segment.key == "top").evidence
    assert (leaf["value"], leaf["observed"], leaf["threshold"]["people"]) == (42, 50, 5)


def test_who_has_no_value_does_not_count_and_too_few_have_no_value(world: World) -> None:
    for age in (10, 20, 60):
        world.person(age=age)
    world.person()
    world.person(age="old")
    world.publish("old", OLD)
    assert (ThresholdSnapshot.objects.get().value, ThresholdSnapshot.objects.get().people) == (Decimal(20), 3)
    world.publish("alone", {"trait": "age", "op": ">", "value": {"mean_plus_sd": 1, "over": "old"}})
    snapshot = ThresholdSnapshot.objects.latest("id")
    assert (snapshot.value, snapshot.people) == (None, 1), "one person has no deviation"
    world.backfill()
    assert world.members("alone") == set()


def test_the_figures_are_those_of_the_textbook(world: World) -> None:
    chance = random.Random(7)
    amounts = [round(chance.lognormvariate(3, 1), 2) for _ in range(41)]
    buyers(world, *amounts)
    leaf = parse(spent(">=", 0))
    assert isinstance(leaf, EventLeaf)
    wanted = [Decimal(share) for share in (10, 25, 50, 75, 90, 95)]
    figures = measure(column=Column(leaf, "buyers"), percentiles=wanted, catalogue=load_catalogue(), now=START)
    assert float(figures.mean) == pytest.approx(statistics.fmean(amounts))
    assert float(figures.deviation) == pytest.approx(statistics.stdev(amounts))
    expected = statistics.quantiles(amounts, n=100, method="inclusive")
    for share in wanted:
        assert float(figures.percentiles[share]) == pytest.approx(expected[int(share) - 1])


def test_ten_percentiles_of_a_column_are_one_query(world: World, django_assert_max_num_queries: Any) -> None:
    buyers(world, *range(1, 30))
    leaf: Rule = parse(spent(">=", 0))
    catalogue = load_catalogue()
    assert catalogue.segments["buyers"]
    with django_assert_max_num_queries(1):
        figures = measure(
            column=Column(leaf, "buyers"),  # type: ignore[arg-type]
            percentiles=map(Decimal, range(5, 105, 10)),
            catalogue=catalogue,
            now=START,
        )
    assert len(figures.percentiles) == 10


def test_a_step_inside_the_band_takes_effect_by_itself_and_touches_only_who_lies_between(world: World) -> None:
    people = buyers(world, 10, 20, 30, 40, 50)
    version = world.publish("top", TOP_FIFTH, thresholds={"band": 0.2})
    world.backfill()
    joined = world.person()
    world.event(joined, "Order Completed", at=START, revenue=45)  # p80 from 42 to 45
    later = START + seconds(DAY)
    world.judge(joined, now=later)
    assert refreshing.refresh(now=later) == 1
    assert deciding.reviews(version.pk) == []
    assert publishing.republish(now=later) == 1
    epoch = RuleEpoch.objects.latest("epoch")
    assert (epoch.segment.key, epoch.status, epoch.moved) == ("top", "backfilling", [["$", "42", "45"]])
    assert moving.advance(now=later)
    touches = list(Touched.objects.values_list("profile_id", "cause"))
    assert touches == [(joined, "threshold")], "nobody else lies between 42 and 45"
    Touched.objects.all().delete()
    assert moving.advance(now=later)
    assert RuleEpoch.objects.latest("epoch").status == "ready"
    assert world.members("top") == {people[4], joined}


def test_who_lies_between_the_old_value_and_the_new_comes_and_goes_with_the_cause(world: World) -> None:
    people = buyers(world, 10, 20, 30, 40, 50)
    world.publish("top", spent(">=", {"percentile": 50, "over": "buyers"}), thresholds={"band": 10})
    world.backfill()
    assert world.members("top") == set(people[2:])
    for _ in range(3):
        world.event(world.person(), "Order Completed", at=START, revenue=1000)
    later = START + seconds(DAY)
    refreshing.refresh(now=later)
    settle(world, now=later)
    assert people[2] not in world.members("top")
    assert next(s for s in world.stays(people[2]) if s.segment.key == "top").left_cause == "threshold"
    assert people[4] in world.members("top")


def test_a_step_too_small_to_matter_changes_nothing(world: World) -> None:
    buyers(world, 10, 20, 30, 40, 50)
    world.publish("top", TOP_FIFTH, thresholds={"band": 0.5, "hysteresis": 0.1})
    world.backfill()
    world.event(world.person(), "Order Completed", at=START, revenue=45)
    later = START + seconds(DAY)
    refreshing.refresh(now=later)
    assert ThresholdDecision.objects.latest("id").outcome == Outcome.KEPT
    assert publishing.republish(now=later) == 0


def test_a_leap_waits_for_somebody_who_did_not_write_the_rule(world: World) -> None:
    people = buyers(world, 10, 20, 30, 40, 50)
    version = world.publish("top", TOP_FIFTH, thresholds={"band": 0.05})
    world.backfill()
    world.event(world.person(), "Order Completed", at=START, revenue=1000)
    later = START + seconds(DAY)
    refreshing.refresh(now=later)
    (review,) = deciding.reviews(version.pk)
    assert (review.before.value, review.decision.snapshot.value) == (Decimal(42), Decimal(50))
    assert publishing.republish(now=later) == 0, "until then the old value holds"
    with pytest.raises(NotAllowed):
        deciding.accept(decision=review.decision, comment="mine", by=world.author, now=later)
    world.author.groups.add(world.approver.groups.get(name="approver"))
    with pytest.raises(FourEyes):
        deciding.accept(decision=review.decision, comment="mine", by=world.author, now=later)
    deciding.accept(decision=review.decision, comment="a large order", by=world.approver, now=later)
    with pytest.raises(WrongState):
        deciding.refuse(decision=review.decision, comment="or not", by=world.approver, now=later)
    settle(world, now=later)
    assert RuleEpoch.objects.latest("epoch").status == "ready"
    assert people[4] in world.members("top")
    live = next(rule for rule in rulebook.current().rules if rule.key == "top")
    assert "p80 = 50.00, n = 6" in sentence(live.rule)


def test_a_refused_snapshot_leaves_the_old_one_in_force_and_the_next_is_asked_again(world: World) -> None:
    buyers(world, 10, 20, 30, 40, 50)
    version = world.publish("top", TOP_FIFTH)
    world.backfill()
    world.event(world.person(), "Order Completed", at=START, revenue=1000)
    refreshing.refresh(now=START + seconds(DAY))
    (review,) = deciding.reviews(version.pk)
    deciding.refuse(decision=review.decision, comment="a mistake", by=world.approver, now=START + seconds(DAY))
    assert deciding.reviews(version.pk) == []
    assert publishing.republish(now=START + seconds(DAY)) == 0
    refreshing.refresh(now=START + seconds(2 * DAY))
    assert len(deciding.reviews(version.pk)) == 1


def test_it_is_measured_again_when_its_author_said_and_not_before(world: World) -> None:
    buyers(world, 10, 20, 30)
    world.publish("top", TOP_FIFTH, thresholds={"every": "6h"})
    assert refreshing.refresh(now=START + seconds(6 * 3600 - 1)) == 0
    assert refreshing.refresh(now=START + seconds(6 * 3600)) == 1
    assert refreshing.refresh(now=START + seconds(6 * 3600 + 1)) == 0


def test_people_whose_answer_stays_still_leave_in_time_after_the_threshold_moved(world: World) -> None:
    """Nobody touches them, so their due time must have been right for the new value already."""
    buyers(world, 10, 20)
    regular = world.person()
    for day in (1, 2, 3):
        world.event(regular, "Order Completed", at=START - seconds(day * DAY - 60), revenue=100)
    world.publish("top", spent(">=", {"percentile": 50}, within="4d"), thresholds={"band": 10})
    world.backfill()
    due = world.judge(regular, now=START + seconds(1))[regular]
    assert due == START + seconds(DAY + 60), "at the first order that leaves, whatever the threshold is then"


def test_a_moved_threshold_of_a_nested_segment_moves_who_holds_it_too(world: World) -> None:
    people = buyers(world, 10, 20, 30, 40, 50)
    world.publish("top", TOP_FIFTH, thresholds={"band": 0.2})
    world.publish("not-top", {"all": [{"segment": "buyers"}, {"not": {"segment": "top"}}]})
    world.backfill()
    joined = world.person()
    world.event(joined, "Order Completed", at=START, revenue=45)
    later = START + seconds(DAY)
    world.judge(joined, now=later)
    world.learn(people[0], age=3)
    refreshing.refresh(now=later)
    assert publishing.republish(now=later) == 2
    settle(world, now=later + seconds(1))
    assert joined in world.members("top")
    assert world.members("not-top") == set(people[:4])
    assert {row.status for row in RuleEpoch.objects.latest_per_segment()} == {"ready"}
    assert memberships.recompute_differences(now=later + seconds(2)) == ()


def test_an_epoch_that_is_overtaken_hands_on_whom_it_had_still_to_touch(world: World) -> None:
    buyers(world, 10, 20, 30, 40, 50)
    world.publish("top", TOP_FIFTH, thresholds={"band": 10})
    world.backfill()
    for number, amount in enumerate((45, 500), start=1):
        world.event(world.person(), "Order Completed", at=START, revenue=amount)
        refreshing.refresh(now=START + seconds(number * DAY))
        publishing.republish(now=START + seconds(number * DAY))
    ((path, low, high),) = RuleEpoch.objects.latest("epoch").moved
    assert (path, Decimal(low), Decimal(high)) == ("$", Decimal(42), ThresholdSnapshot.objects.latest("id").value)


def test_what_is_stored_agrees_with_a_fresh_look_after_any_number_of_refreshes(world: World) -> None:
    chance = random.Random(11)
    buyers(world, *(chance.randrange(1, 200) for _ in range(12)))
    world.publish("top", TOP_FIFTH, thresholds={"band": 10})
    world.publish(
        "recent",
        spent("<", {"percentile": 60, "over": "buyers"}, within="3d"),
        thresholds={"band": 10},
        acknowledged=["true_without_data"],
    )
    world.publish("rest", {"not": {"any": [{"segment": "top"}, {"segment": "recent"}]}})
    world.backfill()
    with connection.cursor() as cursor:
        cursor.execute("SELECT id FROM profile")
        everybody = [person for (person,) in cursor.fetchall()]
    due = world.judge(*everybody, now=START + seconds(1))
    for step in range(1, 4):
        now = START + seconds(step * DAY)
        for _ in range(4):
            person = chance.choice(everybody)
            world.event(person, "Order Completed", at=now - seconds(30), revenue=chance.randrange(1, 400))
            due |= world.judge(person, now=now, keys=["event:Order Completed"])
        refreshing.refresh(now=now)
        settle(world, now=now + seconds(1))
        passed = [person for person, at in due.items() if at <= now + seconds(2)]
        for person in passed:
            del due[person]
        if passed:
            due |= world.judge(*passed, now=now + seconds(2), cause="sweep")
        assert memberships.recompute_differences(now=now + seconds(2)) == ()


def test_sql_under_the_applications_role_lets_no_leap_in(world: World) -> None:
    buyers(world, 10, 20, 30, 40, 50)
    version = world.publish("top", TOP_FIFTH, thresholds={"band": 0.05})
    world.event(world.person(), "Order Completed", at=START, revenue=1000)
    refreshing.refresh(now=START + seconds(DAY))
    asked = ThresholdDecision.objects.latest("id")
    columns = "version_id, path, snapshot_id, outcome, decided_by_id, author_ids, comment, at"
    forged = f"INSERT INTO threshold_decision ({columns}) VALUES (%s, %s, %s, %s, %s, %s, %s, now())"
    for outcome, by, authors, told in [
        ("refreshed", None, [world.author.pk], "only inside its band"),
        ("first", None, [world.author.pk], "one first snapshot"),
        ("accepted", world.author.pk, [world.author.pk], "only the role approver|four_eyes"),
        ("accepted", world.approver.pk, [], "other authors"),
        ("accepted", None, [world.author.pk], "only the role approver"),
    ]:
        with connection.cursor() as cursor, pytest.raises(DatabaseError, match=told), transaction.atomic():
            cursor.execute(forged, [version.pk, "$", asked.snapshot_id, outcome, by, authors, "fine"])
    with connection.cursor() as cursor, pytest.raises(DatabaseError), transaction.atomic():
        cursor.execute("UPDATE threshold_snapshot SET value = 1000")


def test_bands_decide_by_how_far_it_moved() -> None:
    band = Band(band=Decimal("0.2"), hysteresis=Decimal("0.05"))
    for new, outcome in [(100, "kept"), (105, "kept"), (106, "refreshed"), (120, "refreshed"), (121, "asked")]:
        assert decided(old=Decimal(100), new=Decimal(new), band=band) == outcome
        assert decided(old=Decimal(-100), new=Decimal(-new), band=band) == outcome
    assert decided(old=None, new=Decimal(1), band=band) == decided(old=Decimal(0), new=Decimal(1), band=band) == "asked"
    assert decided(old=None, new=None, band=band) == "kept"
    assert decided(old=Decimal(100), new=Decimal(101), band=band_of({})) == "asked"


@pytest.mark.parametrize(
    "field",
    [3, {"bands": 1}, {"band": -0.1}, {"band": True}, {"every": "1s"}, {"every": "400d"}, {"hysteresis": "5 %"}],
)
def test_a_band_that_says_nothing_clear_is_refused(world: World, field: Any) -> None:
    assert misfit(field)
    with pytest.raises(ContentInvalid):
        lifecycle.draft(
            head=world.segment("old"), content={"rule": OLD, "thresholds": field}, by=world.author, now=START
        )


def test_only_the_thresholds_of_the_rules_own_text_are_its_own(world: World) -> None:
    buyers(world, 10, 20, 30)
    version = world.publish("top", TOP_FIFTH)
    outer = world.publish("outer", {"segment": "top"})
    assert thresholds_in(parse(version.content["rule"])).keys() == {"$"}
    assert not ThresholdDecision.objects.filter(version=outer).exists()
