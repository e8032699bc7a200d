"""Consent where it is asked: on the way in, on the way out, when time passes and when two people become one."""

import json
import threading

import pytest
from django.db import connection, transaction
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from consent import ledger, projection
from consent.decisions import Assurance
from consent.gates import collection_gate, lane_step, merge_step, read_gate
from consent.models import ConsentState, DevicePreference, Entry, EntryPrivate, SubjectKey
from profiles import lanes
from profiles.api.reads import Read
from profiles.identity.resolve import Merge
from profiles.lanes import LaneBatch, Touch
from profiles.models import Card, EventDefinition, Origin, Touched, TraitDefinition
from tests.consent.conftest import at, claim, event, join, origin_of, preferring, profile_of, statement, teller

pytestmark = pytest.mark.django_db


def state(origin_id, purpose="marketing"):
    return ConsentState.objects.filter(profile_id=profile_of(origin_id), purpose=purpose).first()


def operations():
    return list(Entry.objects.order_by("occurred_at", "seq").values_list("operation", flat=True))


# -- on the way in ----------------------------------------------------------------------------------------------------
def test_a_preference_on_an_event_becomes_an_entry(ann, marketing, shop):
    collection_gate(claim(event(ann, context=preferring(ads=True), source_id=shop.id, anonymous_id="a1")))

    entry = Entry.objects.get()
    told = json.loads(bytes(entry.bytes))
    assert (told["channel"], told["method"], told["source"]) == ("event", "segment_category_preferences", "shop")
    assert (told["assurance"], told["actor"]["kind"]) == ("client", "subject")
    assert state(ann).granted


def test_a_repeat_on_every_event_does_not_flood_the_ledger(ann, marketing):
    for minute in range(0, 60, 10):
        collection_gate(claim(*[event(ann, minute=minute + n, context=preferring(ads=True)) for n in range(10)]))

    assert operations() == ["grant"]
    assert DevicePreference.objects.get().granted_at == at(59)


def test_a_stale_browser_does_not_undo_a_withdrawal(ann, marketing):
    collection_gate(claim(event(ann, minute=1, context=preferring(ads=True))))
    ledger.withdraw(statement=statement(ann, minute=5), told_by=teller(), now=at(5))
    collection_gate(claim(event(ann, minute=9, context=preferring(ads=True))))

    assert not state(ann).granted


def test_a_decision_of_its_own_is_an_entry_even_when_it_repeats(ann, marketing):
    told = {"context": preferring(ads=True), "name": "Segment Consent Preference Updated"}
    collection_gate(claim(event(ann, minute=1, **told)))
    collection_gate(claim(event(ann, minute=9, **told)))

    assert operations() == ["grant", "grant"]
    assert state(ann).since == at(9)


def test_both_dialects_are_understood(ann, marketing):
    allowed = {"consentManagement": {"allowedConsentIds": ["ads"], "deniedConsentIds": [], "provider": "custom"}}
    denied = {"consentManagement": {"allowedConsentIds": [], "deniedConsentIds": ["ads"], "provider": "custom"}}
    collection_gate(claim(event(ann, minute=1, context=allowed), event(ann, minute=2, context=denied)))

    assert operations() == ["grant", "withdraw"]


def test_purposes_answered_alike_by_one_event_share_an_entry(ann, publish):
    publish("marketing", title="M", legal_basis="consent", categories=["ads"])
    publish("insight", title="I", legal_basis="consent", categories=["statistics"])
    publish("resale", title="R", legal_basis="consent", categories=["resale"])
    collection_gate(claim(event(ann, context=preferring(ads=True, statistics=True, resale=False))))

    assert sorted(Entry.objects.values_list("operation", "purposes")) == [
        ("deny", ["resale"]),
        ("grant", ["insight", "marketing"]),
    ]


def test_two_devices_of_one_person_each_say_it_once(ann, marketing):
    for minute in range(0, 20, 2):
        phone = event(ann, minute=minute, context=preferring(ads=True), anonymous_id="phone")
        laptop = event(ann, minute=minute + 1, context=preferring(ads=False), anonymous_id="laptop")
        collection_gate(claim(phone, laptop))

    assert operations() == ["grant", "deny"]


def test_many_people_in_one_claim_cost_a_few_statements(marketing, django_assert_max_num_queries):
    people = [origin_of("user_id", f"u{n}") for n in range(50)]
    whole = claim(*[event(person, context=preferring(ads=True)) for person in people])

    with django_assert_max_num_queries(20):
        collection_gate(whole)
    assert ConsentState.objects.filter(granted=True).count() == 50


def test_a_claim_without_consent_costs_two_statements(ann, marketing, django_assert_num_queries):
    whole = claim(event(ann), event(ann))

    with django_assert_num_queries(2):
        assert collection_gate(whole) == {}


