"""A file each."""

from consent.models.entry import Channel, Entry, EntryOperation
from consent.models.entry_private import EntryPrivate
from consent.models.notice import Notice
from consent.models.notice_decision import NoticeDecision
from consent.models.notice_version import NoticeVersion
from consent.models.preference import DevicePreference
from consent.models.purpose import Purpose
from consent.models.purpose_decision import PurposeDecision
from consent.models.purpose_version import PurposeVersion
from consent.models.state import ConsentState
from consent.models.subject_key import SubjectKey

__all__ = [
    "Channel",
    "ConsentState",
    "DevicePreference",
    "Entry",
    "EntryOperation",
    "EntryPrivate",
    "Notice",
    "NoticeDecision",
    "NoticeVersion",
    "Purpose",
    "PurposeDecision",
    "PurposeVersion",
    "SubjectKey",
]
