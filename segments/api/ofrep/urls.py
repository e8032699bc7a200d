from django.urls import path, re_path

from segments.api.ofrep import views

urlpatterns = [
    path("ofrep/v1/evaluate/flags", views.everything, name="ofrep-flags"),
    re_path(r"^ofrep/v1/evaluate/flags/(?s:(?P<key>.+))\Z", views.one, name="ofrep-flag"),
]
