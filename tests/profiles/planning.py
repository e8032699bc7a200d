"""Bringing plans and sources to life as two people do, for tests."""

from typing import Any

from django.contrib.auth.models import Group
from django.utils import timezone

from cdp.governance import lifecycle
from cdp.models import User
from profiles.models import Source
from profiles.plans.sources import SOURCES
from profiles.plans.tracking_plans import TRACKING_PLANS


def person(name: str, *roles: str) -> User:
    user, _ = User.objects.get_or_create(username=name)
    user.groups.set(Group.objects.filter(name__in=roles))
    return user


def publish(governed: Any, key: str, content: Any) -> Any:
    """Take a content through draft, review and approval."""
    author, approver, now = person("ada", "author"), person("grace", "approver"), timezone.now()
    head = governed.head.objects.filter(key=key).first()
    head = head or lifecycle.create(governed=governed, key=key, name=key.title(), by=author, now=now)
    version = lifecycle.draft(head=head, content=content, by=author, now=now)
    lifecycle.submit(version=version, by=author, now=now)
    lifecycle.approve(version=version, comment="Agreed.", by=approver, now=now)
    version.refresh_from_db()
    return version


def plan(*rules: dict[str, Any], key: str = "web") -> Any:
    return publish(TRACKING_PLANS, key, {"rules": list(rules)})


def source(key: str = "shop", *, plan: str = "web", enabled: bool = True, **enforcement: str) -> Source:
    """Have a source follow a plan; what is not named is allowed."""
    content = {
        "name": key.title(), "kind": "server", "priority": 100, "enabled": enabled, "tracking_plan": plan,
        "enforcement": enforcement,
    }  # fmt: skip
    publish(SOURCES, key, content)
    return Source.objects.get(key=key)


def rule(key: str = "Order Completed", *, call: str = "TRACK", version: int = 1, **properties: Any) -> dict[str, Any]:
    """A rule that requires every property given with `required=True` beside its schema."""
    part = "traits" if call in ("IDENTIFY", "GROUP") else "properties"
    required = [name for name, schema in properties.items() if isinstance(schema, dict) and schema.get("x-required")]
    inside: dict[str, Any] = {"type": "object", "properties": properties}
    if required:
        inside["required"] = required
    return {
        "type": call,
        "key": key if call == "TRACK" else "",
        "version": version,
        "jsonSchema": {"type": "object", "properties": {part: inside}},
    }


TEXT = {"type": "string"}
AMOUNT = {"type": "number", "minimum": 0}


def needed(schema: dict[str, Any]) -> dict[str, Any]:
    return {**schema, "x-required": True}
