from django.contrib import admin
from django.urls import include, path
from drf_spectacular.views import SpectacularAPIView, SpectacularSwaggerView
from rest_framework.routers import SimpleRouter

from cdp.admin_site import PlatformAdminSite
from cdp.governance.admin import GovernedAdmin
from cdp.governance.api import GovernedViewSet
from tests.cdp.notes import NOTES, Note


class NoteGovernance(GovernedViewSet):
    governed = NOTES


router = SimpleRouter(trailing_slash=False)
router.register("v1/notes", NoteGovernance, basename="note")
# The product's pages, and the notes', which no other test should meet.
site = PlatformAdminSite(name="admin")
for model, page in admin.site._registry.items():
    site.register(model, type(page))
site.register(Note, GovernedAdmin)

urlpatterns = [
    path("", include("cdp.api.urls")),
    path("", include(router.urls)),
    path("openapi.json", SpectacularAPIView.as_view(), name="openapi"),
    path("docs/", SpectacularSwaggerView.as_view(url_name="openapi"), name="docs"),
    path("admin/", site.urls),
]
handler404 = "cdp.problems.not_found"
handler500 = "cdp.problems.server_error"
