"""The admin's pages about people and about what comes in. The pages only show and forward; every button is one call."""

from profiles.admin.catalogue import EventDefinitionAdmin, PropertyDefinitionAdmin, TraitDefinitionAdmin
from profiles.admin.exports import DataExportAdmin
from profiles.admin.identity_rule import IdentityRuleAdmin
from profiles.admin.imports import ImportJobAdmin
from profiles.admin.merges import MergeAdmin
from profiles.admin.parked_people import ParkedTouchAdmin
from profiles.admin.people import ProfileAdmin
from profiles.admin.plans import TrackingPlanAdmin
from profiles.admin.rejected import RejectedEventAdmin
from profiles.admin.requests import InboxRowAdmin
from profiles.admin.sources import SourceAdmin
from profiles.admin.violations import ViolationCountAdmin

__all__ = [
    "DataExportAdmin",
    "EventDefinitionAdmin",
    "IdentityRuleAdmin",
    "ImportJobAdmin",
    "InboxRowAdmin",
    "MergeAdmin",
    "ParkedTouchAdmin",
    "ProfileAdmin",
    "PropertyDefinitionAdmin",
    "RejectedEventAdmin",
    "SourceAdmin",
    "TrackingPlanAdmin",
    "TraitDefinitionAdmin",
    "ViolationCountAdmin",
]
