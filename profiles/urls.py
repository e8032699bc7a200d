from django.urls import URLPattern, URLResolver, include, path, register_converter

from profiles.api.accounting import AccountingView
from profiles.api.converters import IdentifierConverter
from profiles.api.profile import read_profile

register_converter(IdentifierConverter, "identifier")

urlpatterns: list[URLPattern | URLResolver] = [
    path("", include("profiles.ingest.urls")),
    path("v1/accounting", AccountingView.as_view(), name="accounting"),
    path("", include("profiles.api.segment_profiles.urls")),
    path("v1/profiles/<slug:type>:<identifier:value>", read_profile, name="profile-read"),
]
