"""The doors of thresholds: what became of snapshots, and the decision on one that moved too far."""

from django.test import Client
from rest_framework.test import APIClient

from segments.models import Outcome, ThresholdDecision
from segments.thresholds import refreshing
from tests.segments.test_thresholds import DAY, TOP_FIFTH, buyers
from tests.segments.world import START, World, seconds


def leap(world: World) -> ThresholdDecision:
    """A snapshot of a live rule that moved further than its author's band, and waits."""
    buyers(world, 10, 20, 30, 40, 50)
    world.publish("top", TOP_FIFTH, thresholds={"band": 0.05})
    world.event(world.person(), "Order Completed", at=START, revenue=1000)
    refreshing.refresh(now=START + seconds(DAY))
    return ThresholdDecision.objects.get(outcome=Outcome.ASKED)


def test_the_api_tells_what_waits_and_takes_the_decision_of_somebody_else(world: World) -> None:
    waiting = leap(world)
    client = APIClient()
    client.force_authenticate(world.approver)
    (asked, first) = client.get("/v1/segments/top/thresholds").json()
    assert (asked["outcome"], first["outcome"], asked["snapshot"]["over"]) == ("asked", "first", "buyers")
    assert (float(first["snapshot"]["value"]), float(asked["snapshot"]["value"])) == (42, 50)
    address = f"/v1/segments/top/thresholds/{waiting.pk}/accept"
    assert client.post(address, {"comment": ""}, format="json").status_code == 400
    answer = client.post(address, {"comment": "a large order"}, format="json")
    assert (answer.status_code, answer.json()["outcome"]) == (200, "accepted"), answer.content
    assert answer.json()["decided_by"] == "grace"
    again = client.post(address.replace("accept", "refuse"), {"comment": "or not"}, format="json")
    assert (again.status_code, again.json()["code"]) == (409, "wrong_state")
    client.force_authenticate(world.author)
    assert client.post(address, {"comment": "mine"}, format="json").status_code == 403


def test_an_author_who_may_approve_is_refused_by_four_eyes(world: World) -> None:
    waiting = leap(world)
    world.author.groups.add(world.approver.groups.get(name="approver"))
    client = APIClient()
    client.force_authenticate(world.author)
    answer = client.post(f"/v1/segments/top/thresholds/{waiting.pk}/accept", {"comment": "mine"}, format="json")
    assert (answer.status_code, answer.json()["code"]) == (403, "four_eyes")


def test_the_admin_shows_what_waits_and_takes_the_decision(world: World, client: Client) -> None:
    waiting = leap(world)
    world.approver.is_staff = True
    world.approver.save()
    client.force_login(world.approver)
    listed = client.get("/admin/segments/thresholddecision/")
    assert "p80 = 50.00" in listed.content.decode()
    address = f"/admin/segments/thresholddecision/{waiting.pk}/change/"
    page = client.get(address).content.decode()
    assert "from 42.00, which holds until somebody decides" in page
    assert client.post(address, {"comment": "", "refuse": ""}).status_code == 200
    assert client.post(address, {"comment": "a mistake", "refuse": ""}).status_code == 302
    assert ThresholdDecision.objects.latest("id").outcome == Outcome.REFUSED
    assert client.post(address, {"comment": "again", "accept": ""}).status_code == 403
