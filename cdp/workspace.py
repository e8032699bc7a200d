"""
A workspace's first run: a login for each role, three keys, and what the apps in settings.FIRST_RUN add.

Secrets exist in clear only at the moment they are made, so they are kept in `workspace.json` beside the root key, mode
0600, until somebody deletes that file; a later start then shows the addresses alone. Segments and data are not made
here: they come in through the product's own doors.
"""

import secrets
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

from django.conf import settings
from django.contrib.auth.models import Group
from django.db import transaction
from django.utils.module_loading import import_string

from cdp import api_keys, credentials
from cdp.credentials import Credentials, Login
from cdp.models import KeyKind, Scope, User
from cdp.roles import Role

FILE = "workspace.json"
ROLES = (Role.AUTHOR, Role.APPROVER, Role.COMPLIANCE, Role.ADMINISTRATOR)
READING = {Scope.PROFILES_READ, Scope.SEGMENTS_READ, Scope.METRICS_READ}
COMPLIANCE = {Scope.CONSENT_WRITE, Scope.CONSENT_READ, Scope.CONSENT_EXPORT, Scope.PROFILES_READ}


@dataclass(frozen=True, slots=True)
class FirstRun:
    """What an entry `step(first_run) -> None` of settings.FIRST_RUN gets, in the transaction that makes the logins."""

    author: User
    approver: User
    now: datetime


def set_up(*, folder: Path, now: datetime) -> Credentials:
    """Return this database's logins and keys, making them when nobody has an account yet."""
    kept = credentials.read(folder / FILE)
    if kept is not None and _fits(kept):
        return kept
    if User.objects.exists():
        return Credentials(logins={})
    with transaction.atomic():
        made = _make(now=now)
    credentials.keep(folder / FILE, made)
    return made


def _make(*, now: datetime) -> Credentials:
    logins = {role: Login(str(role), secrets.token_urlsafe(12)) for role in ROLES}
    people = {role: User.objects.create_user(login.username, password=login.password) for role, login in logins.items()}
    for role, person in people.items():
        person.groups.add(Group.objects.get(name=role))

    for step in settings.FIRST_RUN:
        import_string(step)(FirstRun(author=people[Role.AUTHOR], approver=people[Role.APPROVER], now=now))

    def key(kind: KeyKind, name: str, scopes: set[Scope], source: str = "", purpose: str = "") -> str:
        by = people[Role.ADMINISTRATOR]
        issued = api_keys.issue(
            kind=kind, name=name, scopes=scopes, source=source, purpose=purpose, by=by, now=now
        )  # fmt: skip
        return issued[1]

    return Credentials(
        logins={str(role): login for role, login in logins.items()},
        write_key=key(KeyKind.PUBLIC, "Website", {Scope.INGEST_WRITE, Scope.CONSENT_WRITE}, "website"),
        read_key=key(KeyKind.SECRET, "Shop application", READING, purpose="service"),
        compliance_key=key(KeyKind.SECRET, "Compliance office", COMPLIANCE),
    )


def _fits(kept: Credentials) -> bool:
    """Tell whether the file belongs to this database: it may have been emptied, or changed for another, since."""
    usernames = [login.username for login in kept.logins.values()]
    return User.objects.filter(username__in=usernames).count() == len(usernames) > 0
