"""What the builder's page asks: for authors alone, with the record of whom it was shown and problems where they are."""

import json
from datetime import timedelta
from typing import Any

import pytest
from django.test import Client
from django.urls import reverse

from cdp.models import AccessRecord, User
from profiles.models import PropertyDefinition, TraitDefinition
from segments.builder import eligibility, suggestions
from segments.builder.eligibility import Grade
from segments.catalogue import load_catalogue
from segments.rules.parser import parse
from tests.segments.world import START, World

GERMAN = {"trait": "country", "op": "=", "value": "DE"}
BUYERS = {"event": "Order Completed", "measure": "count", "op": ">=", "value": 1, "within": "30d"}


@pytest.fixture
def author(world: World) -> Client:
    return signed_in(world.author)


def signed_in(user: User) -> Client:
    User.objects.filter(pk=user.pk).update(is_staff=True)
    client = Client(enforce_csrf_checks=False)
    client.force_login(User.objects.get(pk=user.pk), backend="django.contrib.auth.backends.ModelBackend")
    return client


def ask(client: Client, page: str, world: World, **body: Any) -> Any:
    address = reverse(f"admin:segments_builder_{page}", args=[world.segment("germans").pk])
    return client.post(address, json.dumps(body), content_type="application/json")


def values(client: Client, **query: str) -> Any:
    return client.get(reverse("admin:segments_builder_values"), query)


# -- reading ---------------------------------------------------------------------------------------------------------
def test_a_content_is_told_as_a_sentence(world: World, author: Client) -> None:
    told = ask(author, "reading", world, content={"rule": {"all": [GERMAN, BUYERS]}}).json()
    assert told["problems"] == []
    assert "country is “DE”" in told["sentence"]


def test_problems_come_with_the_path_of_the_part_they_are_about(world: World, author: Client) -> None:
    broken = {"all": [GERMAN, {"any": [{"trait": "contry", "op": "=", "value": 1}, {"event": "Order Completed"}]}]}
    told = ask(author, "reading", world, content={"rule": broken, "acknowledged": []}).json()
    paths = {problem["path"] for problem in told["problems"]}
    assert "$.all[1].any[0].trait" in paths
    assert any(path.startswith("$.all[1].any[1]") for path in paths)
    assert told["sentence"] is None


def test_a_problem_beside_the_rule_keeps_the_name_of_its_field(world: World, author: Client) -> None:
    (problem,) = ask(author, "reading", world, content={"rule": GERMAN, "acknowledged": 5}).json()["problems"]
    assert problem["path"] == "acknowledged"
    (problem,) = ask(author, "reading", world, content={"rule": {}}).json()["problems"]
    assert problem["path"] == "$"


def test_what_must_be_acknowledged_is_told_before_anybody_submits(world: World, author: Client) -> None:
    told = ask(author, "reading", world, content={"rule": {"trait": "country", "op": "missing"}}).json()
    assert [warning["code"] for warning in told["warnings"]] == ["true_without_data"]


# -- counting ----------------------------------------------------------------------------------------------------------
def test_a_rule_is_counted_with_its_difference_to_what_is_live(world: World, author: Client) -> None:
    german, french = world.person(country="DE", firstName="Rosa"), world.person(country="FR")
    world.person(country="IT")
    world.publish("germans", GERMAN)
    world.backfill()
    seen = ask(author, "preview", world, rule={"trait": "country", "op": "in", "value": ["FR"]}).json()
    figures = {name: seen[name]["value"] for name in ("size", "entering", "leaving", "unchanged")}
    assert figures == {"size": 1, "entering": 1, "leaving": 1, "unchanged": 0}
    assert (seen["people"], seen["members"], seen["live_version"], seen["is_exact"]) == (3, 1, 1, True)
    (shown,) = seen["sample"]
    assert shown["address"].endswith(f"/{french}/change/")
    assert german != french


def test_an_exact_count_says_the_same_as_evidence_would(world: World, author: Client) -> None:
    for country in ("DE", "DE", "FR"):
        world.person(country=country)
    seen = ask(author, "preview", world, rule=GERMAN, exact=True).json()
    assert (seen["size"], seen["is_exact"]) == ({"value": 2, "low": 2, "high": 2}, True)


