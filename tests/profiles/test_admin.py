"""The admin's pages about people and about what comes in."""

import re
from datetime import timedelta

import pytest
from django.contrib.auth.models import Group
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.utils import timezone
from zeal import zeal_context
from zeal.constants import initialize_app_registry
from zeal.patch import patch as watch_relations

from cdp.health import WORKER_SILENCE_SECONDS
from cdp.ids import to_public
from cdp.models import AccessRecord, Heartbeat, User
from cdp.roles import Role
from profiles import person, timeline
from profiles.models import Profile, RejectedEvent, Source, TraitDefinition
from tests.profiles.stream import NOON, alias, apply, at, identify, send, track, work

pytestmark = pytest.mark.django_db(transaction=True)

COUNTED = re.compile(
    r'count\(\*\).*from "?(events|event_key|inbox|profile|rejected_event|trait_value)"? *(where .*)?$', re.I
)
LISTS = (
    "profile",
    "merge",
    "source",
    "trackingplan",
    "violationcount",
    "inboxrow",
    "rejectedevent",
    "eventdefinition",
    "propertydefinition",
    "traitdefinition",
)


@pytest.fixture(scope="module", autouse=True)
def _watched_relations() -> None:
    initialize_app_registry()
    watch_relations()


def signed_in(*roles: Role) -> Client:
    user = User.objects.create_user("-".join(roles) or "nobody", password="a long enough one")
    user.groups.set(Group.objects.filter(name__in=roles))
    client = Client()
    client.force_login(user, backend="django.contrib.auth.backends.ModelBackend")
    return client


def page_of(profile: Profile) -> str:
    return f"/admin/profiles/profile/{profile.pk}/change/"


def ada() -> Profile:
    apply(
        identify(
            userId="ada", anonymousId="phone", traits={"email": "Ada@Example.com", "firstName": "Ada", "plan": "free"}
        ),
        identify(userId="ada", minutes=5, traits={"plan": "paid"}),
        track("Order Completed", userId="ada", minutes=6, properties={"revenue": 12}),
    )
    return Profile.objects.get()


@pytest.mark.parametrize("name", ["ada", "phone", "ada@example.com", " ADA@example.com "])
def test_a_person_is_found_by_any_name_they_go_by(name):
    profile = ada()
    assert person.find(text=name) == (profile.pk,)
    assert (
        signed_in(Role.VIEWER)
        .get("/admin/profiles/profile/", {"q": name})
        .content.count(to_public(profile.pk).encode())
        == 1
    )


def test_a_person_is_found_by_either_id_after_a_merge_and_the_old_page_leads_to_the_new_one():
    apply(track(userId="old"))
    apply(track(userId="new"))
    apply(alias(userId="new", previousId="old"))
    winner, loser = Profile.objects.order_by("id")
    assert person.find(text=to_public(loser.pk)) == person.find(text="new") == (winner.pk,)
    client = signed_in(Role.VIEWER)
    assert client.get(page_of(loser)).url == page_of(winner)
    assert to_public(loser.pk) in client.get(page_of(winner)).content.decode()


def test_part_of_a_name_finds_nobody():
    ada()
    assert person.find(text="ad") == person.find(text="@example.com") == person.find(text="") == ()


def test_the_page_says_what_is_known_and_where_from():
    profile = ada()
    text = signed_in(Role.VIEWER).get(page_of(profile)).content.decode()
    for expected in ("Ada", "ada@example.com", to_public(profile.pk), "paid", "Order Completed", "phone", "shop"):
        assert expected in text


def test_a_traits_history_keeps_what_was_overwritten():
    profile = ada()
    text = signed_in(Role.VIEWER).get(f"/admin/profiles/profile/{profile.pk}/trait/?name=plan").content.decode()
    assert text.index("paid") < text.index("free")


def test_every_reading_of_a_person_is_recorded():
    profile = ada()
    client = signed_in(Role.VIEWER)
    client.get(page_of(profile))
    client.get(f"/admin/profiles/profile/{profile.pk}/trait/?name=plan")
    client.get("/admin/profiles/profile/")
    found = (
        AccessRecord.objects.filter(profile_id=profile.pk).order_by("id").values_list("action", "actor_kind", "fields")
    )
    actions = [action for action, _, _ in found]
    assert actions == ["profile.read", "profile.read", "profile.list"]
    assert {kind for _, kind, _ in found} == {"user"}
    assert {"timeline", "traits", "identifiers"} <= set(found[0][2])
    assert found[1][2] == ["traits.plan"]


