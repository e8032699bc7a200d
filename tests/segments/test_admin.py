"""The admin's pages of segments: each opens, and says what it has to say."""

import json

import pytest
from django.test import Client
from django.urls import reverse

from cdp.models import AccessRecord, User
from segments.models import Membership, Segment
from tests.segments.world import World

GERMAN = {"trait": "country", "op": "=", "value": "DE"}


def _signed_in(user: User) -> Client:
    client = Client()
    client.force_login(user, backend="django.contrib.auth.backends.ModelBackend")
    return client


@pytest.fixture
def author(world: World) -> Client:
    User.objects.filter(pk=world.author.pk).update(is_staff=True)
    return _signed_in(User.objects.get(pk=world.author.pk))


def test_the_list_shows_state_and_size_without_a_query_per_row(
    world: World, author: Client, django_assert_max_num_queries: object
) -> None:
    for number in range(6):
        world.publish(f"germans-{number}", GERMAN)
    world.person(country="DE")
    world.backfill()
    with django_assert_max_num_queries(25):
        page = author.get(reverse("admin:segments_segment_changelist")).content.decode()
    assert page.count("germans-") >= 6
    assert "ready" in page


def test_a_draft_says_what_it_would_do_in_words_and_numbers(world: World, author: Client) -> None:
    world.person(country="DE")
    world.publish("germans", GERMAN)
    world.backfill()
    segment = Segment.objects.get()
    author.post(
        reverse("admin:segments_segment_draft", args=[segment.pk]), {"content": json.dumps({"rule": {"not": GERMAN}})}
    )
    page = author.get(reverse("admin:segments_segment_version", args=[segment.pk, 2])).content.decode()
    assert "would leave" in page
    assert "country" in page
    first = author.get(reverse("admin:segments_segment_version", args=[segment.pk, 1])).content.decode()
    assert "would enter" in first, "the frozen evidence of the approved version"


def test_the_memberships_open(world: World, author: Client) -> None:
    world.person(country="DE")
    world.publish("germans", GERMAN)
    world.backfill()
    page = author.get(reverse("admin:segments_membership_changelist"))
    assert page.status_code == 200
    assert "p_" in page.content.decode()


def test_the_memberships_leave_a_record_and_have_no_page_of_frozen_evidence(world: World, author: Client) -> None:
    anna = world.person(country="DE")
    world.publish("germans", GERMAN)
    world.backfill()
    author.get(reverse("admin:segments_membership_changelist"))
    (record,) = AccessRecord.objects.filter(action="segment.members")
    assert (record.profile_id, record.actor_id) == (anna, str(world.author.pk))
    page = author.get(reverse("admin:segments_membership_change", args=[Membership.objects.get().pk]))
    assert page.status_code == 404