def test_the_browsers_opt_out_signal_denies_what_counts_as_sale(ann, publish, marketing):
    publish("resale", title="R", legal_basis="consent", categories=["ads"], sale_or_sharing=True)
    collection_gate(claim(event(ann, gpc=True, context=preferring(ads=True))))

    assert state(ann, "marketing").granted
    assert not state(ann, "resale").granted
    assert json.loads(bytes(Entry.objects.get(channel="gpc").bytes))["method"] == "global_privacy_control"


def test_the_signal_of_a_server_is_not_the_persons(ann, publish):
    publish("resale", title="R", legal_basis="consent", sale_or_sharing=True)
    collection_gate(claim(event(ann, gpc=True, assurance=Assurance.SERVER)))

    assert not Entry.objects.exists()


@pytest.mark.parametrize("preferences", [{"ads": True, "x": 2**70}, {"ads": True, "\u2028": "\u202e", "n": 1e300}])
def test_whatever_else_a_consent_object_holds_it_is_captured(ann, marketing, preferences):
    collection_gate(claim(event(ann, context={"consent": {"categoryPreferences": preferences}})))

    assert Entry.objects.count() == EntryPrivate.objects.count() == 1


@pytest.fixture
def guarded(marketing):
    return EventDefinition.objects.create(name="Offer Clicked", purpose="marketing").name


def test_an_event_whose_purpose_was_refused_is_not_kept_and_the_reason_names_it(ann, guarded):
    ledger.deny(statement=statement(ann), told_by=teller(), now=at(1))
    offered = event(ann, minute=2, name=guarded)

    (verdict,) = collection_gate(claim(offered)).values()
    assert (verdict.keep, verdict.code) == (False, "consent_refused")
    assert "marketing" in verdict.reason


def test_an_event_without_a_decision_is_kept_and_marked_as_a_gap(ann, guarded):
    (verdict,) = collection_gate(claim(event(ann, name=guarded))).values()

    assert (verdict.keep, verdict.gap) == (True, True)


def test_an_event_is_kept_silently_where_consent_was_granted(ann, guarded):
    ledger.grant(statement=statement(ann), told_by=teller(), now=at(1))

    assert collection_gate(claim(event(ann, minute=2, name=guarded))) == {}


def test_an_event_is_judged_by_the_preference_it_carries(ann, guarded):
    yes = event(ann, minute=1, name=guarded, context=preferring(ads=True))
    no = event(ann, minute=2, name=guarded, context=preferring(ads=False))

    verdicts = collection_gate(claim(no, yes))
    assert list(verdicts) == [no.position]
    assert verdicts[no.position].keep is False


def test_what_was_collected_before_a_withdrawal_stays_collected(ann, guarded):
    ledger.grant(statement=statement(ann), told_by=teller(), now=at(1))
    ledger.withdraw(statement=statement(ann, minute=10), told_by=teller(), now=at(10))
    before, after = event(ann, minute=9, name=guarded), event(ann, minute=10, name=guarded)

    assert list(collection_gate(claim(before, after))) == [after.position]


sightings = st.lists(st.tuples(st.integers(0, 6), st.booleans()), min_size=1, max_size=7)


