"""
What a new workspace starts with, entered in settings.FIRST_RUN: one notice and three purposes, through the same two
people and the same four eyes as everything later.
"""

from typing import Any

from cdp.governance import lifecycle
from cdp.workspace import FirstRun
from consent.purposes import NOTICES, PURPOSES

_NOTICE = (
    "We use what you do in our shop to run it, and, where you agree, to measure how it is used and to send you offers"
    " that fit you. You can change your mind at any time on the privacy page."
)
_NOTICES: dict[str, tuple[str, dict[str, Any]]] = {
    "website": ("Website consent banner", {"language": "en", "text": _NOTICE}),
}
_PURPOSES: dict[str, tuple[str, dict[str, Any]]] = {
    "service": (
        "Running the shop",
        {
            "title": "Running the shop",
            "description": "Orders, accounts and support: what the contract with a customer needs.",
            "legal_basis": "contract",
        },
    ),
    "analytics": (
        "Measuring use",
        {
            "title": "Measuring use",
            "description": "How the shop is used, so that it can be made better.",
            "legal_basis": "consent",
            "accepted_assurance": ["client", "server"],
            "categories": ["analytics"],
            "notice": "website",
        },
    ),
    "marketing": (
        "Offers that fit",
        {
            "title": "Offers that fit",
            "description": "Newsletters and offers chosen by what a person looked at and bought.",
            "legal_basis": "consent",
            "accepted_assurance": ["client", "server"],
            "categories": ["marketing", "advertising"],
            "expires_after": "730d",
            "notice": "website",
        },
    ),
}


def purposes(first_run: FirstRun, /) -> None:
    """Bring the first notice and purposes to life."""
    for governed, wanted in ((NOTICES, _NOTICES), (PURPOSES, _PURPOSES)):
        for key, (name, content) in wanted.items():
            author, approver, now = first_run.author, first_run.approver, first_run.now
            head = lifecycle.create(governed=governed, key=key, name=name, by=author, now=now)
            version = lifecycle.draft(head=head, content=content, by=author, now=now)
            lifecycle.submit(version=version, by=author, now=now)
            lifecycle.approve(version=version, comment="Comes with a new workspace.", by=approver, now=now)
