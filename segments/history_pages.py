"""The pages of the admin about what became of a segment: why, who on which day, how its size went, how far it has come.

Every page is one look through the same modules as the API's; reads of people leave a record.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from typing import Any
from urllib.parse import urlencode

from django.contrib import messages
from django.core.exceptions import PermissionDenied
from django.db import transaction
from django.http import Http404, HttpRequest, HttpResponse, HttpResponseRedirect
from django.template.response import TemplateResponse
from django.urls import URLPattern, path, reverse
from django.utils import timezone
from django.utils.dateparse import parse_datetime

from cdp import access
from cdp.access import Actor
from cdp.role_admin import person_of
from cdp.roles import has_role
from profiles.api.exports import EXPORTERS
from segments import backfill_control, history, overview, plots
from segments.backfill_control import BackfillError
from segments.models import Segment
from segments.past_reasons import Asked, NotThen, why_at
from segments.reasons import Reasons, why
from segments.standpoint import Known

PERIODS = (30, 90, 365)
_PEOPLE_PER_PAGE = 50


@dataclass(frozen=True, slots=True)
class Panel:
    """What the segment's page shows of its history."""

    days: Sequence[history.Day]
    published: Sequence[history.Published]
    size: plots.SizePlot
    flips: plots.FlipPlot
    period: int
    progress: backfill_control.Progress | None


def panel_of(segment: Segment, *, period: int, now: datetime) -> Panel:
    last = now.astimezone(UTC).date()
    first = last - timedelta(days=period - 1)
    days = history.days(segment_id=segment.pk, first=first, last=last)
    published = history.published(segment_id=segment.pk, first=first, last=last)
    return Panel(
        days=days,
        published=published,
        size=plots.size_plot(days, published),
        flips=plots.flip_plot(days),
        period=period,
        progress=backfill_control.progress(segment_id=segment.pk, now=now),
    )


