from django.urls import URLPattern, URLResolver, include, path, register_converter

from profiles.api.accounting import AccountingView
from profiles.api.converters import IdentifierConverter
from profiles.api.exports import DataExportDownloadView, DataExportsView, DataExportView
from profiles.api.imports import ImportReportView, ImportsView, ImportView
from profiles.api.profile import read_profile

register_converter(IdentifierConverter, "identifier")

urlpatterns: list[URLPattern | URLResolver] = [
    path("", include("profiles.ingest.urls")),
    path("v1/imports", ImportsView.as_view(), name="imports"),
    path("v1/imports/<int:id>", ImportView.as_view(), name="import"),
    path("v1/imports/<int:id>/report", ImportReportView.as_view(), name="import-report"),
    path("v1/exports", DataExportsView.as_view(), name="data-exports"),
    path("v1/exports/<int:id>", DataExportView.as_view(), name="data-export"),
    path("v1/exports/<int:id>/download", DataExportDownloadView.as_view(), name="data-export-download"),
    path("v1/accounting", AccountingView.as_view(), name="accounting"),
    path("", include("profiles.api.segment_profiles.urls")),
    path("v1/profiles/<slug:type>:<identifier:value>", read_profile, name="profile-read"),
]
