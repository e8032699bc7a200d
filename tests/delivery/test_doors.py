"""Destinations as people meet them: four eyes, pages, REST, figures and the doctor."""

import json
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from cryptography.exceptions import InvalidTag
from django.contrib.auth.models import Group
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.urls import reverse
from django.utils import timezone
from rest_framework.test import APIClient

from cdp import health, person_tokens
from cdp.doctor import Level
from cdp.governance import lifecycle
from cdp.governance.errors import ContentInvalid, FourEyes
from cdp.models import AccessRecord, User
from segments.delivery import doctor, issuing, listening, metrics, signing, switching
from segments.models import Delivery, DeliveryAttempt, DestinationSecret, DestinationSwitch, DestinationVersion
from tests.delivery.office import Office


@pytest.fixture
def everything(office: Office) -> Client:
    """Somebody with every role, signed in."""
    user = User.objects.create_user("everything", is_staff=True)
    user.groups.set(Group.objects.all())
    client = Client()
    client.force_login(user, backend="django.contrib.auth.backends.ModelBackend")
    return client


def calling(user: User) -> APIClient:
    now = timezone.now()
    _, token = person_tokens.issue(user=user, name="test", now=now, expires_at=now + timedelta(days=1))
    client = APIClient()
    client.credentials(HTTP_AUTHORIZATION=f"Bearer {token}")
    return client


# -- governing ---------------------------------------------------------------------------------------------------------
def test_its_author_cannot_approve_it(office: Office) -> None:
    head = office.drafted("shop")
    office.issue(head)
    office.world.author.groups.set(Group.objects.filter(name__in=("author", "approver")))
    with pytest.raises(FourEyes):
        office.world.approver = office.world.author
        office.approve(head)


def test_nothing_goes_live_without_a_secret_to_sign_with(office: Office) -> None:
    with pytest.raises(ContentInvalid, match="signing secret"):
        office.approve(office.drafted("shop"))


@pytest.mark.parametrize(
    ("field", "value"), [("purpose", "nothing"), ("segments", ["nobody"]), ("url", "https://10.0.0.1/")]
)
def test_a_version_names_what_exists(office: Office, field: str, value: Any) -> None:
    with pytest.raises(ContentInvalid) as refused:
        office.approve(office.drafted("shop"), **{field: value})
    assert refused.value.errors[0].field.startswith(field)


def test_the_evidence_counts_members_and_whom_the_purpose_allows(office: Office) -> None:
    people = [office.person(country="DE"), office.person(country="DE"), office.person(country="DE", agreed=False)]
    office.enters(*people)
    office.destination("shop")

    evidence = DestinationVersion.objects.get(head__key="shop").evidence
    assert evidence["segments"] == [{"segment": "germans", "members": 3, "allowed": 2}]


def test_secrets_are_stored_sealed_and_bound_to_their_destination(office: Office) -> None:
    shop, other = office.destination("shop"), office.drafted("other")
    stored = bytes(DestinationSecret.objects.get().sealed)
    opened = signing.unseal(stored, destination_id=shop.pk)
    assert signing.spelled(opened) == office.secrets["shop"][0]
    assert opened not in stored
    with pytest.raises(InvalidTag):
        signing.unseal(stored, destination_id=other.pk)


def test_an_administrator_stops_it_at_once_and_an_approver_starts_it(office: Office) -> None:
    shop = office.destination("shop")
    switching.switch_off(destination=shop, by=office.administrator, reason="A leak.", now=office.now)
    person = office.person(country="FR")
    office.enters(person)
    office.work()
    assert Delivery.objects.count() == 0 and office.outbox() == 0

    switching.switch_on(destination=shop, by=office.world.approver, reason="Mended.", now=office.now)
    office.leaves(person)
    office.work()
    assert office.state(person) == ["delivered"]


def test_whom_a_segment_is_told_to_is_known_to_its_evidence(office: Office) -> None:
    office.destination("shop")
    assert [(one.name, one.purpose) for one in listening.listeners("germans")] == [("Shop", "marketing")]
    assert list(listening.listeners("nobody")) == []


