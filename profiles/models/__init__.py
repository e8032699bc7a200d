from profiles.models.card import Card
from profiles.models.definition import DefinitionStatus, PersonalClass, ValueType
from profiles.models.due import Due
from profiles.models.event import Event, EventKind
from profiles.models.event_definition import EventDefinition
from profiles.models.event_key import EventKey
from profiles.models.identifier import Identifier, IdentifierType
from profiles.models.inbox import InboxRow, InboxState
from profiles.models.lane import Lane
from profiles.models.link import Link, LinkReason
from profiles.models.merge import Merge
from profiles.models.origin import Origin
from profiles.models.parked_touch import ParkedTouch
from profiles.models.profile import Profile
from profiles.models.property_definition import PropertyDefinition
from profiles.models.rejected_event import RejectedEvent
from profiles.models.sighting import Sighting
from profiles.models.source import Source, SourceKind
from profiles.models.touched import Cause, Touched
from profiles.models.trait import Trait
from profiles.models.trait_definition import TraitDefinition
from profiles.models.trait_value import TraitMethod, TraitValue

__all__ = [
    "Card",
    "Cause",
    "DefinitionStatus",
    "Due",
    "Event",
    "EventDefinition",
    "EventKey",
    "EventKind",
    "Identifier",
    "IdentifierType",
    "InboxRow",
    "InboxState",
    "Lane",
    "Link",
    "LinkReason",
    "Merge",
    "Origin",
    "ParkedTouch",
    "PersonalClass",
    "Profile",
    "PropertyDefinition",
    "RejectedEvent",
    "Sighting",
    "Source",
    "SourceKind",
    "Touched",
    "Trait",
    "TraitDefinition",
    "TraitMethod",
    "TraitValue",
    "ValueType",
]
