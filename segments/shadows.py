"""An approved candidate beside the live version: two memberships counted over each other, nobody moved.

    approve (of a content with "shadow": "7d")  ->  the trial begins, the version stays approved and waits
    compare, every CDP_SHADOW_MINUTES            ->  a row: in both, only live, only shadow, with samples
    its time is over                             ->  approve once more: live;  reject or withdraw: dropped

The comparison is the preview's: the candidate's rule over everybody against the current members. It writes counts and
never a membership, so what apps are told and what is delivered is the live version's until the promotion.
"""

from datetime import datetime, timedelta
from typing import Any

from django.conf import settings
from django.db import transaction
from django.db.models import F, Q

from cdp.governance.models import State
from segments import preview
from segments.content import rule_of, shadow_of
from segments.models import Shadow, ShadowCount
from segments.thresholds.fresh import looking_catalogue


def held_back(version: Any, /, *, now: datetime) -> str | None:
    """Why an approved version stays in the shadow, None when it may go live. The first asking begins the trial."""
    length = shadow_of(version.content)
    if length is None:
        return None
    shadow, _ = Shadow.objects.get_or_create(version=version, defaults={"begun_at": now, "ends_at": now + length})
    if now < shadow.ends_at:
        return f"runs in the shadow of what is live until {shadow.ends_at.isoformat(' ', 'seconds')}"
    return None


def compare_due(*, now: datetime) -> int:
    """Compare the trials whose turn it is, each in a transaction of its own; return how many."""
    before = now - timedelta(minutes=settings.CDP_SHADOW_MINUTES)
    # One more comparison at the end, however long ago the last one was.
    due = Shadow.objects.filter(version__state=State.REVIEW).filter(
        Q(compared_at__isnull=True)
        | Q(ends_at__gt=now, compared_at__lte=before)
        | Q(ends_at__lte=now, compared_at__lt=F("ends_at"))
    )
    return sum(_compare(version_id, now=now) for version_id in due.order_by("pk").values_list("pk", flat=True))


@transaction.atomic
def _compare(version_id: int, *, now: datetime) -> int:
    waiting = Shadow.objects.select_for_update(skip_locked=True, of=("self",)).filter(pk=version_id)
    shadow = waiting.exclude(compared_at=now).select_related("version").first()
    if shadow is None:
        return 0  # another worker is at it
    version = shadow.version
    catalogue = looking_catalogue(version.content, now=now)
    seen = preview.preview(
        rule=rule_of(version.content), segment_id=version.head_id, catalogue=catalogue, now=now
    )
    ShadowCount.objects.create(
        shadow=shadow,
        at=now,
        both=seen.unchanged,
        only_live=seen.leaving,
        only_shadow=seen.entering,
        only_live_sample=list(seen.leaving_sample),
        only_shadow_sample=list(seen.entering_sample),
    )
    shadow.compared_at = now
    shadow.save(update_fields=["compared_at"])
    return 1