# -- pages -------------------------------------------------------------------------------------------------------------
def test_every_page_opens_and_says_what_it_has_to_say(office: Office, everything: Client) -> None:
    shop = office.destination("shop", "/again/500")
    person, refused = office.person(country="FR"), office.person(country="FR", agreed=False)
    office.enters(person, refused)
    office.work()
    office.pass_time(seconds=10)
    office.work()

    head = everything.get(reverse("admin:segments_destination_change", args=[shop.pk])).content.decode()
    assert all(words in head for words in ("Signing secrets", "no_record", "Every attempt", "Switch off"))
    version = everything.get(reverse("admin:segments_destination_version", args=[shop.pk, 1])).content.decode()
    assert "when somebody entered or left or was given a tag or lost it" in version and "allows" in version
    assert "well" in everything.get(reverse("admin:segments_destination_changelist")).content.decode()

    listed = everything.get(reverse("admin:segments_deliveryattempt_changelist")).content.decode()
    assert all(words in listed for words in ("delivered", "status 500", "no record", "withheld", "c_"))
    delivery = office.latest(person)
    page = everything.get(reverse("admin:segments_delivery_change", args=[delivery.pk])).content.decode()
    assert all(words in page for words in ("profile.segment.entered", "status_500", "204", "marketing v1"))
    withheld = everything.get(reverse("admin:segments_delivery_change", args=[office.latest(refused).pk]))
    assert "no_record" in withheld.content.decode(), "an attempt that has no result"
    assert AccessRecord.objects.filter(action="delivery.read", profile_id=person).exists()
    assert AccessRecord.objects.filter(action="delivery.attempts", profile_id=refused).exists()


def test_a_draft_is_written_in_a_form(office: Office, everything: Client) -> None:
    head = office.drafted("shop")
    address = reverse("admin:segments_destination_draft", args=[head.pk])
    assert "Germans" in everything.get(address).content.decode()
    given = {"url": "http://10.0.0.1/", "purpose": "marketing", "segments": ["germans"], "what": ["left"], "rate": "5"}
    assert "CDP_DELIVERY_ALLOW" in everything.post(address, given).content.decode()
    assert everything.post(address, given | {"url": "https://hooks.example.com/"}).status_code == 302
    assert head.versions.get().content["what"] == ["left"]


def test_a_secret_is_shown_once_and_the_buttons_do_what_they_say(office: Office, everything: Client) -> None:
    shop = office.destination("shop", "/gone")
    issued = everything.post(reverse("admin:segments_destination_issue_secret", args=[shop.pk]))
    assert "whsec_" in issued.content.decode() and "no-store" in issued["Cache-Control"]
    change = reverse("admin:segments_destination_change", args=[shop.pk])
    assert "whsec_" not in everything.get(change).content.decode()

    person = office.person(country="FR")
    office.enters(person)
    office.work()
    assert "by itself" in everything.get(change).content.decode()
    everything.post(reverse("admin:segments_destination_on", args=[shop.pk]), {"reason": "Mended."})
    assert DestinationSwitch.objects.latest("id").switched == "on"
    everything.post(reverse("admin:segments_delivery_replay", args=[office.latest(person).pk]))
    assert office.state(person) == ["pending"]
    everything.post(reverse("admin:segments_destination_off", args=[shop.pk]), {"reason": "Enough."})
    everything.post(reverse("admin:segments_destination_on", args=[shop.pk]), {"reason": "Again."})
    everything.post(reverse("admin:segments_destination_replay", args=[shop.pk]))
    assert office.state(person) == ["pending"]
    first = DestinationSecret.objects.earliest("id")
    everything.post(reverse("admin:segments_destination_revoke_secret", args=[shop.pk, first.pk]))
    assert DestinationSecret.objects.filter(revoked_at=None).count() == 1


def test_only_the_roles_meant_for_it_press_the_buttons(office: Office) -> None:
    shop = office.destination("shop")
    User.objects.filter(pk=office.world.author.pk).update(is_staff=True)
    client = Client()
    client.force_login(User.objects.get(pk=office.world.author.pk), "django.contrib.auth.backends.ModelBackend")
    for page in ("issue_secret", "on", "off"):
        assert client.post(reverse(f"admin:segments_destination_{page}", args=[shop.pk])).status_code == 403
    head = client.get(reverse("admin:segments_destination_change", args=[shop.pk])).content.decode()
    assert "Administrators issue and revoke" in head


@pytest.mark.parametrize("page", ["segments_delivery_changelist", "segments_deliveryattempt_changelist"])
def test_lists_ask_as_often_for_many_rows_as_for_few(office: Office, everything: Client, page: str) -> None:
    office.destination("shop")
    asked = []
    for count in (2, 10):
        office.enters(*(office.person(country="FR") for _ in range(count)))
        office.work()
        everything.get(reverse(f"admin:{page}"))
        with CaptureQueriesContext(connection) as queries:
            everything.get(reverse(f"admin:{page}"))
        asked.append(len(queries))
    assert asked[0] == asked[1]


# -- REST --------------------------------------------------------------------------------------------------------------
def test_attempts_are_paged_by_where_they_begin(office: Office) -> None:
    office.destination("shop")
    office.enters(*(office.person(country="FR") for _ in range(7)))
    office.work()

    client, seen, cursor = calling(office.world.author), [], ""
    while cursor is not None:
        page = client.get("/v1/destinations/shop/attempts", {"limit": 3, "cursor": cursor}).json()
        seen += page["attempts"]
        cursor = page["next"]
    sent = {
        json.loads(one["body"])["data"]["person"]: one["headers"]["webhook-id"] for one in office.receiver.received()
    }
    assert {one["person"]: one["message_id"] for one in seen} == sent and len(seen) == 7
    assert {(one["outcome"], one["status"], one["basis"]) for one in seen} == {("delivered", 204, "consent")}
    assert client.get("/v1/destinations/nothing/attempts").status_code == 404
    assert client.get("/v1/destinations/shop/attempts", {"limit": 0}).json()["errors"][0]["field"] == "limit"


