"""What is frozen with a request for approval, and what an old or moved evidence means for the approval."""

from collections.abc import Iterable
from datetime import timedelta
from typing import Any

import pytest

from cdp.governance import lifecycle
from cdp.governance.errors import ContentInvalid, NotAllowed
from cdp.governance.models import State
from cdp.ids import to_public
from consent import ledger
from profiles.models import EventDefinition, PropertyDefinition, TraitDefinition
from segments.evidence import Listener
from segments.models import SegmentVersion
from tests.segments.world import START, World, _person, seconds

GERMAN = {"trait": "country", "op": "=", "value": "DE"}
FRENCH = {"trait": "country", "op": "=", "value": "FR"}
ADULT = {"trait": "age", "op": ">=", "value": 18}


def mailer(key: str) -> Iterable[Listener]:
    """A destination that listens to every segment, as `settings.SEGMENT_LISTENERS` would name it."""
    yield Listener("Mailer", "marketing")


def submitted(world: World, key: str, rule: dict[str, Any], *acknowledged: str, **more: Any) -> SegmentVersion:
    content = {"rule": rule, "acknowledged": list(acknowledged)} | more
    version = lifecycle.draft(head=world.segment(key), content=content, by=world.author, now=START)
    lifecycle.submit(version=version, by=world.author, now=START)
    return version


def lints(world: World, rule: dict[str, Any], *acknowledged: str) -> str:
    with pytest.raises(ContentInvalid) as refused:
        submitted(world, "asked", rule, *acknowledged)
    return refused.value.message


def test_submit_counts_everybody_and_freezes_it(world: World) -> None:
    anna, ben, cleo = (world.person(country=one) for one in ("DE", "FR", "FR"))
    world.publish("europeans", GERMAN)
    world.backfill()
    version = submitted(world, "europeans", FRENCH)
    frozen = version.evidence
    assert (frozen["people"], frozen["size"], frozen["entering"], frozen["leaving"], frozen["unchanged"]) == (
        3, 2, 2, 1, 0,
    )  # fmt: skip
    assert frozen["hash"] == version.content_hash
    assert frozen["entering_sample"] == [to_public(ben), to_public(cleo)]
    assert frozen["leaving_sample"] == [to_public(anna)]
    assert frozen["approvals"] == 1


def test_the_overlap_with_every_other_live_segment_is_counted(world: World) -> None:
    for country, age in (("DE", 30), ("DE", 10), ("FR", 40)):
        world.person(country=country, age=age)
    world.publish("germans", GERMAN)
    world.publish("french", FRENCH)
    world.publish("gone", FRENCH)
    world.backfill()
    world.retire("gone")
    found = submitted(world, "adults", ADULT).evidence["overlaps"]
    assert [(one["segment"], one["both"], one["size"]) for one in found] == [("french", 1, 1), ("germans", 1, 2)]


def test_what_consent_would_hold_back_is_counted_by_purpose(world: World, settings: Any) -> None:
    settings.SEGMENT_LISTENERS = [f"{__name__}.mailer"]
    world.purpose("marketing")
    anna, ben, _cleo = (world.person(country="DE") for _ in range(3))
    world.consent(anna, "marketing", ledger.grant, at=START - seconds(60))
    world.consent(ben, "marketing", ledger.deny, at=START - seconds(60))
    frozen = submitted(world, "germans", GERMAN).evidence
    assert frozen["consent"] == [
        {"purpose": "marketing", "destinations": ["Mailer"], "allowed": 1, "blocked": 2, "refused": 1, "no_record": 1}
    ]
    assert frozen["dependents"] == {"segments": [], "destinations": ["Mailer"]}


def test_what_depends_on_it_is_named(world: World) -> None:
    world.person(country="DE", age=20)
    world.publish("germans", GERMAN)
    world.publish("adult-germans", {"all": [{"segment": "germans"}, ADULT]})
    assert submitted(world, "germans", FRENCH).evidence["dependents"]["segments"] == ["adult-germans"]


def test_fewer_people_than_are_many_have_to_be_meant(world: World, settings: Any) -> None:
    settings.CDP_FEWEST_MEMBERS = 2
    world.person(country="DE")
    assert "1 person would be in it, fewer than 2" in lints(world, GERMAN)
    assert submitted(world, "germans", GERMAN, "few_people").evidence["warnings"][0]["acknowledged"] is True


def test_what_nobody_can_satisfy_has_to_be_meant(world: World) -> None:
    assert "can be true of nobody" in lints(world, {"all": [GERMAN, FRENCH]})


@pytest.mark.parametrize("personal_class", ["personal", "sensitive"])
def test_a_personal_trait_needs_a_purpose(world: World, personal_class: str) -> None:
    TraitDefinition.objects.filter(name="country").update(personal_class=personal_class)
    assert f"The trait “country” is {personal_class}" in lints(world, {"not": {"not": GERMAN}})
    TraitDefinition.objects.filter(name="country").update(purpose="contract")
    assert submitted(world, "asked", GERMAN).evidence["warnings"] == []


def test_a_window_longer_than_events_are_kept_has_to_be_meant(world: World, settings: Any) -> None:
    settings.CDP_EVENT_RETENTION_MONTHS = 3
    views = {"event": "Product Viewed", "measure": "count", "op": ">=", "value": 1}
    assert "looks back 120 days" in lints(world, views | {"within": "120d"})
    assert "looks back without end" in lints(world, views)
    newcomers = {"lifecycle": "first_time", "event": "Product Viewed", "within": "7d"}
    assert "looks back without end" in lints(world, newcomers), "whoever is forgotten is new again"
    trend = {"event": "Product Viewed", "measure": "count", "within": "60d"}
    assert "looks back 120 days" in lints(world, {"trend": trend, "op": ">", "value": 1})
    assert submitted(world, "asked", views | {"within": "30d"}).evidence["warnings"] == []


