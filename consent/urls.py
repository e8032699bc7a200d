"""The addresses of consent."""

from django.urls import path, re_path
from rest_framework.routers import SimpleRouter

from consent.api.governance import NoticeGovernance, PurposeGovernance
from consent.api.views import ConsentView, ExportDownloadView, ExportsView, ExportView, PersonConsentView

router = SimpleRouter(trailing_slash=False)
router.register("v1/governance/purposes", PurposeGovernance, basename="governance-purpose")
router.register("v1/governance/notices", NoticeGovernance, basename="governance-notice")

urlpatterns = [
    path("v1/consent", ConsentView.as_view(), name="consent"),
    path("v1/consent/exports", ExportsView.as_view(), name="consent-exports"),
    path("v1/consent/exports/<int:id>", ExportView.as_view(), name="consent-export"),
    path("v1/consent/exports/<int:id>/download", ExportDownloadView.as_view(), name="consent-export-download"),
    re_path(
        r"^v1/consent/(?P<type>[a-z][a-z0-9_]{0,39}):(?P<value>.+)$",
        PersonConsentView.as_view(),
        name="person-consent",
    ),
    *router.urls,
]
