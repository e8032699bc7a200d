"""The identity rule: what is an identifier, how many somebody may have, and what a change of it would do and does."""

from collections.abc import Callable, Sequence
from typing import Any

import pytest
from django.contrib.auth.models import Group
from django.utils import timezone

from cdp.governance import lifecycle
from cdp.models import Job, User
from profiles.identity import naming, resolve, rollout, rules
from profiles.identity.canonical import canonical
from profiles.identity.governing import IDENTITY_RULE
from profiles.identity.rule import DEFAULT, RuleInvalid, as_content, read
from profiles.ingest.gates import Arrival, Findings
from profiles.models import IdentityRule, RefusedIdentifier, RejectedEvent
from tests.profiles.stream import NOON, alias, apply, identify, one, people, person, rows, track, work

database = pytest.mark.django_db(transaction=True)


@pytest.fixture
def _profiles_alone(settings) -> None:
    settings.INGEST_GATES = settings.LANE_STEPS = settings.MERGE_STEPS = settings.READ_GATES = []
    resolve.forget()
    rules.forget()
    yield
    rules.forget()


def content(**changes: Any) -> dict[str, Any]:
    """The default rule's content with single types changed by name; None takes a type out."""
    told = as_content(DEFAULT)
    types = {kind["name"]: kind for kind in told["types"]}
    for name in ("blocked", "country"):
        if name in changes:
            told[name] = changes.pop(name)
    for name, change in changes.items():
        types[name] = {"name": name, **types.get(name, {}), **change}
    told["types"] = sorted(types.values(), key=lambda kind: kind["name"] == "anonymous_id")
    return told


@pytest.fixture
def publish(_profiles_alone) -> Callable[[dict[str, Any]], Any]:
    author, approver = (User.objects.create_user(name) for name in ("ada", "grace"))
    author.groups.set(Group.objects.filter(name="author"))
    approver.groups.set(Group.objects.filter(name="approver"))

    def publish(wanted: dict[str, Any], *, batch: int = 3) -> Any:
        head = IdentityRule.objects.first() or lifecycle.create(
            governed=IDENTITY_RULE, key="identity", name="Who is who", by=author, now=NOON
        )
        version = lifecycle.draft(head=head, content=wanted, by=author, now=NOON)
        lifecycle.submit(version=version, by=author, now=NOON)
        lifecycle.approve(version=version, comment="Looked at.", by=approver, now=NOON)
        while rollout.run_next(now=timezone.now(), batch=batch):
            pass
        work()
        return version

    return publish


# -- reading ----------------------------------------------------------------------------------------------------------
def test_the_default_rule_reads_as_what_it_says() -> None:
    assert read(as_content(DEFAULT)) == DEFAULT
    assert DEFAULT.names == ("user_id", "email", "phone", "anonymous_id")


@pytest.mark.parametrize(
    ("changes", "field"),
    [
        ({"email": {"limit": 0}}, "types.1.limit"),
        ({"email": {"within": "1d"}}, "types.1.within"),
        ({"email": {"limit": 2, "within": "soon"}}, "types.1.within"),
        ({"email": {"unique": True, "limit": 2}}, "types.1.limit"),
        ({"email": {"colour": 1}}, "types.1.colour"),
        ({"user_id": {"traits": ["id"]}}, "types.0.traits"),
        ({"id": {}}, "types.3.name"),
        ({"crm": {"traits": ["email"]}}, "types"),
        ({"country": "Atlantis"}, "country"),
        ({"blocked": {"patterns": [{"type": "email", "pattern": "("}]}}, "blocked.patterns.0.pattern"),
        ({"blocked": {"patterns": [{"type": "email", "pattern": "x*"}]}}, "blocked.patterns.0.pattern"),
        ({"blocked": {"patterns": [{"type": "crm", "pattern": "x"}]}}, "blocked.patterns.0.type"),
    ],
)
def test_a_content_that_means_nothing_is_refused_with_its_field(changes: dict[str, Any], field: str) -> None:
    with pytest.raises(RuleInvalid) as refused:
        read(content(**changes))
    assert refused.value.field == field


@pytest.mark.parametrize(
    ("given", "country", "expected"),
    [
        ("+49 30 901820", "", "+4930901820"),
        ("+49 (0)30 901820", "", "+4930901820"),
        ("030 901820", "", None),
        ("030 901820", "DE", "+4930901820"),
        ("+1 212 555 0100 ext 7", "", None),
        ("1-800-FLOWERS", "US", None),
        ("12", "DE", None),
    ],
)
def test_a_telephone_number_is_one_only_where_its_country_is_known(given, country, expected) -> None:
    assert canonical("phone", given, country=country) == expected