def test_the_same_rule_under_another_name_has_to_be_meant(world: World) -> None:
    world.publish("adult-germans", {"all": [GERMAN, ADULT]})
    told = lints(world, {"all": [ADULT, {"all": [GERMAN, GERMAN]}]})
    assert told.startswith("The segment “adult-germans” has the same rule.")


def test_the_same_members_by_another_rule_have_to_be_meant(world: World) -> None:
    world.person(country="DE", age=30)
    world.person(country="FR", age=3)
    world.publish("germans", GERMAN)
    world.backfill()
    assert "“germans” has exactly the same members" in lints(world, ADULT)


def test_an_edit_voids_the_evidence(world: World) -> None:
    version = submitted(world, "germans", GERMAN)
    lifecycle.edit(version=version, content={"rule": FRENCH}, by=world.author, now=START)
    assert (version.state, version.evidence) == (State.DRAFT, {})


def test_fresh_evidence_is_good_enough(world: World, settings: Any) -> None:
    settings.CDP_EVIDENCE_MINUTES = 60
    version = submitted(world, "germans", GERMAN)
    lifecycle.approve(version=version, comment="fine", by=world.approver, now=START + timedelta(minutes=60))
    decision = version.decisions.get()
    assert (decision.evidence, decision.remark) == ({}, "")


def test_old_evidence_is_taken_again_before_the_approval(world: World, settings: Any) -> None:
    settings.CDP_EVIDENCE_MINUTES = 60
    for _ in range(20):
        world.person(country="DE")
    version = submitted(world, "germans", GERMAN)
    world.person(country="DE")
    lifecycle.approve(version=version, comment="fine", by=world.approver, now=START + timedelta(minutes=61))
    decision = version.decisions.get()
    assert (decision.evidence["size"], version.evidence["size"]) == (21, 20)
    assert "moved much" not in decision.remark
    assert "sample" not in " ".join(decision.evidence)


def test_an_approval_on_evidence_that_moved_much_says_so(world: World, settings: Any) -> None:
    settings.CDP_EVIDENCE_MINUTES = 60
    for _ in range(4):
        world.person(country="DE")
    version = submitted(world, "germans", GERMAN)
    world.person(country="DE")
    lifecycle.approve(version=version, comment="fine", by=world.approver, now=START + timedelta(hours=2))
    decision = version.decisions.get()
    assert "had moved much: 4 → 5 people" in decision.remark
    assert decision.comment == "fine", "what the approver wrote is what the approver wrote"


def test_a_warning_that_appeared_since_stands_in_the_way_of_an_approval_on_old_evidence(
    world: World, settings: Any
) -> None:
    version = submitted(world, "germans", GERMAN)
    settings.CDP_FEWEST_MEMBERS = 20
    with pytest.raises(ContentInvalid, match="fewer than 20"):
        lifecycle.approve(version=version, comment="fine", by=world.approver, now=START + timedelta(days=2))
    version.refresh_from_db()
    assert version.state == State.REVIEW


# -- two approvals ------------------------------------------------------------------------------------------------

VIEWED = {"event": "Product Viewed", "measure": "count", "op": ">=", "value": 1}


@pytest.mark.parametrize(
    ("rule", "more", "needed"),
    [
        (GERMAN, {}, 1),
        (GERMAN, {"approvals": 1}, 1),
        (GERMAN, {"approvals": 2}, 2),
        (ADULT, {}, 2),
        ({"any": [GERMAN, {"not": {"all": [ADULT, GERMAN]}}]}, {}, 2),
        (VIEWED, {}, 1),
        (VIEWED | {"where": {"property": "category", "op": "=", "value": "tests"}}, {}, 2),
        ({"event": "Product Viewed", "measure": "sum", "of": "price", "op": ">", "value": 1}, {}, 1),
        ({"event": "Order Completed", "measure": "count", "op": ">=", "value": 1}, {}, 2),
        ({"any": [GERMAN, {"segment": "adults"}]}, {}, 2),
    ],
)
def test_two_people_approve_what_reads_something_sensitive_or_asks_for_it(
    world: World, rule: dict[str, Any], more: dict[str, Any], needed: int
) -> None:
    world.publish("adults", ADULT)
    for found in (
        TraitDefinition.objects.filter(name="age"),
        EventDefinition.objects.filter(name="Order Completed"),
        PropertyDefinition.objects.filter(name="category"),
    ):
        found.update(personal_class="sensitive", purpose="contract")
    version = submitted(world, "asked", rule, "same_rule", "true_without_data", **more)
    assert version.evidence["approvals"] == needed
    lifecycle.approve(version=version, comment="fine", by=world.approver, now=START)
    version.refresh_from_db()
    assert version.state == (State.LIVE if needed == 1 else State.REVIEW)
    if needed == 2:
        with pytest.raises(NotAllowed):
            lifecycle.approve(version=version, comment="twice", by=world.approver, now=START)
        lifecycle.approve(version=version, comment="me too", by=_person("edsger", "approver"), now=START)
        version.refresh_from_db()
        assert version.state == State.LIVE
