"""Funnels over REST and in the admin: kept, changed with a history, reported, and small counts withheld."""

from datetime import timedelta
from typing import Any

import pytest
from django.test import Client
from django.urls import reverse
from django.utils import timezone
from rest_framework.test import APIClient

from cdp.models import User
from segments.models import Funnel
from tests.segments.test_api import client_of, key_for
from tests.segments.world import World

DEFINITION = {"steps": [{"event": "Product Viewed"}, {"event": "Order Completed"}], "within": "1d"}
GERMAN = {"trait": "country", "op": "=", "value": "DE"}


@pytest.fixture
def author(world: World) -> APIClient:
    return client_of(world.author)


def keep(author: APIClient, **changes: Any) -> Any:
    given = {"key": "checkout", "name": "Checkout", "definition": DEFINITION} | changes
    return author.post("/v1/funnels", given, format="json")


def shop(world: World, *, views: int, orders: int, **traits: Any) -> list[int]:
    """People who looked at something yesterday, some of whom then bought."""
    entered = timezone.now() - timedelta(hours=20)
    people = [world.person(**traits) for _ in range(views)]
    for number, person in enumerate(people):
        world.event(person, "Product Viewed", at=entered, category="shoes" if number % 2 else "hats")
        if number < orders:
            world.event(person, "Order Completed", at=entered + timedelta(minutes=5 + number), revenue=1)
    return people


def test_a_funnel_is_kept_changed_and_removed_with_a_history(author: APIClient) -> None:
    made = keep(author)
    assert (made.status_code, made["Location"]) == (201, "/v1/funnels/checkout")
    assert keep(author).json()["code"] == "key_taken"
    changed = {"name": "Buying", "definition": {**DEFINITION, "within": "2d"}}
    assert author.put("/v1/funnels/checkout", changed, format="json").json()["definition"]["within"] == "2d"
    told = author.get("/v1/funnels/checkout/history").json()
    assert [(one["by"], one["change"], one["definition"]["within"]) for one in told] == [
        ("ada", "Changed", "2d"),
        ("ada", "Created", "1d"),
    ]
    assert [one["key"] for one in author.get("/v1/funnels").json()] == ["checkout"]
    assert author.delete("/v1/funnels/checkout").status_code == 204
    assert author.get("/v1/funnels/checkout").status_code == 404
    history: Any = Funnel.history
    assert history.filter(key="checkout").count() == 3


def test_what_cannot_be_read_is_refused_with_its_place(author: APIClient) -> None:
    steps = [{"event": "Product Viewd"}, {"event": "Order Completed"}]
    told = keep(author, definition={"steps": steps, "within": "1d"}).json()
    assert (told["status"], told["errors"][0]["field"]) == (422, "definition.steps[0].event")
    assert 'did you mean "Product Viewed"?' in told["message"]
    assert keep(author, key="No key").json()["errors"][0]["field"] == "key"


def test_a_key_reads_reports_and_changes_nothing(world: World, author: APIClient) -> None:
    keep(author)
    app = key_for(world)
    assert app.get("/v1/funnels/checkout").status_code == 200
    assert app.delete("/v1/funnels/checkout").json()["code"] == "person_required"
    assert client_of(world.approver).delete("/v1/funnels/checkout").json()["code"] == "role_missing"


def test_the_report_counts_steps_losses_rates_and_times(world: World, author: APIClient) -> None:
    shop(world, views=50, orders=25)
    keep(author)
    told = author.get("/v1/funnels/checkout/report").json()
    viewed, ordered = told["total"]["steps"]
    assert (viewed["people"], viewed["lost"], viewed["of_first"]) == (50, None, 1)
    assert (ordered["people"], ordered["lost"], ordered["of_previous"]) == (25, 25, 0.5)
    assert (ordered["median_seconds"], told["total"]["rate"], told["smallest"]) == (17 * 60, 0.5, 20)


def test_groups_that_are_too_small_are_withheld_and_so_is_what_would_tell_them(
    world: World, author: APIClient, settings: Any
) -> None:
    shop(world, views=60, orders=40, country="DE")
    shop(world, views=30, orders=5, country="FR")
    world.publish("germans", GERMAN)
    world.backfill()
    keep(author)
    address = "/v1/funnels/checkout/report?split=segment:germans"
    told = {group["label"]: group for group in author.get(address).json()["groups"]}
    assert (told["in"]["entered"], told["out"]["entered"]) == (60, 30)
    assert (told["in"]["converted"], told["out"]["converted"]) == (None, None)
    assert told["out"]["median_seconds"] is None
    settings.CDP_SMALLEST_COUNT = 0
    told = {group["label"]: group for group in author.get(address).json()["groups"]}
    assert (told["in"]["converted"], told["out"]["converted"]) == (40, 5)
    now_only = author.get("/v1/funnels/checkout/report?split=segment_at_entry:germans").json()["groups"]
    assert {group["label"] for group in now_only} == {"out"}, "nobody was in when they entered"
    by_category = author.get("/v1/funnels/checkout/report?split=property:category").json()["groups"]
    assert {group["label"]: group["entered"] for group in by_category} == {"shoes": 45, "hats": 45}


@pytest.mark.parametrize(
    ("query", "status", "field"),
    [
        ("from=yesterday", 400, "from"),
        ("to=2999-01-01T00:00:00Z", 422, "to"),
        ("from=2026-01-02T00:00:00Z&to=2026-01-01T00:00:00Z", 422, "from"),
        ("from=2001-01-02T00:00:00Z&to=2026-01-01T00:00:00Z", 422, "from"),
        ("to=0001-01-02T00:00:00Z", 422, "to"),
        ("split=colour", 422, "split"),
        ("split=property:colour", 422, "split"),
        ("split=segment:nobody", 422, "split"),
    ],
)
def test_a_question_that_makes_no_sense_is_refused_with_its_field(
    author: APIClient, query: str, status: int, field: str
) -> None:
    keep(author)
    told = author.get(f"/v1/funnels/checkout/report?{query}").json()
    assert (told["status"], told["errors"][0]["field"]) == (status, field)


def test_the_page_shows_the_chart_the_table_and_who_changed_it(world: World) -> None:
    User.objects.filter(pk=world.author.pk).update(is_staff=True)
    browser = Client()
    browser.force_login(world.author, backend="django.contrib.auth.backends.ModelBackend")
    shop(world, views=50, orders=25)
    given = {"key": "checkout", "name": "Checkout", "definition": '{"steps": [], "within": "1d"}'}
    page = browser.post(reverse("admin:segments_funnel_add"), given).content.decode()
    assert "A funnel has a list of 2 to 10 steps." in page
    given["definition"] = str(DEFINITION).replace("'", '"')
    page = browser.post(reverse("admin:segments_funnel_add"), given, follow=True).content.decode()
    assert page.count("cdp-funnel-bar") == 2 and "50.0 %" in page and "17.0 min" in page
    funnel = Funnel.objects.get()
    split = browser.get(reverse("admin:segments_funnel_change", args=[funnel.pk]) + "?split=property:category")
    assert "hats" in split.content.decode()
    edit = reverse("admin:segments_funnel_edit", args=[funnel.pk])
    assert browser.post(edit, {**given, "name": "Buying"}, follow=True).status_code == 200
    assert Funnel.objects.get().name == "Buying"
    assert browser.get(reverse("admin:segments_funnel_history", args=[funnel.pk])).status_code == 200
    assert "Buying" in browser.get(reverse("admin:segments_funnel_changelist")).content.decode()
    browser.post(reverse("admin:segments_funnel_remove", args=[funnel.pk]))
    assert not Funnel.objects.exists()