class Event:
    def __init__(self, user=None, device=None, traits=None, external=None) -> None:
        self.user_id, self.anonymous_id, self.traits = user, device, traits or {}
        self.context = {"externalIds": external} if external is not None else {}


@pytest.mark.parametrize(
    ("event", "expected", "blocked"),
    [
        (Event("u", "a"), [("user_id", "u"), ("anonymous_id", "a")], []),
        (Event("NULL ", "a"), [("anonymous_id", "a")], [("user_id", "NULL ")]),
        (Event("00000000-0000-0000-0000-000000000000", "0"), [], ["user_id", "anonymous_id"]),
        (Event("u", None, {"email": "NoReply@shop.example"}), [("user_id", "u")], [("email", "noreply@shop.example")]),
        (Event("null", None, {"email": "a@b.c"}), [("email", "a@b.c")], ["user_id"]),
        (
            Event("u", None, {"phone": "+49 30 901820", "loyalty": 4711}),
            [("user_id", "u"), ("phone", "+4930901820"), ("crm", "4711")],
            [],
        ),
        (
            Event("u", None, None, [
                {"id": "7", "type": "crm", "collection": "users", "encoding": "none"},
                {"id": "8", "type": "salesforce"}, {"id": "9", "type": "crm", "collection": "accounts"},
                {"id": "x", "type": "user_id"}, {"type": "crm"}, "crm", {"id": True, "type": "crm"},
            ]),
            [("user_id", "u"), ("crm", "7"), ("crm", "8")],
            [],
        ),
    ],
)  # fmt: skip
def test_the_names_of_an_event(event: Event, expected: list, blocked: list) -> None:
    rule = read(content(crm={"traits": ["loyalty"], "external": ["salesforce"]}))
    found, nobodys = naming.names(event, rule)
    assert list(found) == expected
    assert [name if isinstance(blocked[at], tuple) else name[0] for at, name in enumerate(nobodys)] == blocked


# -- what comes in ----------------------------------------------------------------------------------------------------
@database
def test_a_blocked_value_joins_nobody_and_is_counted(_profiles_alone) -> None:
    apply(
        track(userId="null", anonymousId="a1"),
        track(userId="null", anonymousId="a1"),
        track(userId="null", anonymousId="a2"),
    )
    assert people() == {frozenset({("anonymous_id", "a1")}), frozenset({("anonymous_id", "a2")})}
    counted = RefusedIdentifier.objects.order_by("count").values_list("type", "value", "count")
    assert list(counted) == [("user_id", "null", 1), ("user_id", "null", 2)]


@database
def test_an_event_with_nothing_but_blocked_ids_is_refused_with_its_payload(_profiles_alone) -> None:
    apply(track(userId="undefined", message_id="m"))
    refused = RejectedEvent.objects.get()
    assert (refused.code, refused.field, refused.message_id) == ("blocked_id", "userId", "m")
    assert b"undefined" in bytes(refused.payload)
    assert people() == set()


@database
def test_phones_and_ids_of_the_senders_own_join_what_they_are_stated_for(publish) -> None:
    publish(content(crm={"traits": ["crm"]}))
    apply(
        identify(userId="u1", traits={"phone": "+49 30 901820"}), identify(userId="u2", traits={"phone": "+4930901820"})
    )
    apply(identify(anonymousId="a3", traits={"crm": "c1"}), identify(userId="u2", traits={"crm": "c1"}))
    assert person("user_id", "u1") == person("user_id", "u2") == person("crm", "c1") == person("anonymous_id", "a3")
    assert {reason for (reason,) in rows("SELECT reason FROM sighting")} == {"stated", "seen_together"}


@database
def test_a_unique_type_never_lets_two_people_become_one(publish) -> None:
    publish(content(user_id={"unique": True}))
    apply(
        identify(userId="u1", traits={"email": "e@example.com"}),
        identify(userId="u2", traits={"email": "e@example.com"}, minutes=1),
    )
    apply(alias(userId="u1", previousId="u2", minutes=2))
    assert person("user_id", "u1") == person("email", "e@example.com") != person("user_id", "u2")
    assert set(rows("SELECT reason, kind, most FROM refused_join")) == {("unique", "user_id", 1)}


