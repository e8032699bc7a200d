from profiles.models.card import Card
from profiles.models.definition import DefinitionStatus, PersonalClass, ValueType
from profiles.models.due import Due
from profiles.models.event import Event, EventKind
from profiles.models.event_definition import EventDefinition
from profiles.models.event_key import EventKey
from profiles.models.file_job import DataExport, ImportJob
from profiles.models.heavy_person import HeavyPerson
from profiles.models.identifier import Identifier, IdentifierType
from profiles.models.identity_rule import IdentityRule
from profiles.models.identity_rule_decision import IdentityRuleDecision
from profiles.models.identity_rule_version import IdentityRuleVersion
from profiles.models.import_fault import ImportFault
from profiles.models.import_request import ImportRequest
from profiles.models.inbox import InboxRow, InboxState
from profiles.models.inbox_day_total import InboxDayTotal
from profiles.models.lane import Lane
from profiles.models.last_context import LastContext
from profiles.models.link import Link, LinkReason
from profiles.models.merge import Merge
from profiles.models.origin import Origin
from profiles.models.parked_touch import ParkedTouch
from profiles.models.profile import Profile
from profiles.models.property_definition import PropertyDefinition
from profiles.models.refused_identifier import RefusedIdentifier
from profiles.models.refused_join import JoinRefusal, RefusedJoin
from profiles.models.rejected_event import RejectedEvent
from profiles.models.retired_month import RetiredMonth
from profiles.models.separation import SeparatedOrigin, Separation, Side
from profiles.models.sighting import Sighting
from profiles.models.source import Source, SourceKind
from profiles.models.source_decision import SourceDecision
from profiles.models.source_version import SourceVersion
from profiles.models.touched import Cause, Touched
from profiles.models.tracking_plan import TrackingPlan
from profiles.models.tracking_plan_decision import TrackingPlanDecision
from profiles.models.tracking_plan_version import TrackingPlanVersion
from profiles.models.trait import Trait
from profiles.models.trait_definition import TraitDefinition
from profiles.models.trait_value import TraitMethod, TraitValue
from profiles.models.unmerge import Unmerge
from profiles.models.violation import Violation
from profiles.models.violation_count import ViolationCount

__all__ = [
    "Card",
    "Cause",
    "DataExport",
    "DefinitionStatus",
    "Due",
    "Event",
    "EventDefinition",
    "EventKey",
    "EventKind",
    "HeavyPerson",
    "Identifier",
    "IdentifierType",
    "IdentityRule",
    "IdentityRuleDecision",
    "IdentityRuleVersion",
    "ImportFault",
    "ImportJob",
    "ImportRequest",
    "InboxDayTotal",
    "InboxRow",
    "InboxState",
    "JoinRefusal",
    "Lane",
    "LastContext",
    "Link",
    "LinkReason",
    "Merge",
    "Origin",
    "ParkedTouch",
    "PersonalClass",
    "Profile",
    "PropertyDefinition",
    "RefusedIdentifier",
    "RefusedJoin",
    "RejectedEvent",
    "RetiredMonth",
    "SeparatedOrigin",
    "Separation",
    "Side",
    "Sighting",
    "Source",
    "SourceDecision",
    "SourceKind",
    "SourceVersion",
    "Touched",
    "TrackingPlan",
    "TrackingPlanDecision",
    "TrackingPlanVersion",
    "Trait",
    "TraitDefinition",
    "TraitMethod",
    "TraitValue",
    "Unmerge",
    "ValueType",
    "Violation",
    "ViolationCount",
]
