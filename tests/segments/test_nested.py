"""Segments inside segments: decided together, changed together, and never in a circle."""

import threading
from collections.abc import Mapping
from typing import Any

import pytest

from cdp.governance import lifecycle
from cdp.governance.errors import ContentInvalid, WrongState
from segments import publishing, reasons, rulebook
from segments.models import RuleEpoch, SegmentVersion
from segments.rules import checker
from segments.rules.nodes import Nested
from segments.rules.parser import parse
from segments.rules.resolving import circle, resolve
from segments.rules.vocabulary import Catalogue
from tests.profiles.threads import together
from tests.segments.world import START, World, seconds

GERMAN = {"trait": "country", "op": "=", "value": "DE"}
FRENCH = {"trait": "country", "op": "=", "value": "FR"}
ADULT = {"trait": "age", "op": ">=", "value": 18}
GROWN_GERMANS = {"all": [{"segment": "germans"}, ADULT]}


def nested(key: str) -> dict[str, Any]:
    return {"segment": key}


def draft(world: World, key: str, rule: Mapping[str, Any]) -> SegmentVersion:
    content = {"rule": dict(rule), "acknowledged": ["true_without_data"]}
    return lifecycle.draft(head=world.segment(key), content=content, by=world.author, now=START)


def test_an_inner_and_an_outer_segment_flip_in_the_same_evaluation(world: World) -> None:
    """Had the outer rule read a stored membership, it would have been one evaluation behind."""
    world.publish("germans", GERMAN)
    world.publish("grown-germans", GROWN_GERMANS)
    world.backfill()
    anna = world.person(age=40)
    world.learn(anna, country="DE")
    world.judge(anna, now=START + seconds(1), keys=["trait:country"])
    assert world.members("germans") == world.members("grown-germans") == {anna}
    world.learn(anna, country="FR")
    world.judge(anna, now=START + seconds(2), keys=["trait:country"])
    assert world.members("germans") == world.members("grown-germans") == set()


def test_what_touches_the_innermost_rule_touches_all_that_hold_it(world: World) -> None:
    world.publish("germans", GERMAN)
    world.publish("grown-germans", GROWN_GERMANS)
    world.publish("others", {"not": nested("grown-germans")})
    live = {rule.key: rule for rule in rulebook.current().rules}
    assert live["others"].touched_by >= {"trait:country", "trait:age"}
    keys = {live[key].segment_id for key in ("germans", "grown-germans", "others")}
    assert rulebook.current().affected(["trait:country"]) == keys


def test_a_new_version_of_the_inner_rule_is_backfilled_through_the_outer_one(world: World) -> None:
    anna, ben = world.person(country="DE", age=40), world.person(country="FR", age=40)
    world.publish("europeans", GERMAN)
    outer = world.publish("grown", {"all": [nested("europeans"), ADULT]})
    world.backfill()
    assert world.members("grown") == {anna}
    world.publish("europeans", FRENCH, now=START + seconds(60))
    epoch = RuleEpoch.objects.filter(segment__key="grown").latest("epoch")
    assert (epoch.version_id, epoch.status) == (outer.pk, "backfilling")
    world.backfill(now=START + seconds(61))
    assert world.members("grown") == {ben}
    assert publishing.republish(now=START + seconds(62)) == 0


def test_an_explanation_goes_down_into_the_nested_rule(world: World) -> None:
    world.publish("germans", GERMAN)
    world.publish("grown-germans", GROWN_GERMANS)
    anna = world.person(country="FR", age=40)
    world.judge(anna, now=START + seconds(1))
    why = reasons.why(profile_id=anna, key="grown-germans", now=START + seconds(2))
    assert why is not None
    part = why.seen.explanation.children[0]
    assert (part.sentence, part.value) == ("the person is in the segment “germans”", False)
    assert [(child.path, child.observed) for child in part.children] == [("$.all[0].segment", "FR")]


def test_evidence_freezes_what_the_nested_rule_saw(world: World) -> None:
    world.publish("germans", GERMAN)
    world.publish("grown-germans", GROWN_GERMANS)
    anna = world.person(country="DE", age=40)
    world.judge(anna, now=START + seconds(1))
    outer = next(stay for stay in world.stays(anna) if stay.segment.key == "grown-germans")
    seen = [(leaf["path"], leaf["observed"]) for leaf in outer.evidence]
    assert seen == [("$.all[0].segment", "DE"), ("$.all[1]", 40)]


def test_a_segment_that_is_not_live_cannot_be_nested(world: World) -> None:
    world.segment("germans")
    with pytest.raises(ContentInvalid, match="no live segment called"):
        draft(world, "outer", nested("germans"))