def test_secrets_switches_and_replays_over_rest(office: Office) -> None:
    office.destination("shop", "/gone")
    at = "/v1/governance/destinations/shop"
    administrator, approver, author = map(calling, (office.administrator, office.world.approver, office.world.author))

    assert author.post(f"{at}/secrets").json()["code"] == "role_missing"
    issued = administrator.post(f"{at}/secrets")
    assert issued.json()["secret"].startswith("whsec_") and issued["Cache-Control"] == "no-store"
    assert administrator.post(f"{at}/secrets").json()["errors"] == [
        {"field": "secret", "detail": "Two secrets are live already: revoke the old one when the receiver has both."}
    ]
    listed = administrator.get(f"{at}/secrets").json()
    assert len(listed) == 2 and not any("secret" in one for one in listed)
    assert administrator.post(f"{at}/secrets/{listed[1]['id']}/revoke").json()["revoked_at"] is not None

    person = office.person(country="FR")
    office.enters(person)
    office.work()
    state = author.get(f"{at}/state").json()
    assert (state["on"], state["off_because"], state["dead"]) == (False, "The receiver answered 410 Gone.", 1)
    assert author.post(f"{at}/switch-on", {"reason": "x"}, format="json").status_code == 403
    assert approver.post(f"{at}/switch-on", {}, format="json").status_code == 400
    assert approver.post(f"{at}/switch-on", {"reason": "Mended."}, format="json").json()["on"] is True
    assert approver.post(f"{at}/switch-on", {"reason": "Again."}, format="json").status_code == 409
    assert author.post(f"{at}/replay").json() == {"messages": 1, "left": 0}
    message = f"msg_{office.latest(person).message_id.hex}"
    assert author.post(f"/v1/deliveries/{message}/replay").status_code == 409
    assert author.post("/v1/deliveries/msg_0/replay").status_code == 404


# -- figures and the doctor --------------------------------------------------------------------------------------------
def figures() -> dict[tuple[str, ...], float]:
    return {
        (gauge.name, *sample.labels.values()): sample.value
        for gauge in metrics.collect(datetime.now(UTC))
        for sample in gauge.samples
    }


def test_figures_tell_how_destinations_do(office: Office) -> None:
    office.destination("shop")
    office.destination("mailer", "/gone")
    person, refused = office.person(country="FR"), office.person(country="FR", agreed=False)
    office.enters(person, refused)
    office.work()

    told = figures()
    assert told["cdp_deliveries_ended", "shop", "delivered", "accepted"] == 1
    assert told["cdp_deliveries_ended", "shop", "withheld", "no_record"] == 1
    assert (told["cdp_destination_on", "shop"], told["cdp_destination_on", "mailer"]) == (1, 0)
    assert told["cdp_delivery_dead", "mailer"] == 1
    assert told["cdp_delivery_waiting", "shop"] == 0


def test_the_doctor_says_what_is_late_and_who_is_gone(office: Office) -> None:
    def told(level: Level, *, later: float = 0) -> str:
        found = doctor.examine(datetime.now(UTC) + timedelta(minutes=later))
        return "\n".join(each.told for each in found if each.level is level)

    office.destination("shop")
    health.beat(name="delivery", now=datetime.now(UTC))
    assert "1 destinations are told" in told(Level.FINE)

    office.destination("mailer", "/gone")
    person = office.person(country="FR")
    office.enters(person)
    assert "no process takes them" in told(Level.WRONG, later=5)
    office.work()
    attention = told(Level.ATTENTION)
    assert "mailer is switched off" in attention and "1 messages for mailer were given up" in attention


def test_a_message_that_nobody_takes_is_late(office: Office) -> None:
    shop = office.destination("shop", "/busy")
    person = office.person(country="FR")
    office.enters(person)
    office.work()
    lane = office.lane(shop)
    lane.paused_until = None
    lane.save()
    found = "\n".join(each.told for each in doctor.examine(office.now + timedelta(minutes=10)))
    assert "have been due for" in found


def test_who_retires_a_destination_is_on_record(office: Office) -> None:
    shop = office.destination("shop")
    lifecycle.retire(head=shop, comment="not needed", by=office.world.approver, now=office.now)
    assert shop.history.latest().history_user == office.world.approver
    assert DeliveryAttempt.objects.count() == 0
    issuing.revoke(secret=DestinationSecret.objects.get(), by=office.administrator, now=office.now)
    assert not issuing.has_live(shop)