def test_whoever_is_shown_as_an_example_is_on_record(world: World, author: Client) -> None:
    german = world.person(country="DE", firstName="Rosa")
    world.person(country="FR")
    seen = ask(author, "preview", world, rule=GERMAN).json()
    assert seen["sample"][0]["name"] == "Rosa"
    (record,) = AccessRecord.objects.filter(action="segment.preview")
    assert (record.profile_id, record.actor_id) == (german, str(world.author.pk))
    assert "name" in record.fields


def test_a_count_that_shows_nobody_is_on_record_too(world: World, author: Client) -> None:
    world.person(country="FR")
    ask(author, "preview", world, rule=GERMAN)
    (record,) = AccessRecord.objects.filter(action="segment.preview")
    assert record.profile_id is None


def test_a_rule_that_is_none_is_refused_as_a_problem_that_names_the_part(world: World, author: Client) -> None:
    for page in ("preview", "costs"):
        refused = ask(author, page, world, rule={"all": [{"trait": "country"}]})
        assert refused.status_code == 422
        assert refused["Content-Type"] == "application/problem+json"
        assert refused.json()["errors"][0]["field"].startswith("rule.all[0]")


# -- who may ---------------------------------------------------------------------------------------------------
@pytest.mark.parametrize("page", ["reading", "preview", "costs"])
def test_only_authors_may_ask(world: World, page: str) -> None:
    body = {"content": {"rule": GERMAN}, "rule": GERMAN}
    assert (
        ask(Client(), page, world, **body).status_code == 401 or ask(Client(), page, world, **body).status_code == 403
    )
    refused = ask(signed_in(world.approver), page, world, **body)
    assert (refused.status_code, refused.json()["code"]) == (403, "role_missing")
    assert not AccessRecord.objects.filter(action="segment.preview").exists()


def test_another_site_cannot_ask_with_an_authors_session(world: World) -> None:
    User.objects.filter(pk=world.author.pk).update(is_staff=True)
    client = Client(enforce_csrf_checks=True)
    client.force_login(User.objects.get(pk=world.author.pk), backend="django.contrib.auth.backends.ModelBackend")
    assert ask(client, "preview", world, rule=GERMAN).status_code == 403


@pytest.mark.parametrize("body", [b"[]", b"{}", b'{"rule": 5', b"null"])
def test_a_question_that_is_none_is_a_problem(world: World, author: Client, body: bytes) -> None:
    address = reverse("admin:segments_builder_preview", args=[world.segment("germans").pk])
    refused = author.post(address, body, content_type="application/json")
    assert refused.status_code == 400
    assert refused["Content-Type"] == "application/problem+json"


# -- values ----------------------------------------------------------------------------------------------------
@pytest.fixture
def countries(world: World, settings: Any) -> World:
    settings.CDP_SMALLEST_COUNT = 3
    for country, people in (("DE", 5), ("Denmark", 3), ("FR", 2)):
        for _ in range(people):
            world.person(country=country)
    world.person(country=7)
    return world


def test_the_commonest_values_of_a_trait_are_suggested_with_their_share(countries: World, author: Client) -> None:
    told = values(author, trait="country").json()
    assert [(one["value"], one["share"]) for one in told["values"]] == [("DE", 0.5), ("Denmark", 0.3)]


def test_a_value_of_too_few_is_not_suggested(countries: World, author: Client) -> None:
    assert "FR" not in [one["value"] for one in values(author, trait="country").json()["values"]]


def test_what_has_been_typed_narrows_the_suggestions(countries: World, author: Client) -> None:
    assert [one["value"] for one in values(author, trait="country", q="mark").json()["values"]] == ["Denmark"]
    assert values(author, trait="country", q="%").json()["values"] == []


@pytest.mark.parametrize("personal_class", ["personal", "sensitive"])
def test_personal_and_sensitive_values_are_not_suggested(countries: World, author: Client, personal_class: str) -> None:
    TraitDefinition.objects.filter(name="country").update(personal_class=personal_class)
    told = values(author, trait="country").json()
    assert told["values"] == []
    assert personal_class in told["withheld"]


@pytest.mark.parametrize("name", ["email", "firstName", "user_id", "phone"])
def test_what_tells_who_somebody_is_is_not_suggested(world: World, settings: Any, name: str) -> None:
    settings.CDP_SMALLEST_COUNT = 1
    TraitDefinition.objects.get_or_create(name=name)
    world.person(**{name: "rosa"})
    assert suggestions.of_trait(name=name, begun="").values == ()


