"""Signing in, users, keys and tokens in the admin."""

import re

import pytest
from django.contrib.auth.models import Group
from django.test import Client, override_settings
from django.utils import timezone
from django_otp.oath import TOTP
from django_otp.plugins.otp_totp.models import TOTPDevice

from cdp import access, api_keys, person_tokens
from cdp.models import ApiKey, PersonToken, User
from tests.cdp.conftest import NOW, person
from tests.cdp.test_governance_admin import signed_in, text

pytestmark = [pytest.mark.django_db, pytest.mark.urls("tests.cdp.urls")]

PASSWORD = "correct horse battery"


def with_password(user):
    user.set_password(PASSWORD)
    user.save()
    return user


def code_of(user):
    return f"{TOTP(TOTPDevice.objects.get(user=user).bin_key).token():06d}"


def log_in(client, user):
    return client.post("/admin/login/?next=/admin/", {"username": user.username, "password": PASSWORD})


@override_settings(CDP_REQUIRE_OTP=True)
def test_the_first_sign_in_enrols_a_device_and_later_ones_ask_for_it(administrator):
    with_password(administrator)
    client = Client()
    log_in(client, administrator)
    answer = client.get("/admin/", follow=True)
    assert answer.request["PATH_INFO"] == "/admin/one-time-password/"
    page = text(answer)
    assert "<svg" in page and "Scan this" in page

    answer = client.post("/admin/one-time-password/", {"code": code_of(administrator), "next": "/admin/cdp/user/"})
    assert answer.url == "/admin/cdp/user/"
    assert client.get("/admin/cdp/user/").status_code == 200

    TOTPDevice.objects.update(last_t=-1)
    again = Client()
    log_in(again, administrator)
    page = text(again.get("/admin/", follow=True))
    assert "<svg" not in page.partition("<form")[0] or "Scan this" not in page
    assert "authenticator app shows" in page


@override_settings(CDP_REQUIRE_OTP=True)
def test_a_password_alone_opens_no_page(administrator):
    with_password(administrator)
    client = Client()
    log_in(client, administrator)

    for address in ("/admin/", "/admin/cdp/user/", "/admin/cdp/apikey/add/"):
        assert client.get(address).status_code == 302
    wrong = client.post("/admin/one-time-password/", {"code": "000000"})
    assert "This code is wrong" in text(wrong)
    assert client.get("/admin/").status_code == 302


@override_settings(CDP_REQUIRE_OTP=True)
def test_nobody_enrols_a_second_device_with_a_password_alone(administrator):
    with_password(administrator)
    TOTPDevice.objects.create(user=administrator, name="phone", confirmed=True)
    client = Client()
    log_in(client, administrator)

    page = text(client.get("/admin/one-time-password/"))
    assert "Scan this" not in page
    assert TOTPDevice.objects.count() == 1


@override_settings(CDP_REQUIRE_OTP=True)
def test_the_way_on_leads_to_no_other_host(administrator):
    with_password(administrator)
    client = Client()
    log_in(client, administrator)
    client.get("/admin/one-time-password/")

    answer = client.post("/admin/one-time-password/", {"code": code_of(administrator), "next": "//evil.example/"})
    assert answer.url == "/admin/"


def test_an_administrator_issues_a_key_whose_token_is_shown_once(administrator):
    client = signed_in(administrator)
    given = {"name": "web shop", "kind": "pk", "scopes": ["ingest:write"], "source": "web"}
    answer = client.post("/admin/cdp/apikey/add/", given)

    token = re.search(r"cdp_pk_\w+", text(answer)).group()
    assert api_keys.authenticate(token, now=timezone.now()).source == "web"
    assert "no-store" in answer["Cache-Control"]
    key = ApiKey.objects.get()
    for address in ("/admin/cdp/apikey/", f"/admin/cdp/apikey/{key.pk}/change/"):
        assert token[-20:] not in text(client.get(address))

    second = re.search(r"cdp_pk_\w+", text(client.post(f"/admin/cdp/apikey/{key.pk}/rotate/"))).group()
    client.post(f"/admin/cdp/apikey/{key.pk}/revoke/")
    assert api_keys.authenticate(token, now=timezone.now()) is None
    assert api_keys.authenticate(second, now=timezone.now())


def test_a_key_that_makes_no_sense_keeps_the_form(administrator):
    given = {"name": "web", "kind": "pk", "scopes": ["profiles:read"]}
    page = text(signed_in(administrator).post("/admin/cdp/apikey/add/", given))

    assert "A public key may only send events" in page
    assert not ApiKey.objects.exists()


def test_looking_at_a_keys_buttons_revokes_nothing(administrator):
    key, _ = api_keys.issue(kind="sk", name="app", scopes={"profiles:read"}, by=None, now=NOW)
    client = signed_in(administrator)

    client.get(f"/admin/cdp/apikey/{key.pk}/revoke/")
    client.get(f"/admin/cdp/apikey/{key.pk}/rotate/")
    key.refresh_from_db()
    assert key.revoked_at is None and ApiKey.objects.count() == 1