@database
def test_a_limit_lets_the_earliest_in_and_says_whom_it_kept_out(publish) -> None:
    publish(content(anonymous_id={"limit": 2}))
    apply(*[track(userId="u", anonymousId=f"a{n}", minutes=n) for n in (5, 3, 4)])
    assert person("anonymous_id", "a5") != person("user_id", "u") == person("anonymous_id", "a3")
    apply(track(userId="u", anonymousId="a1", minutes=1))
    assert {n for n in range(1, 6) if n != 2 and person("anonymous_id", f"a{n}") == person("user_id", "u")} == {1, 3}
    assert sorted(rows("SELECT reason, kind, most FROM refused_join")) == [("limit", "anonymous_id", 2)] * 2


@database
def test_a_limit_within_a_period_counts_what_came_within_it(publish) -> None:
    publish(content(anonymous_id={"limit": 1, "within": "1h"}))
    apply(*[track(userId="u", anonymousId=f"a{n}", minutes=n) for n in (0, 30, 61)])
    mine = {n for n in (0, 30, 61) if person("anonymous_id", f"a{n}") == person("user_id", "u")}
    assert mine == {0, 61}


# -- a change of the rule ---------------------------------------------------------------------------------------------
@database
def test_the_preview_says_what_going_live_then_does(publish) -> None:
    for n in (1, 2):
        apply(identify(userId=f"u{n}", traits={"loyaltyNumber": "L1"}), track(userId=f"u{n}", anonymousId=f"a{n}"))
        apply(track(userId=f"u{n}", anonymousId=f"b{n}", minutes=9))
    apply(track(userId="guest-1", anonymousId="a9"))
    version = publish(
        content(
            loyalty={"traits": ["loyaltyNumber"]},
            anonymous_id={"limit": 3},
            blocked={"values": ["guest-1"], "patterns": []},
        )
    )
    told = version.evidence
    assert told["joined"]["people"] == 2 and told["joined"]["into"] == 1
    assert told["found"] == {"loyalty": 1} and told["blocked"] == {"user_id": 1}
    assert told["barred"] == [{"joins": 1, "reason": "limit", "type": "anonymous_id"}]
    assert told["split"]["people"] == 2
    assert all(spelled.startswith("p_") for sample in told["joined"]["samples"] for spelled in sample)

    assert person("user_id", "u1") == person("user_id", "u2") == person("loyalty", "L1")
    assert person("user_id", "guest-1") != person("anonymous_id", "a9")
    assert one("SELECT count(*) FROM refused_join WHERE reason = 'limit'") == 1
    assert Job.objects.get(kind="identity_rule").state == "done"
    assert rows("SELECT reason, identifier_type FROM merge") == [("stated", "loyalty")]
    told = rows("SELECT decided_by FROM link WHERE reason = 'rule'")
    assert set(told) == {(f"identity rule {version.pk}",)}


@database
def test_a_stricter_rule_parts_people_and_an_old_id_is_told_about_again(publish) -> None:
    apply(track(userId="u1"))
    apply(track(userId="u2"))
    first, second = person("user_id", "u1"), person("user_id", "u2")
    apply(alias(userId="u1", previousId="u2"))
    assert person("user_id", "u2") == first
    publish(content(user_id={"unique": True}))
    assert (person("user_id", "u1"), person("user_id", "u2")) == (first, second)
    publish(content())
    assert person("user_id", "u1") == person("user_id", "u2") == first
    assert rows("SELECT * FROM refused_join") == []


@database
def test_a_retired_rule_leaves_the_default(publish) -> None:
    publish(content(user_id={"unique": True}))
    apply(track(userId="u1"), track(userId="u2"), alias(userId="u1", previousId="u2"))
    assert person("user_id", "u1") != person("user_id", "u2")
    approver = User.objects.get(username="grace")
    lifecycle.retire(head=IdentityRule.objects.get(), comment="Too strict.", by=approver, now=NOON)
    while rollout.run_next(now=timezone.now()):
        pass
    assert rules.live_rule() == DEFAULT
    assert person("user_id", "u1") == person("user_id", "u2")


meanwhile: list[Callable[[], object]] = []


def be_overtaken(arrivals: Sequence[Arrival]) -> Findings:
    while meanwhile:
        meanwhile.pop()()
    return Findings()


@database
def test_events_that_were_read_by_an_older_rule_are_read_again(publish, settings) -> None:
    settings.INGEST_SCREENS = [f"{__name__}.be_overtaken"]
    meanwhile.append(lambda: publish(content(blocked={"values": ["kiosk"]})))
    apply(track(userId="kiosk", anonymousId="a1"))
    assert meanwhile == []
    assert one("SELECT count(*) FROM events JOIN identifier USING (origin_id) WHERE value = 'kiosk'") == 0
    assert rows("SELECT value FROM identifier") == [("a1",)], "nor is it known: no rollout would ever mark it"
    assert one("SELECT count(*) FROM events") == 1
