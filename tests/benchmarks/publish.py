"""The twenty rules, made live the way a person would: drafted and submitted by one, approved by another."""

from datetime import UTC, datetime
from typing import Any

from django.contrib.auth.models import Group

from cdp.governance import lifecycle
from cdp.models import User
from cdp.roles import Role
from segments.catalogue import load_catalogue
from segments.models import SegmentVersion
from segments.publishing import SEGMENTS, check_content  # noqa: F401 - importing registers the type
from segments.rules.checker import review
from segments.rules.compiler import compile as compile_rules
from segments.rules.parser import parse


def publish(rules: dict[str, dict[str, Any]]) -> None:
    now = datetime.now(UTC)
    author, approver = _person("bench-author", Role.AUTHOR), _person("bench-approver", Role.APPROVER)
    catalogue = load_catalogue()
    for key, rule in rules.items():
        warnings = [warning.code for warning in review(rule, catalogue=catalogue).warnings]
        content = {"rule": rule, "acknowledged": [*warnings, "few_people", "same_members"]}
        head = lifecycle.create(governed=SEGMENTS, key=key, name=key, by=author, now=now)
        version = lifecycle.draft(head=head, content=content, by=author, now=now)
        lifecycle.submit(version=version, by=author, now=now)
        version = SegmentVersion.objects.get(pk=version.pk)
        lifecycle.approve(version=version, comment="for the bench", by=approver, now=datetime.now(UTC))


def compiled_rules(rules: dict[str, dict[str, Any]]) -> tuple[str, list[str]]:
    """Return the statement that decides all rules for everybody and the name of each rule's column."""
    compiled = compile_rules({key: parse(rule) for key, rule in rules.items()}, catalogue=load_catalogue())
    return compiled.sql, [compiled.values[key] for key in rules]


def _person(username: str, role: Role) -> User:
    person, _ = User.objects.get_or_create(username=username)
    person.groups.add(Group.objects.get(name=role.value))
    return person
