"""The admin pages of consent, a file per kind."""

from consent.admin.entries import EntryAdmin
from consent.admin.governed import NoticeAdmin, PurposeAdmin

__all__ = ["EntryAdmin", "NoticeAdmin", "PurposeAdmin"]
