"""Lists draw their own rows, because that is quick; they must be the theme's own rows."""

from datetime import UTC, datetime
from typing import Any

import pytest
from django.contrib import admin
from django.contrib.auth.models import Group
from django.test import RequestFactory
from django.urls import resolve, reverse
from unfold.templatetags.unfold_list import items_for_result

from cdp import api_keys
from cdp.list_rows import rows
from cdp.models import ApiKey, Job, KeyKind, Scope, User

pytestmark = pytest.mark.django_db


def _list(model: Any, query: str, user: User) -> Any:
    address = reverse(f"admin:{model._meta.app_label}_{model._meta.model_name}_changelist")
    request = RequestFactory().get(f"{address}{query}")
    request.user, request.resolver_match = user, resolve(address)
    return admin.site._registry[model].get_changelist_instance(request)


def _spaced(row: str) -> str:
    return row.replace('" >', '">')


@pytest.mark.parametrize(
    ("model", "query"), [(User, ""), (User, "?q=x"), (Job, ""), (Job, "?state=done"), (ApiKey, ""), (Group, "")]
)
def test_a_list_draws_the_rows_that_the_theme_would(model: Any, query: str) -> None:
    now = datetime.now(UTC)
    user = User.objects.create_user("x<&>y", email="x@example.com", password="a long enough one")
    user.groups.set(Group.objects.all())
    User.objects.create_user("xz", is_active=False)
    Job.objects.create(kind="import_events", state="done", created_at=now, finished_at=now)
    Job.objects.create(kind="import_events", created_at=now)
    api_keys.issue(kind=KeyKind.SECRET, name="<b>", scopes={Scope.INGEST_WRITE}, source="shop", by=user, now=now)
    shown = _list(model, query, user)
    ours = [_spaced(row) for row in rows(shown)]
    theirs = [_spaced("".join(items_for_result(shown, row, None))) for row in shown.result_list]
    assert ours == theirs
    assert ours