class HistoryPages:
    """A part of the segments' admin: its pages, and what it adds to the segment's own."""

    admin_site: Any
    opts: Any
    has_view_permission: Callable[..., bool]

    change_form_outer_before_template = "segments/head.html"

    def history_urls(self) -> list[URLPattern]:
        view = self.admin_site.admin_view
        return [
            path("overview/", view(self.overview_view), name="segments_segment_overview"),
            path("<slug:key>/why/<int:profile_id>/", view(self.why_view), name="segments_segment_why"),
            path("<slug:key>/who/", view(self.who_view), name="segments_segment_who"),
            path("<slug:key>/backfill/<slug:verb>/", view(self.backfill_view), name="segments_segment_backfill"),
        ]

    def history_context(self, request: HttpRequest, segment: Segment) -> dict[str, Any]:
        return {
            "panel": panel_of(segment, period=_period(request), now=timezone.now()),
            "periods": PERIODS,
            "segment": segment,
            "may_decide": has_role(request.user, *backfill_control.DECIDERS),
        }

    def why_view(self, request: HttpRequest, key: str, profile_id: int) -> HttpResponse:
        """Answer why a person is in a segment or is not, now or at a moment, for the row that asks on their page."""
        self._require(request)
        now = timezone.now()
        context: dict[str, Any] = {
            "key": key,
            "profile_id": profile_id,
            "at": request.GET.get("at", ""),
            "known": request.GET.get("known", Known.THEN.value),
        }
        with transaction.atomic():
            try:
                context["reasons"] = _explained(request, key, profile_id, now)
            except NotThen as refused:
                context["refused"] = refused.message
            except ValueError:
                context["refused"] = "That is no moment of the past. Write it as 2026-03-03 12:00; it is UTC."
            found = context.get("reasons")
            self._record(
                request, "profile.why", [found.profile_id if found else profile_id], [f"segments.{key}"], now=now
            )
        return TemplateResponse(request, "segments/why.html", context)

    def who_view(self, request: HttpRequest, key: str) -> HttpResponse:
        """List who was in the segment on a day, page by page."""
        segment, now = self._segment(request, key), timezone.now()
        day = _day(request.GET.get("on", ""), today=now.astimezone(UTC).date())
        after = _after(request.GET.get("after", ""))
        with transaction.atomic():
            found = history.members_on(segment=segment, day=day, after=after, limit=_PEOPLE_PER_PAGE + 1)
            shown = found[:_PEOPLE_PER_PAGE]
            if shown:
                people = sorted({stay.person_id for stay in shown})
                self._record(request, "segment.members", people, ["segments"], now=now, on=day.isoformat())
        more = f"{shown[-1].profile_id}-{shown[-1].membership_id}" if len(found) > len(shown) else ""
        context = {
            **self.admin_site.each_context(request),
            "opts": self.opts,
            "title": f"Who was in {segment.name}",
            "segment": segment,
            "day": day,
            "today": now.astimezone(UTC).date(),
            "stays": shown,
            "more": more,
            "is_first": after == (0, 0),
            "change_address": reverse("admin:segments_segment_change", args=[segment.pk]),
            "export_address": _export_address(request, segment, day),
        }
        return TemplateResponse(request, "segments/history/who.html", context)

    def overview_view(self, request: HttpRequest) -> HttpResponse:
        """Show all live segments: their sizes over time, and whom they share."""
        self._require(request)
        context = {
            **self.admin_site.each_context(request),
            "opts": self.opts,
            "title": "Segments together",
            "list_address": reverse("admin:segments_segment_changelist"),
            **overview.overview(period=_period(request), now=timezone.now()),
            "periods": PERIODS,
        }
        return TemplateResponse(request, "segments/history/overview.html", context)

    def backfill_view(self, request: HttpRequest, key: str, verb: str) -> HttpResponse:
        """Call a backfill off, or take it up again."""
        segment = self._segment(request, key)
        verbs = {"cancel": backfill_control.cancel, "resume": backfill_control.resume}
        if verb not in verbs:
            raise Http404
        if request.method == "POST":
            try:
                verbs[verb](segment=segment, by=person_of(request), now=timezone.now())
                messages.success(request, _DONE[verb])
            except BackfillError as error:
                messages.error(request, error.message)
        return HttpResponseRedirect(reverse("admin:segments_segment_change", args=[segment.pk]))

    def _segment(self, request: HttpRequest, key: str) -> Segment:
        self._require(request)
        segment = Segment.objects.select_related("live_version").filter(key=key).first()
        if segment is None:
            raise Http404
        return segment

    def _require(self, request: HttpRequest) -> None:
        if not self.has_view_permission(request):
            raise PermissionDenied

    def _record(
        self,
        request: HttpRequest,
        action: str,
        people: Sequence[int],
        fields: Sequence[str],
        *,
        now: datetime,
        **basis: str,
    ) -> None:
        access.record(
            actor=Actor.person(person_of(request)),
            action=action,
            profile_ids=people,
            purpose="administration",
            fields=fields,
            now=now,
            basis=basis or None,
        )


_DONE = {
    "cancel": "The backfill is called off. Who was not reached stays as the version before left them.",
    "resume": "The backfill goes on where it was called off.",
}


def _explained(request: HttpRequest, key: str, profile_id: int, now: datetime) -> Reasons | None:
    """Raises NotThen, and ValueError for what is no moment of the past."""
    given = request.GET.get("at", "")
    if not given:
        return why(profile_id=profile_id, key=key, now=now)
    at = parse_datetime(given)
    if at is None:
        raise ValueError(given)
    moment = at if at.tzinfo else at.replace(tzinfo=UTC)
    if moment > now:
        raise ValueError(given)
    asked = Asked(moment, Known(request.GET.get("known", Known.THEN.value)))
    return why_at(origin_id=profile_id, key=key, asked=asked)


def _export_address(request: HttpRequest, segment: Segment, day: date) -> str:
    """The form of an export, filled with this day, for those who may export."""
    if not has_role(request.user, *EXPORTERS):
        return ""
    asked = urlencode({"segment": segment.key, "start": day, "end": day + timedelta(days=1)})
    return f"{reverse('admin:profiles_dataexport_add')}?{asked}"


def _period(request: HttpRequest) -> int:
    asked = request.GET.get("days", "")
    return int(asked) if asked in map(str, PERIODS) else PERIODS[0]


def _day(text: str, *, today: date) -> date:
    try:
        return min(date.fromisoformat(text), today)
    except ValueError:
        return today


def _after(text: str) -> tuple[int, int]:
    profile, _, stay = text.partition("-")
    return (int(profile), int(stay)) if profile.isdecimal() and stay.isdecimal() and len(text) < 40 else (0, 0)
