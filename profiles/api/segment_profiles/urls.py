from django.urls import re_path

from profiles.api.segment_profiles.views import RESOURCES, nothing_here, read

# The value of an identifier may hold slashes and line ends; the resource is what follows the last slash.
urlpatterns = [
    re_path(
        r"^v1/spaces/(?P<space>[^/]+)/collections/(?P<collection>[^/]+)/profiles/(?P<external_id>[\s\S]+)"
        rf"/(?P<resource>{'|'.join(RESOURCES)})\Z",
        read,
        name="segment-profile",
    ),
    re_path(r"^v1/spaces/", nothing_here),
]
