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