def test_a_circle_is_refused_where_it_is_drafted_with_everybody_in_it(world: World) -> None:
    world.publish("one", GERMAN)
    world.publish("two", nested("one"))
    world.publish("three", {"any": [nested("two"), ADULT]})
    with pytest.raises(ContentInvalid) as refused:
        draft(world, "one", nested("three"))
    told = "This would go round in a circle: “one” leans on “three”, “three” leans on “two”, “two” leans on “one”."
    assert refused.value.message == told
    with pytest.raises(ContentInvalid, match="“two” cannot lean on itself"):
        draft(world, "two", {"any": [nested("two"), GERMAN]})


def test_a_population_closes_a_circle_too(world: World) -> None:
    world.publish("one", GERMAN)
    world.publish("two", nested("one"))
    with pytest.raises(ContentInvalid, match="circle"):
        draft(world, "one", {"trait": "age", "op": ">", "value": {"percentile": 80, "over": "two"}})


def test_a_circle_that_appeared_since_is_refused_at_submit_and_at_approval(world: World) -> None:
    world.publish("one", GERMAN)
    world.publish("two", GERMAN)
    early, late = draft(world, "one", nested("two")), draft(world, "one", nested("two"))
    lifecycle.submit(version=late, by=world.author, now=START)
    world.publish("two", nested("one"), acknowledged=["same_rule", "same_members"])
    with pytest.raises(ContentInvalid, match="circle"):
        lifecycle.approve(version=late, comment="fine", by=world.approver, now=START)
    lifecycle.withdraw(version=late, by=world.author, now=START)
    with pytest.raises(ContentInvalid, match="circle"):
        lifecycle.submit(version=early, by=world.author, now=START)


def test_two_approvals_at_once_make_no_circle(committed_world: World) -> None:
    world = committed_world
    world.publish("one", GERMAN)
    world.publish("two", FRENCH)
    waiting = [
        draft(world, "one", {"any": [nested("two"), GERMAN]}),
        draft(world, "two", {"any": [nested("one"), ADULT]}),
    ]
    for version in waiting:
        lifecycle.submit(version=version, by=world.author, now=START)
    ready, outcomes = threading.Barrier(2), []

    def approve(version: SegmentVersion) -> None:
        ready.wait(10)
        try:
            lifecycle.approve(version=version, comment="fine", by=world.approver, now=START)
            outcomes.append("live")
        except ContentInvalid as refused:
            outcomes.append("circle" if "circle" in refused.message else refused.message)

    together(*((lambda version=version: approve(version)) for version in waiting))
    assert sorted(outcomes) == ["circle", "live"]
    segments = {live.key: live.rule for live in rulebook.current().rules}
    assert not any(circle(key, rule, segments=segments) for key, rule in segments.items())


def test_a_segment_that_others_hold_is_not_retired(world: World) -> None:
    world.publish("germans", GERMAN)
    world.publish("grown-germans", GROWN_GERMANS)
    world.publish("rich", {"trait": "age", "op": ">", "value": {"percentile": 80, "over": "germans"}})
    with pytest.raises(WrongState, match="“grown-germans”, “rich”"):
        world.retire("germans")
    world.retire("grown-germans")
    world.retire("rich")
    world.retire("germans")
    assert rulebook.current().rules == ()


def test_rules_that_double_with_every_step_are_refused_before_they_are_built(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(checker, "MAX_RESOLVED_NODES", 40)
    world.publish("s0", {"any": [GERMAN, FRENCH]})
    for step in range(1, 3):
        world.publish(f"s{step}", {"any": [nested(f"s{step - 1}"), {"not": nested(f"s{step - 1}")}]})
    with pytest.raises(ContentInvalid, match="40 parts"):
        draft(world, "s3", {"any": [nested("s2"), {"not": nested("s2")}]})


def test_a_small_rule_that_others_hold_cannot_grow_beyond_what_they_may_have(world: World) -> None:
    world.publish("inner", GERMAN)
    ages = [{"trait": "age", "op": "=", "value": number} for number in range(20)]
    world.publish("outer", {"any": [{"all": [nested("inner"), age]} for age in ages]})
    grown = draft(world, "inner", {"any": [{"trait": "age", "op": "=", "value": number} for number in range(120)]})
    lifecycle.submit(version=grown, by=world.author, now=START)
    with pytest.raises(ContentInvalid, match=r"Rules that lean on this one.*“outer”"):
        lifecycle.approve(version=grown, comment="fine", by=world.approver, now=START)


def test_equal_parts_of_nested_rules_are_columns_once() -> None:
    catalogue = Catalogue(segments={"germans": parse(GERMAN)})
    rule = resolve(parse({"all": [nested("germans"), {"not": nested("germans")}]}), catalogue=catalogue)
    assert isinstance(rule.children[0], Nested)
    assert rule.children[0] == rule.children[1].child
