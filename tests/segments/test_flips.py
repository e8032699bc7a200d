from datetime import timedelta

from tests.segments.world import START, World, seconds

VIEWED = {"event": "Product Viewed", "measure": "count", "op": ">", "value": 1, "within": "10m"}


def test_a_person_enters_with_version_cause_and_frozen_evidence(world: World) -> None:
    version = world.publish("germans", {"trait": "country", "op": "=", "value": "DE"})
    anna = world.person(country="DE")
    world.judge(anna, now=START, keys=["trait:country"])
    (stay,) = world.stays(anna)
    assert (stay.version_id, stay.cause, stay.entered_at, stay.left_at) == (version.pk, "event", START, None)
    assert stay.evidence == [{"path": "$", "op": "=", "value": "DE", "holds": True, "observed": "DE"}]
    assert world.announced(anna) == ["entered"]


def test_a_window_is_left_exactly_when_it_ends(world: World) -> None:
    world.publish("browsers", VIEWED)
    anna = world.person()
    world.event(anna, "Product Viewed", at=START - seconds(300))
    world.event(anna, "Product Viewed", at=START - seconds(200))
    end = START + seconds(300)
    assert world.judge(anna, now=START) == {anna: end}
    assert world.judge(anna, now=end - timedelta(microseconds=1), cause="sweep") == {anna: end}
    assert world.members("browsers") == {anna}
    assert world.judge(anna, now=end, cause="sweep") == {}
    (stay,) = world.stays(anna)
    assert (stay.left_at, stay.left_cause) == (end, "sweep")
    assert stay.evidence_left[0]["observed"] == 1
    assert world.announced(anna) == ["entered", "left"]


def test_the_card_lists_segments_with_version_since_and_until(world: World) -> None:
    world.publish("browsers", VIEWED)
    world.publish("germans", {"trait": "country", "op": "=", "value": "DE"})
    anna = world.person(country="DE")
    world.event(anna, "Product Viewed", at=START - seconds(300))
    world.event(anna, "Product Viewed", at=START - seconds(200))
    world.judge(anna, now=START)
    body, until = world.card(anna)
    assert [(entry["key"], entry["name"], entry["version"]) for entry in body] == [
        ("browsers", "Browsers", 1),
        ("germans", "Germans", 1),
    ]
    assert body[0]["expires_at"] == "2026-03-03T12:05:00+00:00"
    assert body[1]["expires_at"] is None
    assert until == START + seconds(300)


def test_segments_that_nothing_touched_stay_on_the_card_as_they_were(world: World) -> None:
    world.publish("browsers", VIEWED)
    world.publish("germans", {"trait": "country", "op": "=", "value": "DE"})
    anna = world.person(country="DE")
    world.judge(anna, now=START)
    world.event(anna, "Product Viewed", at=START + seconds(1))
    world.event(anna, "Product Viewed", at=START + seconds(2))
    world.judge(anna, now=START + seconds(3), keys=["event:Product Viewed"])
    body, until = world.card(anna)
    assert [entry["key"] for entry in body] == ["browsers", "germans"]
    assert body[1]["entered_at"] == "2026-03-03T12:00:00+00:00"
    assert until == START + seconds(601)


def test_an_event_no_rule_reads_costs_no_statement(world: World, django_assert_num_queries: object) -> None:
    world.publish("germans", {"trait": "country", "op": "=", "value": "DE"})
    anna = world.person()
    world.judge(anna, now=START)
    with django_assert_num_queries(4):  # savepoint, rule lock, epoch, release
        world.judge(anna, now=START, keys=["event:Search"])