@settings(max_examples=30, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(history=sightings, withdrawn=st.integers(0, 6), seed=st.randoms(), size=st.integers(1, 3))
def test_where_a_person_stands_does_not_depend_on_arrival(db, publish_once, history, withdrawn, seed, size):
    """Each history in order and at once, then shuffled and in pieces, with a withdrawal by API in between."""
    outcomes = []
    shuffled = history[:]
    seed.shuffle(shuffled)
    for order, step in ((sorted(history, key=lambda each: (each[0], not each[1])), len(history)), (shuffled, size)):
        person = origin_of("user_id", f"u{next(publish_once)}")
        for start in range(0, len(order), step):
            events = [
                event(person, minute=minute, context=preferring(ads=yes), anonymous_id="phone")
                for minute, yes in order[start : start + step]
            ]
            collection_gate(claim(*events))
            store(events)
            if start == 0:
                told = statement(person, minute=withdrawn + 0.5)
                ledger.withdraw(statement=told, told_by=teller(), now=at(30))
        outcomes.append(state(person).granted)
    assert outcomes[0] == outcomes[1]


@pytest.fixture
def publish_once(marketing):
    return iter(range(10**6))


def store(events):
    from cdp.copying import copy_rows

    columns = ("bucket", "kind", "source_id", "origin_id", "event_id", "ts", "received_at", "applied_at", "name",
               "message_id", "properties", "context")  # fmt: skip
    rows = [
        (0, 1, each.source_id, each.origin_id, each.event_id, each.ts, each.ts, each.ts, each.name, each.message_id,
         "{}", json.dumps(each.context))
        for each in events
    ]  # fmt: skip
    with connection.cursor() as cursor:
        cursor.execute("SELECT cdp_ensure_event_month(%s)", [events[0].ts.date()])
        copy_rows(cursor, "events", columns, rows)


# -- on the way out ---------------------------------------------------------------------------------------------------
def read(origin_id, *fields, purpose="marketing", minute=30):
    rows = Card.objects.filter(profile_id=profile_of(origin_id))
    return Read(
        profile_id=profile_of(origin_id),
        purpose=purpose,
        fields=frozenset(fields or ("traits", "segments", "identifiers", "consent")),
        card={row.section: row.body for row in rows},
        now=at(minute),
    )


def test_a_read_for_a_granted_purpose_withholds_nothing(ann, marketing):
    ledger.grant(statement=statement(ann), told_by=teller(), now=at(1))

    assert read_gate(read(ann)) == ()


def test_a_withdrawal_withholds_everything_personal_with_its_reason_and_says_where_consent_stands(ann, marketing):
    ledger.grant(statement=statement(ann), told_by=teller(), now=at(1))
    ledger.withdraw(statement=statement(ann, minute=2), told_by=teller(), now=at(2))

    withheld = read_gate(read(ann))
    assert [each.field for each in withheld] == ["identifiers", "segments", "traits"]
    assert {each.code for each in withheld} == {"consent_refused"}
    assert "withdrawn on 2026-03-01 12:02" in withheld[0].reason


def test_no_record_is_not_a_yes(ann, marketing):
    assert {each.code for each in read_gate(read(ann))} == {"no_record"}


def test_a_read_without_a_purpose_or_for_an_unknown_one_gets_nothing_personal(ann, marketing):
    ledger.grant(statement=statement(ann), told_by=teller(), now=at(1))

    assert {each.code for each in read_gate(read(ann, purpose=""))} == {"purpose_missing"}
    assert {each.code for each in read_gate(read(ann, purpose="resale"))} == {"purpose_not_live"}


def test_a_read_of_consent_alone_is_never_withheld(ann, marketing):
    assert read_gate(read(ann, "consent", purpose="")) == ()


def test_only_what_was_asked_for_is_withheld(ann, marketing):
    assert [each.field for each in read_gate(read(ann, "traits.email", "traits.age"))] == ["traits"]


def test_a_trait_collected_for_another_purpose_needs_that_one_too(ann, marketing, publish):
    publish("insight", title="I", legal_basis="consent")
    TraitDefinition.objects.create(name="score", purpose="insight")
    ledger.grant(statement=statement(ann), told_by=teller(), now=at(1))

    (withheld,) = read_gate(read(ann, "traits.email", "traits.score"))
    assert (withheld.field, withheld.code) == ("traits.score", "no_record")

    ledger.grant(statement=statement(ann, "insight"), told_by=teller(), now=at(2))
    assert read_gate(read(ann, "traits.email", "traits.score")) == ()


def test_a_purpose_on_another_basis_needs_no_record(ann, publish):
    publish("billing", title="B", legal_basis="contract")

    assert read_gate(read(ann, purpose="billing")) == ()


def test_a_grant_ends_when_its_time_is_up(ann, publish):
    publish("marketing", title="M", legal_basis="consent", expires_after="1h")
    ledger.grant(statement=statement(ann), told_by=teller(), now=at(1))

    assert read_gate(read(ann, minute=59.9)) == ()
    assert {each.code for each in read_gate(read(ann, minute=60))} == {"consent_expired"}


def test_only_a_servers_word_counts_where_the_purpose_says_so(ann, publish):
    publish("marketing", title="M", legal_basis="consent", accepted_assurance=["server"])
    ledger.grant(statement=statement(ann), told_by=teller(Assurance.CLIENT), now=at(1))
    assert {each.code for each in read_gate(read(ann))} == {"assurance_too_low"}

    ledger.grant(statement=statement(ann, minute=-1), told_by=teller(), now=at(2))
    assert read_gate(read(ann)) == ()


def test_the_gate_decides_without_a_query(ann, marketing, django_assert_num_queries):
    ledger.grant(statement=statement(ann), told_by=teller(), now=at(1))
    asked = read(ann)
    read_gate(asked)

    with django_assert_num_queries(0):
        read_gate(asked)


# -- time and merges --------------------------------------------------------------------------------------------------
def batch(origin_id, *, minute, causes=("sweep",)):
    return LaneBatch(now=at(minute), people={profile_of(origin_id): Touch(frozenset({"*"}), causes)})


def test_the_end_of_a_grant_is_a_due_time_and_the_card_is_written_when_it_comes(ann, publish):
    publish("marketing", title="M", legal_basis="consent", expires_after="1h")
    ledger.grant(statement=statement(ann), told_by=teller(), now=at(1))

    assert lane_step(batch(ann, minute=59)) == {profile_of(ann): at(60)}
    assert lane_step(batch(ann, minute=60)) == {}
    card = Card.objects.get(profile_id=profile_of(ann), section="consent")
    assert (card.body["marketing"]["state"], card.until) == ("expired", None)
    assert {each.code for each in read_gate(read(ann, minute=61))} == {"consent_expired"}


@pytest.mark.django_db(transaction=True)
def test_a_withdrawal_while_the_lane_writes_the_card_is_on_it(ann, publish, monkeypatch):
    publish("marketing", title="M", legal_basis="consent", expires_after="1h")
    publish("insight", title="I", legal_basis="consent")
    ledger.grant(statement=statement(ann, "marketing", "insight"), told_by=teller(), now=at(1))
    withdrawing = threading.Thread(target=_withdraw, args=(statement(ann, "insight", minute=2),))
    write = projection.card.write_section

    def write_late(section, rows):
        if threading.current_thread() is not withdrawing and not withdrawing.ident:
            withdrawing.start()
            withdrawing.join(1)  # until it is done, or waits for us
        write(section, rows)

    monkeypatch.setattr(projection.card, "write_section", write_late)
    with transaction.atomic():
        lane_step(batch(ann, minute=60))
    withdrawing.join(30)
    assert {each.code for each in read_gate(read(ann, purpose="insight"))} == {"consent_refused"}


def _withdraw(told):
    try:
        ledger.withdraw(statement=told, told_by=teller(), now=at(2))
    finally:
        connection.close()


def test_a_card_that_missed_a_decision_is_mended_by_the_decisions_own_touch(ann, marketing):
    ledger.withdraw(statement=statement(ann), told_by=teller(), now=at(1))
    Card.objects.filter(profile_id=profile_of(ann), section="consent").update(body={})

    lane_step(batch(ann, minute=2, causes=("consent",)))
    assert {each.code for each in read_gate(read(ann))} == {"consent_refused"}


def test_a_merge_computes_the_winner_from_everybodys_entries(marketing, settings):
    settings.MERGE_STEPS = ["consent.gates.merge_step"]
    phone, ann = origin_of("anonymous_id", "phone"), origin_of("user_id", "ann")
    ledger.grant(statement=statement(phone, minute=1), told_by=teller(), now=at(2))
    ledger.withdraw(statement=statement(ann, minute=2), told_by=teller(), now=at(2))
    loser = max(profile_of(phone), profile_of(ann))
    join(("anonymous_id", "phone"), ("user_id", "ann"))

    assert profile_of(phone) == profile_of(ann) != loser
    assert state(ann).operation == "withdraw"
    assert not ConsentState.objects.filter(profile_id=loser).exists()
    assert Card.objects.get(profile_id=profile_of(ann), section="consent").body["marketing"]["state"] == "withdrawn"


def test_a_merge_of_people_without_consent_leaves_no_trace(marketing):
    phone, ann = origin_of("anonymous_id", "phone"), origin_of("user_id", "ann")
    merge_step(Merge(winner_id=profile_of(phone), loser_id=profile_of(ann), now=at(1)))

    assert not SubjectKey.objects.exists()


def test_an_entry_that_crossed_a_merge_reaches_the_winner_by_their_lane(ann, marketing):
    """The entry was written under the loser while the merge committed: only its touch knows."""
    ledger.grant(statement=statement(ann), told_by=teller(), now=at(1))
    winner = profile_of(origin_of("user_id", "bob"))
    Origin.objects.filter(root_id=profile_of(ann)).update(root_id=winner)

    lane_step(LaneBatch(now=at(2), people={winner: Touch(frozenset({"*"}), ("consent",))}))
    assert ConsentState.objects.get(profile_id=winner).granted


def test_a_lane_runs_with_the_step(ann, publish, settings):
    settings.LANE_STEPS = ["consent.gates.lane_step"]
    publish("marketing", title="M", legal_basis="consent", expires_after="1h")
    ledger.grant(statement=statement(ann), told_by=teller(), now=at(1))

    assert lanes.run_once() > 0
    assert Card.objects.get(profile_id=profile_of(ann), section="consent").body["marketing"]["state"] == "expired"


def test_new_terms_have_everybody_looked_at_again_in_one_statement(marketing, django_assert_num_queries):
    people = [origin_of("user_id", f"u{n}") for n in range(5)]
    for each in people:
        ledger.grant(statement=statement(each), told_by=teller(), now=at(1))
    Touched.objects.all().delete()

    with django_assert_num_queries(1):
        projection.touch_purpose(purpose="marketing")
    touched = Touched.objects.values_list("lane", "profile_id", "keys", "cause")
    shown = [profile_of(each) for each in people]
    assert sorted(touched) == sorted((id % 1024, id, ["consent:marketing"], "version") for id in shown)
