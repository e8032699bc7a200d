from django.urls import URLPattern, URLResolver, include, path, register_converter
from rest_framework.routers import SimpleRouter

from profiles.api.accounting import AccountingView
from profiles.api.converters import IdentifierConverter
from profiles.api.exports import DataExportDownloadView, DataExportsView, DataExportView
from profiles.api.identity import IdentityGovernance
from profiles.api.imports import ImportReportView, ImportsView, ImportView
from profiles.api.merges import MergesView, RejoinMergeView, UndoMergeView
from profiles.api.plans import PlanGovernance
from profiles.api.profile import read_profile
from profiles.api.sources import SourceGovernance
from profiles.api.violations import ReplayView, ViolationsExportView, ViolationsView

register_converter(IdentifierConverter, "identifier")

governed = SimpleRouter(trailing_slash=False)
governed.register("v1/governance/identity-rules", IdentityGovernance, basename="governance-identity-rule")
governed.register("v1/governance/sources", SourceGovernance, basename="governance-source")
governed.register("v1/governance/tracking-plans", PlanGovernance, basename="governance-tracking-plan")

urlpatterns: list[URLPattern | URLResolver] = [
    # First, because addresses are tried in turn and every page that an application builds comes by this one.
    path("v1/profiles/<slug:type>:<identifier:value>", read_profile, name="profile-read"),
    path("", include("profiles.ingest.urls")),
    path("v1/imports", ImportsView.as_view(), name="imports"),
    path("v1/imports/<int:id>", ImportView.as_view(), name="import"),
    path("v1/imports/<int:id>/report", ImportReportView.as_view(), name="import-report"),
    path("v1/exports", DataExportsView.as_view(), name="data-exports"),
    path("v1/exports/<int:id>", DataExportView.as_view(), name="data-export"),
    path("v1/exports/<int:id>/download", DataExportDownloadView.as_view(), name="data-export-download"),
    path("v1/merges", MergesView.as_view(), name="merges"),
    path("v1/merges/<int:id>/undo", UndoMergeView.as_view(), name="merge-undo"),
    path("v1/merges/<int:id>/rejoin", RejoinMergeView.as_view(), name="merge-rejoin"),
    path("v1/violations", ViolationsView.as_view(), name="violations"),
    path("v1/violations/export", ViolationsExportView.as_view(), name="violations-export"),
    path("v1/rejected-events/replay", ReplayView.as_view(), name="rejected-events-replay"),
    *governed.urls,
    path("v1/accounting", AccountingView.as_view(), name="accounting"),
    path("", include("profiles.api.segment_profiles.urls")),
]
