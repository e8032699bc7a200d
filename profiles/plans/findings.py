"""What a plan may find about an event, and what may become of the event. Pure."""

from enum import StrEnum

from msgspec import Struct


class ViolationType(StrEnum):
    """As Segment names them."""

    REQUIRED = "Required"
    INVALID_TYPE = "Invalid Type"
    INVALID_VALUE = "Invalid Value"
    UNPLANNED_PROPERTY = "Unplanned Property"
    UNPLANNED_EVENT = "Unplanned Event"


class Consequence(StrEnum):
    ALLOWED = "allowed"
    OMITTED = "omitted"
    BLOCKED = "blocked"


class Finding(Struct, frozen=True):
    """One way in which an event does not follow its plan. Neither text holds a value that was sent."""

    type: ViolationType
    field: str
    description: str
    consequence: Consequence
    omits: str = ""  # the top-level name that goes for it
