"""Every address of the product; each app keeps its own list."""

from django.contrib import admin
from django.urls import include, path
from django.views.generic import RedirectView
from drf_spectacular.views import SpectacularJSONAPIView, SpectacularSwaggerView

urlpatterns = [
    path("", include("profiles.urls")),
    path("", include("consent.urls")),
    path("", include("segments.urls")),
    path("", include("cdp.health")),
    path("", include("cdp.metrics")),
    path("", include("cdp.api.urls")),
    path("openapi.json", SpectacularJSONAPIView.as_view(), name="openapi"),
    path("docs/", SpectacularSwaggerView.as_view(url_name="openapi"), name="docs"),
    path("admin/", admin.site.urls),
    path("", RedirectView.as_view(pattern_name="admin:index", permanent=False)),
]
handler404 = "cdp.problems.not_found"
handler500 = "cdp.problems.server_error"