def test_the_last_known_circumstances_are_suggested_like_traits(world: World, settings: Any) -> None:
    settings.CDP_SMALLEST_COUNT = 2
    for _ in range(2):
        world.person(last_browser="Firefox")
    assert [one.value for one in suggestions.of_trait(name="last_browser", begun="").values] == ["Firefox"]


def test_values_of_a_property_are_counted_by_people_and_not_by_events(countries: World, author: Client) -> None:
    keen, *others = (countries.person() for _ in range(4))
    for _ in range(9):
        countries.event(keen, "Product Viewed", at=START, category="hats")
    for person in others:
        countries.event(person, "Product Viewed", at=START, category="shoes")
    told = values(author, event="Product Viewed", property="category").json()
    assert [one["value"] for one in told["values"]] == ["shoes"]
    PropertyDefinition.objects.filter(name="category").update(personal_class="sensitive")
    assert values(author, event="Product Viewed", property="category").json()["values"] == []


def test_a_question_for_values_of_nothing_is_a_problem(world: World, author: Client) -> None:
    for query in ({}, {"event": "Product Viewed"}, {"trait": "a\x00b"}):
        assert values(author, **query).status_code == 400
    assert values(author, trait="nobody's").json()["values"] == []
    assert values(signed_in(world.approver), trait="country").status_code == 403


# -- costs -----------------------------------------------------------------------------------------------------
def test_each_part_is_told_with_its_cost_its_rechecks_and_what_it_reads(world: World, author: Client) -> None:
    for _ in range(4):
        buyer = world.person(country="DE")
        world.event(buyer, "Order Completed", at=START, revenue=10)
    summed = {**BUYERS, "measure": "sum", "of": "revenue", "value": 5}
    told = ask(author, "costs", world, rule={"all": [GERMAN, {"not": summed}]}).json()
    trait, order = told["leaves"]
    assert (trait["path"], order["path"]) == ("$.all[0]", "$.all[1].not")
    assert trait["reads"] == ["the trait “country”"]
    assert order["reads"] == ["“Order Completed” of the last 30 days, with revenue"]
    assert "never by time alone" in trait["rechecks"]
    assert "“Order Completed”" in order["rechecks"]
    assert all(leaf["milliseconds"] >= 0 and leaf["grade"] in set(Grade) for leaf in told["leaves"])
    assert told["people"] == 4


def test_who_is_due_within_a_day_is_counted(world: World) -> None:
    soon, later = (world.person(country="DE") for _ in range(2))
    world.event(soon, "Order Completed", at=START - timedelta(days=29, hours=12))
    world.event(later, "Order Completed", at=START - timedelta(days=2))
    found = eligibility.report(rule=parse(BUYERS), catalogue=load_catalogue(), now=START)
    assert [leaf.soon for leaf in found.leaves] == [500.0]
    assert "500 of 1,000 people within a day" in found.leaves[0].rechecks


def test_a_part_for_which_no_time_is_left_is_told_as_not_measured(world: World) -> None:
    world.person(country="DE")
    found = eligibility.report(rule=parse({"all": [GERMAN, BUYERS]}), catalogue=load_catalogue(), now=START, seconds=0)
    assert {leaf.grade for leaf in found.leaves} == {Grade.UNMEASURED}
    assert "heavy" in found.summary


def test_a_workspace_without_people_says_that_nothing_could_be_measured(world: World) -> None:
    found = eligibility.report(rule=parse(GERMAN), catalogue=load_catalogue(), now=START)
    assert found.people == 0
    assert "Nobody" in found.summary


# -- the page --------------------------------------------------------------------------------------------------
def test_the_draft_page_holds_the_text_the_language_and_the_addresses(world: World, author: Client) -> None:
    segment = world.segment("germans")
    page = author.get(reverse("admin:segments_segment_draft", args=[segment.pk])).content.decode()
    assert 'name="content"' in page
    assert "segments/builder/builder.js" in page
    start = page.index('<script id="rule-language" type="application/json">') + 51
    told = json.loads(page[start : page.index("</script>", start)])
    assert {"name": "country", "type": "text"} in told["names"]["traits"]
    assert told["language"]["operators"]["="]["takes"] == "one"
    assert reverse("admin:segments_builder_preview", args=[segment.pk]) in page


def test_the_builder_stays_out_of_the_openapi_document(world: World) -> None:
    paths = Client().get("/openapi.json").json()["paths"]
    assert not [path for path in paths if "builder" in path]
