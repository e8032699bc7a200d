from django.urls import path, re_path

from segments.api.ofrep import views

urlpatterns = [
    path("ofrep/v1/evaluate/flags", views.everything, name="ofrep-flags"),
    re_path(r"^ofrep/v1/evaluate/flags/(?P<key>[\s\S]+)\Z", views.one, name="ofrep-flag"),
]
