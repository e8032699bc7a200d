from django.urls import include, path
from rest_framework.routers import SimpleRouter

from segments.api.governance import SegmentGovernance
from segments.api.segments import SegmentsView, SegmentView

governance = SimpleRouter(trailing_slash=False)
governance.register("v1/governance/segments", SegmentGovernance, basename="governance-segment")

urlpatterns = [
    path("v1/segments", SegmentsView.as_view(), name="segments"),
    path("v1/segments/<slug:key>", SegmentView.as_view(), name="segment"),
    path("", include(governance.urls)),
]
