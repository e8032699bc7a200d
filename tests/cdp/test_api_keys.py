from datetime import timedelta

import pytest
from django.db import IntegrityError, transaction

from cdp import api_keys, tokens
from cdp.api_keys import KeyRefused
from cdp.models import ApiKey, KeyKind, Scope
from tests.cdp.conftest import NOW

pytestmark = pytest.mark.django_db


def issued(name="shop", *, kind=KeyKind.SECRET, scopes=(Scope.PROFILES_READ,), **more):
    return api_keys.issue(kind=kind, name=name, scopes=set(scopes), by=None, now=NOW, **more)


def test_a_key_opens_with_its_token_and_tells_what_it_may_do():
    key, token = issued(purpose="marketing", fields=("country",))

    facts = api_keys.authenticate(token, now=NOW)

    assert (facts.id, facts.kind, facts.name) == (key.pk, "sk", "shop")
    assert (facts.scopes, facts.purpose, facts.fields) == (frozenset({Scope.PROFILES_READ}), "marketing", ("country",))
    assert facts.may(Scope.PROFILES_READ) and not facts.may(Scope.INGEST_WRITE)


def test_the_secret_is_not_in_the_database():
    key, token = issued()
    parsed = tokens.parse(token)

    stored = bytes(ApiKey.objects.get(pk=key.pk).secret_hash)
    assert parsed.secret.encode() not in stored
    assert len(stored) == 32


def test_a_token_of_another_secret_opens_nothing():
    key, _ = issued()
    forged = str(tokens.Token("sk", key.pk, tokens.new_secret()))

    assert api_keys.authenticate(forged, now=NOW) is None


def test_a_secret_key_does_not_open_as_a_public_one():
    key, token = issued()
    parsed = tokens.parse(token)

    assert api_keys.authenticate(str(tokens.Token("pk", key.pk, parsed.secret)), now=NOW) is None


def test_a_mistyped_token_is_refused_without_a_query(django_assert_num_queries):
    _, token = issued()
    swapped = token[:20] + token[21] + token[20] + token[22:]

    with django_assert_num_queries(0):
        for wrong in (swapped if swapped != token else token[:-1], token[:-1], token + "x", "", "cdp_", "é" * 70):
            assert api_keys.authenticate(wrong, now=NOW) is None


def test_a_key_that_was_just_seen_costs_no_query(django_assert_num_queries):
    _, token = issued()
    api_keys.authenticate(token, now=NOW)

    with django_assert_num_queries(0):
        assert api_keys.authenticate(token, now=NOW + timedelta(milliseconds=900))


def test_a_revoked_key_is_refused_at_once_here_and_within_a_second_elsewhere():
    key, token = issued()
    api_keys.authenticate(token, now=NOW)
    remembered = dict(api_keys._believed)
    api_keys.revoke(key=key, by=None, now=NOW)
    assert api_keys.authenticate(token, now=NOW) is None

    api_keys._believed.update(remembered)  # another process has not heard of it
    assert api_keys.authenticate(token, now=NOW + timedelta(seconds=1)) is None


def test_an_expired_key_is_refused_also_when_it_was_just_seen():
    _, token = issued(expires_at=NOW + timedelta(milliseconds=500))

    assert api_keys.authenticate(token, now=NOW)
    assert api_keys.authenticate(token, now=NOW + timedelta(milliseconds=500)) is None


def test_a_name_holds_two_live_keys_for_rotation_and_no_third():
    first, first_token = issued()
    second, second_token = api_keys.rotate(key=first, by=None, now=NOW)

    assert api_keys.authenticate(first_token, now=NOW) and api_keys.authenticate(second_token, now=NOW)
    with pytest.raises(KeyRefused):
        api_keys.rotate(key=second, by=None, now=NOW)

    api_keys.revoke(key=first, by=None, now=NOW)
    api_keys.rotate(key=second, by=None, now=NOW)


def test_an_expired_key_holds_no_place():
    issued(expires_at=NOW + timedelta(days=1))
    issued()

    api_keys.issue(kind=KeyKind.SECRET, name="shop", scopes={Scope.PROFILES_READ}, by=None, now=NOW + timedelta(days=2))


def test_the_database_holds_the_rules_for_keys_too():
    key, _ = issued()

    for change in ({"slot": 3}, {"scopes": ["everything"]}, {"scopes": []}, {"kind": "pk"}):
        with pytest.raises(IntegrityError), transaction.atomic():
            ApiKey.objects.filter(pk=key.pk).update(**change)


@pytest.mark.parametrize(
    ("asked", "field"),
    [
        ({"scopes": ()}, "scopes"),
        ({"kind": KeyKind.PUBLIC, "scopes": (Scope.PROFILES_READ,)}, "scopes"),
        ({"scopes": (Scope.INGEST_WRITE,)}, "source"),
        ({"name": " "}, "name"),
        ({"expires_at": NOW}, "expires_at"),
    ],
)
def test_a_key_that_makes_no_sense_is_not_issued(asked, field):
    with pytest.raises(KeyRefused) as refused:
        issued(**asked)

    assert refused.value.errors[0].field == field
