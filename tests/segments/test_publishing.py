from cdp.governance import lifecycle
from consent import catalogue, ledger
from consent.models import Purpose
from profiles.models import PropertyDefinition
from segments import publishing
from segments.models import EpochStatus, RuleEpoch
from tests.segments.world import START, World, seconds

GERMAN = {"trait": "country", "op": "=", "value": "DE"}
FRENCH = {"trait": "country", "op": "=", "value": "FR"}
EUROPEAN = {"trait": "country", "op": "in", "value": ["DE", "FR"]}


def test_a_newly_live_rule_is_backfilled_over_the_people_already_there(world: World) -> None:
    anna, ben = world.person(country="DE"), world.person(country="FR")
    world.publish("germans", GERMAN)
    assert world.members("germans") == set()
    world.backfill()
    assert world.members("germans") == {anna}
    assert world.stays(anna)[0].cause == "backfill"
    assert world.card(ben)[0] == []
    assert RuleEpoch.objects.get().status == EpochStatus.READY


def test_a_rule_of_more_leaves_than_a_function_takes_arguments_is_judged(world: World) -> None:
    anna = world.person(age=137)
    world.publish("aged", {"any": [{"trait": "age", "op": "=", "value": number} for number in range(140)]})
    world.backfill()
    assert world.members("aged") == {anna}
    evidence = world.stays(anna)[0].evidence
    assert [leaf["value"] for leaf in evidence] == list(range(140))
    assert [leaf["value"] for leaf in evidence if leaf["holds"]] == [137]


def test_the_old_versions_memberships_stand_until_the_new_one_is_evaluated(world: World) -> None:
    anna = world.person(country="DE")
    world.publish("europeans", GERMAN)
    world.backfill()
    world.publish("europeans", FRENCH, now=START + seconds(60))
    assert world.members("europeans") == {anna}
    world.backfill()
    assert world.members("europeans") == set()
    (stay,) = world.stays(anna)
    assert (stay.left_cause, stay.left_version.number) == ("version", 2)


def test_who_satisfies_the_next_version_too_stays_and_says_so(world: World) -> None:
    anna, ben = world.person(country="DE"), world.person(country="FR")
    first = world.publish("europeans", GERMAN)
    world.backfill()
    second = world.publish("europeans", EUROPEAN, now=START + seconds(60))
    world.backfill()
    (stay,) = world.stays(anna)
    assert (stay.version, stay.standing_version, stay.left_at) == (first, second, None)
    assert world.stays(ben)[0].cause == "version"
    assert world.announced(anna) == ["entered"]
    assert world.card(anna)[0][0]["version"] == 2


def test_retiring_closes_memberships_and_announces_it(world: World) -> None:
    anna = world.person(country="DE")
    world.publish("germans", GERMAN)
    world.backfill()
    world.retire("germans")
    world.backfill()
    assert world.members("germans") == set()
    assert world.stays(anna)[0].left_cause == "version"
    assert world.announced(anna) == ["entered", "left"]
    assert world.card(anna)[0] == []


def test_there_and_back_in_mid_backfill_leaves_only_the_last_epoch(world: World) -> None:
    anna, ben = world.person(country="DE"), world.person(country="FR")
    world.publish("europeans", GERMAN)
    world.judge(anna, now=START, keys=["segment:europeans"])
    world.publish("europeans", FRENCH)
    world.judge(anna, now=START + seconds(1), keys=["segment:europeans"])
    world.publish("europeans", GERMAN)
    world.backfill()
    assert world.members("europeans") == {anna}
    assert world.stays(ben) == []
    assert [row.status for row in RuleEpoch.objects.order_by("epoch")] == ["backfilling", "backfilling", "ready"]


def test_a_type_that_changes_under_a_live_rule_starts_a_new_epoch(world: World) -> None:
    spenders = {"event": "Order Completed", "measure": "sum", "of": "revenue", "op": ">", "value": 10}
    world.publish("spenders", spenders)
    world.backfill()
    PropertyDefinition.objects.filter(name="revenue").update(type="text")
    assert publishing.republish(now=START) == 1
    assert RuleEpoch.objects.latest("epoch").status == EpochStatus.BROKEN
    PropertyDefinition.objects.filter(name="revenue").update(type="number")
    assert publishing.republish(now=START) == 1
    assert publishing.republish(now=START) == 0
    world.backfill()
    assert RuleEpoch.objects.latest("epoch").status == EpochStatus.READY


def test_a_rule_that_no_longer_fits_keeps_its_members_and_stops_nobody_else(world: World) -> None:
    anna = world.person(country="DE")
    world.event(anna, "Order Completed", at=START - seconds(10), revenue=20)
    world.publish("spenders", {"event": "Order Completed", "measure": "sum", "of": "revenue", "op": ">", "value": 10})
    world.backfill()
    PropertyDefinition.objects.filter(name="revenue").update(type="text")
    publishing.republish(now=START)
    world.publish("germans", GERMAN)
    world.judge(anna, now=START + seconds(1))
    assert world.members("spenders") == world.members("germans") == {anna}
    assert [entry["key"] for entry in world.card(anna)[0]] == ["germans", "spenders"]


def test_members_by_a_purpose_leave_when_the_purpose_is_retired(world: World) -> None:
    world.purpose("marketing")
    anna, ben = world.person(country="DE"), world.person(country="FR")
    for person in (anna, ben):
        world.consent(person, "marketing", ledger.grant, at=START - seconds(60))
    world.publish("readers", {"consent": "marketing"})
    world.publish("reachable", {"any": [{"consent": "marketing"}, GERMAN]})
    world.publish("others", {"not": {"consent": "marketing"}}, acknowledged=["true_without_data"])
    world.backfill()
    assert world.members("readers") == world.members("reachable") == {anna, ben}
    lifecycle.retire(head=Purpose.objects.get(), comment="not needed", by=world.approver, now=START)
    catalogue.forget()
    assert publishing.republish(now=START + seconds(1)) == 3
    world.backfill(now=START + seconds(2))
    assert world.members("readers") == world.members("others") == set()
    assert world.members("reachable") == {anna}
    assert [entry["key"] for entry in world.card(anna)[0]] == ["reachable"]
    assert RuleEpoch.objects.latest("epoch").status == EpochStatus.READY
    assert publishing.republish(now=START + seconds(3)) == 0
