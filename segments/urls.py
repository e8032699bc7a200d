from django.urls import include, path
from rest_framework.routers import SimpleRouter

from segments.api.backfill import BackfillView, CancelBackfillView, ResumeBackfillView
from segments.api.funnels import FunnelHistoryView, FunnelReportView, FunnelsView, FunnelView
from segments.api.governance import SegmentGovernance
from segments.api.history import DaysView
from segments.api.lists import ListsView, ListView
from segments.api.members import MembersView
from segments.api.segments import SegmentsView, SegmentView
from segments.api.thresholds import AcceptThresholdView, RefuseThresholdView, ThresholdsView
from segments.api.why import WhyView
from segments.delivery.api import AttemptsView, DestinationGovernance, ReplayMessageView

governance = SimpleRouter(trailing_slash=False)
governance.register("v1/governance/segments", SegmentGovernance, basename="governance-segment")
governance.register("v1/governance/destinations", DestinationGovernance, basename="governance-destination")

urlpatterns = [
    path("", include("segments.api.ofrep.urls")),
    path("v1/deliveries/<str:message_id>/replay", ReplayMessageView.as_view(), name="delivery-replay"),
    path("v1/destinations/<slug:key>/attempts", AttemptsView.as_view(), name="destination-attempts"),
    path("v1/funnels", FunnelsView.as_view(), name="funnels"),
    path("v1/funnels/<slug:key>", FunnelView.as_view(), name="funnel"),
    path("v1/funnels/<slug:key>/history", FunnelHistoryView.as_view(), name="funnel-history"),
    path("v1/funnels/<slug:key>/report", FunnelReportView.as_view(), name="funnel-report"),
    path("v1/lists", ListsView.as_view(), name="lists"),
    path("v1/lists/<slug:key>", ListView.as_view(), name="list"),
    path("v1/segments", SegmentsView.as_view(), name="segments"),
    path("v1/segments/<slug:key>", SegmentView.as_view(), name="segment"),
    path("v1/segments/<slug:key>/members", MembersView.as_view(), name="segment-members"),
    path("v1/segments/<slug:key>/days", DaysView.as_view(), name="segment-days"),
    path("v1/segments/<slug:key>/backfill", BackfillView.as_view(), name="segment-backfill"),
    path("v1/segments/<slug:key>/backfill/cancel", CancelBackfillView.as_view(), name="segment-backfill-cancel"),
    path("v1/segments/<slug:key>/backfill/resume", ResumeBackfillView.as_view(), name="segment-backfill-resume"),
    path("v1/segments/<slug:key>/thresholds", ThresholdsView.as_view(), name="segment-thresholds"),
    path(
        "v1/segments/<slug:key>/thresholds/<int:id>/accept",
        AcceptThresholdView.as_view(),
        name="segment-threshold-accept",
    ),
    path(
        "v1/segments/<slug:key>/thresholds/<int:id>/refuse",
        RefuseThresholdView.as_view(),
        name="segment-threshold-refuse",
    ),
    path("v1/profiles/<slug:type>:<identifier:value>/segments/<slug:key>/why", WhyView.as_view(), name="profile-why"),
    path("", include(governance.urls)),
]
