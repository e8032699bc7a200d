from django.urls import re_path

from profiles.ingest import views

# With and without a slash at the end: a redirect would turn the POST into a GET and lose what it carried. One letter is
# what Segment's browser client calls, /beacon RudderStack's on leaving a page, /api/s Jitsu.
urlpatterns = [
    re_path(r"^v1/(?P<route>batch|b|identify|i|track|t|page|p|screen|s|group|g|alias|a)/?$", views.take),
    re_path(r"^beacon/v1/(?P<route>batch)/?$", views.take),
    re_path(r"^api/s/(?P<route>identify|track|page|screen|group|alias)/?$", views.take),
]
