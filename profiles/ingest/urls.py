from django.urls import re_path

from profiles.ingest import client_settings, pixel, views

# With and without a slash at the end: a redirect would turn the POST into a GET and lose what it carried. One letter is
# what Segment's browser client calls, /beacon RudderStack's on leaving a page, /api/s Jitsu.
urlpatterns = [
    re_path(r"^v1/(?P<route>batch|b|identify|i|track|t|page|p|screen|s|group|g|alias|a)/?$", views.take),
    re_path(r"^beacon/v1/(?P<route>batch)/?$", views.take),
    re_path(r"^api/s/(?:s2s/)?(?P<route>identify|track|page|screen|group|alias)/?$", views.take),
    re_path(r"^v1/pixel/(?P<route>[\s\S]+?)/?$", pixel.pixel),  # whatever the address, an image is what is wanted
    re_path(r"^v1/m/?$", client_settings.metrics),
    re_path(r"^v1/projects/(?P<write_key>[\s\S]+)/settings/?$", client_settings.segment_settings),
    re_path(r"^sourceConfig/?$", client_settings.rudder_source_config),
]
