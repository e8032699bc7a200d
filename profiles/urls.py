from django.urls import URLPattern, URLResolver, include, path

from profiles.api.accounting import AccountingView

urlpatterns: list[URLPattern | URLResolver] = [
    path("", include("profiles.ingest.urls")),
    path("v1/accounting", AccountingView.as_view(), name="accounting"),
]
