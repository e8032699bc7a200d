"""A live segment for clients that read flags."""

from datetime import UTC, datetime

from cdp.governance import lifecycle
from cdp.models import User
from profiles.models import TraitDefinition
from segments.publishing import SEGMENTS


def publish_germans() -> None:
    """Publish everybody in Germany, by the two people that every new product has."""
    from django.contrib.auth.models import Group

    now = datetime.now(UTC)
    TraitDefinition.objects.get_or_create(name="country", defaults={"type": "text"})
    author, approver = (User.objects.create_user(f"flag {role}") for role in ("author", "approver"))
    author.groups.set(Group.objects.filter(name="author"))
    approver.groups.set(Group.objects.filter(name="approver"))
    rule = {"rule": {"trait": "country", "op": "=", "value": "DE"}, "acknowledged": []}
    head = lifecycle.create(governed=SEGMENTS, key="germans", name="Germans", by=author, now=now)
    version = lifecycle.draft(head=head, content=rule, by=author, now=now)
    lifecycle.submit(version=version, by=author, now=now)
    lifecycle.approve(version=version, comment="fine", by=approver, now=now)
