from django.contrib import admin
from django.urls import include, path
from rest_framework.routers import SimpleRouter

from cdp.governance.api import GovernedViewSet
from tests.cdp.notes import NOTES


class NoteGovernance(GovernedViewSet):
    governed = NOTES


router = SimpleRouter(trailing_slash=False)
router.register("v1/notes", NoteGovernance, basename="note")
urlpatterns = [
    path("", include("cdp.api.urls")),
    path("", include(router.urls)),
    path("admin/", admin.site.urls),
]
handler404 = "cdp.problems.not_found"
handler500 = "cdp.problems.server_error"