@pytest.mark.parametrize("role", ["author", "approver", "compliance", "viewer"])
def test_users_and_keys_are_the_administrators(role):
    client = signed_in(person("other", role))
    for address in ("/admin/cdp/user/", "/admin/cdp/apikey/", "/admin/cdp/apikey/add/", "/admin/cdp/user/add/"):
        assert client.get(address).status_code == 403


def test_an_administrator_makes_users_and_gives_roles_but_not_to_themselves(administrator):
    client = signed_in(administrator)
    approvers = Group.objects.get(name="approver")
    page = text(client.get("/admin/cdp/user/add/"))
    assert "approves, rejects and retires" in page

    given = {"username": "lin", "email": "", "password1": PASSWORD, "password2": PASSWORD, "groups": [approvers.pk]}
    client.post("/admin/cdp/user/add/", {**given, "usable_password": "true"})
    made = User.objects.get(username="lin")
    assert [group.name for group in made.groups.all()] == ["approver"]
    assert made.is_staff and not made.is_superuser

    mine = {"username": "root", "is_active": "on", "groups": [approvers.pk], "is_superuser": "on"}
    client.post(f"/admin/cdp/user/{administrator.pk}/change/", mine)
    administrator.refresh_from_db()
    assert [group.name for group in administrator.groups.all()] == ["administrator"]
    assert not administrator.is_superuser


def test_nobody_is_deleted(administrator, author):
    client = signed_in(administrator)

    assert client.post(f"/admin/cdp/user/{author.pk}/delete/", {"post": "yes"}).status_code == 403


def test_a_lost_device_is_forgotten_by_an_administrator_alone(administrator, author):
    TOTPDevice.objects.create(user=author, name="phone")

    assert signed_in(author).post(f"/admin/cdp/user/{author.pk}/forget-device/").status_code == 403
    signed_in(administrator).post(f"/admin/cdp/user/{author.pk}/forget-device/")
    assert not TOTPDevice.objects.exists()


def test_an_administrator_who_writes_cannot_become_an_approver(approver):
    TOTPDevice.objects.create(user=approver, name="phone")
    client = signed_in(person("both", "author", "administrator"))
    password = {"password1": PASSWORD, "password2": PASSWORD, "usable_password": "true"}

    assert client.post(f"/admin/cdp/user/{approver.pk}/forget-device/").status_code == 403
    assert client.post(f"/admin/cdp/user/{approver.pk}/password/", password).status_code == 403
    assert client.post(f"/admin/cdp/user/{approver.pk}/change/", {"username": "mine"}).status_code == 403
    assert "grace" in text(client.get(f"/admin/cdp/user/{approver.pk}/change/"))
    approver.refresh_from_db()
    assert not approver.check_password(PASSWORD) and TOTPDevice.objects.exists()

    groups = [Group.objects.get(name="approver").pk]
    client.post("/admin/cdp/user/add/", {"username": "puppet", "email": "", **password, "groups": groups})
    assert not User.objects.filter(username="puppet").exists()


def test_an_administrator_who_does_not_write_helps_an_approver_in(administrator, approver):
    password = {"password1": PASSWORD, "password2": PASSWORD, "usable_password": "true"}
    signed_in(administrator).post(f"/admin/cdp/user/{approver.pk}/password/", password)
    approver.refresh_from_db()
    assert approver.check_password(PASSWORD)


def test_one_time_secrets_have_no_page(administrator):
    client = signed_in(person("su", is_superuser=True))

    assert client.get("/admin/otp_totp/totpdevice/").status_code == 404


def test_everybody_keeps_their_own_tokens_and_sees_no_others(author, approver):
    client = signed_in(author)
    token = re.search(
        r"cdp_pt_\w+", text(client.post("/admin/cdp/persontoken/add/", {"name": "ci", "days": 3}))
    ).group()
    assert person_tokens.authenticate(token, now=timezone.now()) == author
    row = PersonToken.objects.get()

    other = signed_in(approver)
    assert "ci" not in text(other.get("/admin/cdp/persontoken/")).partition("<main")[2]
    assert other.post(f"/admin/cdp/persontoken/{row.pk}/revoke/").status_code == 404
    client.post(f"/admin/cdp/persontoken/{row.pk}/revoke/")
    assert person_tokens.authenticate(token, now=timezone.now()) is None


def test_compliance_reads_access_records_and_nobody_edits_them():
    access.record(
        actor=access.Actor.system("test"), action="profile.read", profile_ids=[7], purpose="", fields=(), now=NOW
    )
    client = signed_in(person("carol", "compliance"))

    assert "profile.read" in text(client.get("/admin/cdp/accessrecord/"))
    assert client.get("/admin/cdp/accessrecord/add/").status_code == 403
    assert signed_in(person("ann", "author")).get("/admin/cdp/accessrecord/").status_code == 403


def test_every_page_of_an_administrator_opens(administrator):
    client = signed_in(administrator)
    for address in ("/admin/", "/admin/cdp/user/", "/admin/auth/group/", "/admin/cdp/job/", "/admin/cdp/apikey/add/"):
        page = text(client.get(address))
        assert "https://fonts" not in page and "//cdn" not in page