def test_without_a_record_there_is_no_answer(monkeypatch):
    profile = ada()
    client = signed_in(Role.VIEWER)
    client.raise_request_exception = False
    monkeypatch.setattr("cdp.access.record", _fail)
    assert client.get(page_of(profile)).status_code == 500
    assert client.get("/admin/profiles/profile/").status_code == 500


def _fail(**given):
    raise RuntimeError("the record could not be written")


def test_nobody_without_a_role_sees_a_person():
    profile = ada()
    client = signed_in()
    assert b"ada@example.com" not in client.get(page_of(profile), follow=True).content
    assert client.get("/admin/profiles/profile/").status_code == 403
    assert client.get(f"/admin/profiles/profile/{profile.pk}/trait/?name=plan").status_code == 404


@pytest.mark.parametrize("address", ["12", "p_0000000000000", "nobody", "99999999999999999999999"])
def test_a_person_who_is_not_there_is_a_plain_404(address):
    assert signed_in(Role.VIEWER).get(f"/admin/profiles/profile/{address}/change/").status_code == 404


def test_the_timeline_is_paged_without_losing_or_repeating_an_event():
    minutes = [n // 3 for n in range(130)]  # three at a time have the very same moment
    apply(*(track(f"Step {n % 7}", userId="walker", minutes=minute) for n, minute in enumerate(minutes)))
    profile = Profile.objects.get()
    seen, before, pages = [], None, 0
    while pages == 0 or before:
        page = timeline.page(profile_id=profile.pk, before=before)
        seen += [(entry.ts, entry.event_id) for entry in page.entries]
        before, pages = page.older, pages + 1
    assert pages == 3
    assert seen == sorted(set(seen), reverse=True)
    assert len(seen) == 130


def test_the_timeline_continues_where_an_address_says():
    apply(*(track(userId="walker", minutes=n) for n in range(60)))
    profile = Profile.objects.get()
    client = signed_in(Role.VIEWER)
    older = timeline.page(profile_id=profile.pk).older
    assert older == timeline.Cursor(at(10), older.event_id)
    assert client.get(page_of(profile), {"before": str(older)}).content.count(b'id="event-') == 10
    assert client.get(page_of(profile), {"before": "yesterday"}).content.count(b'id="event-') == 50


@pytest.mark.parametrize("name", LISTS)
def test_lists_ask_once_for_all_rows_and_count_nothing_large(name):
    apply(*(identify(userId=f"u{n}", traits={f"trait{n}": n}) for n in range(12)))
    apply(*(track(f"Event {n}", userId="u1", properties={f"p{n}": n}) for n in range(12)))
    apply(*(track(f"Lost {n}") for n in range(12)))
    client = signed_in(Role.ADMINISTRATOR)
    client.get(f"/admin/profiles/{name}/")
    with zeal_context(), CaptureQueriesContext(connection) as asked:
        assert client.get(f"/admin/profiles/{name}/").status_code == 200
    statements = [query["sql"] for query in asked.captured_queries]
    assert len(statements) < 20
    assert not [statement for statement in statements if COUNTED.search(statement)]


@pytest.mark.parametrize("name", LISTS)
def test_a_list_that_was_not_counted_does_not_tell_the_size_of_its_page_as_how_many_there_are(name):
    apply(*(identify(userId=f"u{n}", traits={f"trait{n}": n}) for n in range(2)))
    assert b" found, <a" not in signed_in(Role.ADMINISTRATOR).get(f"/admin/profiles/{name}/").content


def test_a_rejected_event_is_shown_whole_and_goes_through_again_by_one_button():
    send([track("Nobody's", properties={"colour": "red"})])
    work()
    row = RejectedEvent.objects.get()
    client = signed_in(Role.AUTHOR)
    shown = client.get(f"/admin/profiles/rejectedevent/{row.pk}/change/").content.decode()
    assert "colour" in shown and row.reason in shown and "Send through again" in shown
    assert client.get(f"/admin/profiles/rejectedevent/{row.pk}/replay/").status_code == 405
    client.post(f"/admin/profiles/rejectedevent/{row.pk}/replay/")
    row.refresh_from_db()
    assert row.replayed_at is not None
    assert "Send through again" not in client.get(f"/admin/profiles/rejectedevent/{row.pk}/change/").content.decode()


def test_who_only_looks_cannot_send_an_event_through_again():
    apply(track("Nobody's"))
    row = RejectedEvent.objects.get()
    client = signed_in(Role.VIEWER)
    assert client.post(f"/admin/profiles/rejectedevent/{row.pk}/replay/").status_code == 403
    assert "Send through again" not in client.get(f"/admin/profiles/rejectedevent/{row.pk}/change/").content.decode()


@pytest.mark.parametrize("name", ["inboxrow", "rejectedevent"])
def test_what_came_in_is_filtered_by_source(name):
    apply(track("Nobody's"))
    here, elsewhere = Source.objects.get().pk, _source()
    client = signed_in(Role.ADMINISTRATOR)

    def listed(source):
        return len(client.get(f"/admin/profiles/{name}/", {"source": source}).context_data["cl"].result_list)

    assert (listed(here), listed(elsewhere)) == (1, 0)


def test_what_was_sent_is_shown_to_those_who_may_act_on_it_and_recorded():
    apply(track("Nobody's", properties={"colour": "red"}))
    row = RejectedEvent.objects.get()
    address = f"/admin/profiles/rejectedevent/{row.pk}/change/"
    for role in (Role.VIEWER, Role.APPROVER):
        page = signed_in(role).get(address).content.decode()
        assert row.reason in page and "colour" not in page
    assert not AccessRecord.objects.exists()
    assert "colour" in signed_in(Role.COMPLIANCE).get(address).content.decode()
    record = AccessRecord.objects.get()
    assert (record.action, record.basis) == ("rejected_event.read", {"rejected_event": row.pk})


def test_what_cannot_be_read_as_json_is_shown_as_it_is():
    RejectedEvent.objects.create(
        received_at=NOON,
        source_id=_source(),
        position=0,
        code="invalid_json",
        reason="…",
        payload=b'{"a": "\\ud800" \xff',
    )
    client = signed_in(Role.COMPLIANCE)
    answer = client.get(f"/admin/profiles/rejectedevent/{RejectedEvent.objects.get().pk}/change/")
    assert answer.status_code == 200
    assert "\ufffd" in answer.content.decode()


def _source() -> int:
    return Source.objects.create(key="somewhere", name="Somewhere").pk


def test_the_catalogue_is_edited_by_those_who_keep_it():
    ada()
    plan = TraitDefinition.objects.get(name="plan")
    given = {
        "type": "text",
        "description": "What they pay for",
        "status": "confirmed",
        "personal_class": "none",
        "purpose": "",
    }
    address = f"/admin/profiles/traitdefinition/{plan.pk}/change/"
    assert signed_in(Role.VIEWER).post(address, given).status_code == 403
    assert signed_in(Role.COMPLIANCE).post(address, given).status_code == 302
    plan.refresh_from_db()
    assert (plan.description, plan.status) == ("What they pay for", "confirmed")


def test_what_a_name_may_be_used_for_is_compliances_to_say():
    ada()
    plan = TraitDefinition.objects.get(name="plan")
    TraitDefinition.objects.filter(pk=plan.pk).update(purpose="billing", personal_class="personal")
    given = {"type": "text", "description": "Mine", "status": "confirmed", "personal_class": "none", "purpose": ""}
    address = f"/admin/profiles/traitdefinition/{plan.pk}/change/"

    assert signed_in(Role.AUTHOR).post(address, given).status_code == 302
    plan.refresh_from_db()
    assert (plan.description, plan.purpose, plan.personal_class) == ("Mine", "billing", "personal")

    assert signed_in(Role.COMPLIANCE).post(address, given).status_code == 302
    plan.refresh_from_db()
    assert (plan.purpose, plan.personal_class) == ("", "none")
    record = AccessRecord.objects.filter(action="catalogue.change").latest("id")
    assert record.actor_id == str(User.objects.get(username="compliance").pk)
    assert record.basis["changed"]["purpose"] == ["billing", ""]


def test_the_overview_adds_up_and_warns_when_no_worker_beats():
    ada()
    apply(track("Nobody's"))
    client = signed_in(Role.ADMINISTRATOR)
    text = client.get("/admin/").content.decode()
    assert "No worker has reported" in text
    assert "adds up" in text and "missing_id" in text
    Heartbeat.objects.create(name="worker", at=timezone.now())
    assert "No worker has reported" not in client.get("/admin/").content.decode()
    Heartbeat.objects.update(at=timezone.now() - timedelta(seconds=WORKER_SILENCE_SECONDS + 5))
    assert "No worker has reported for" in client.get("/admin/").content.decode()


def test_the_overview_asks_for_no_count_over_events():
    ada()
    client = signed_in(Role.ADMINISTRATOR)
    with CaptureQueriesContext(connection) as asked:
        client.get("/admin/")
    assert not [query for query in asked.captured_queries if re.search(r'from "?events"?', query["sql"], re.I)]
