"""The addresses of the platform itself; each app has its own list."""

from django.urls import path

from cdp.api import schema  # noqa: F401  # its extensions are found by being imported
from cdp.api.keys import KeysView, RevokeKeyView, RotateKeyView
from cdp.api.tokens import TokensView

urlpatterns = [
    path("v1/keys", KeysView.as_view(), name="keys"),
    path("v1/keys/<int:id>/rotate", RotateKeyView.as_view(), name="key-rotate"),
    path("v1/keys/<int:id>/revoke", RevokeKeyView.as_view(), name="key-revoke"),
    path("v1/tokens", TokensView.as_view(), name="tokens"),
]
