"""The dashboard's panel about consent."""

from datetime import datetime, timedelta

from django.http import HttpRequest
from django.urls import reverse

from cdp.dashboard import Panel, Width
from cdp.estimates import size_of
from cdp.role_admin import may_see
from consent.models import Entry, EntryOperation

_DAY = timedelta(days=1)


def decisions(request: HttpRequest, now: datetime, /) -> Panel | None:
    """How many consent decisions were recorded during the last day, and how many of them were refusals."""
    if not may_see(request, Entry):
        return None
    recent = Entry.objects.filter(received_at__gte=now - _DAY)
    refused = size_of(recent.exclude(operation=EntryOperation.GRANT))
    return Panel(
        key="consent",
        title="Consent decisions, 24 hours",
        template="cdp/dashboard/tile.html",
        content={"figure": size_of(recent), "note": f"{refused} of them denied or withdrawn"},
        width=Width.TILE,
        link=reverse("admin:consent_entry_changelist"),
    )
