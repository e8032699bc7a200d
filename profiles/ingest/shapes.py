"""What is read of an event as it was sent, and the two ways of reading it."""

from typing import Annotated, Any, Union

from msgspec import Meta, Struct
from msgspec.json import Decoder

from profiles.ingest.incoming import NUMBER_LIMIT


# Keys that are not named here (channel, _metadata, integrations) are skipped without being built. Times are taken as
# they come: their own reader says which of them is wrong, and why.
class SentEvent(Struct):
    """An event as it was sent, nothing of it judged."""

    type: str | None = None
    messageId: str | int | None = None
    userId: str | int | None = None
    anonymousId: str | int | None = None
    previousId: str | int | None = None
    groupId: str | int | None = None
    event: str | None = None
    name: str | None = None
    category: str | None = None
    traits: dict[str, Any] | None = None
    properties: dict[str, Any] | None = None
    context: dict[str, Any] | None = None
    timestamp: Any = None
    originalTimestamp: Any = None
    sentAt: Any = None


# What passes here needs no second look at its numbers and its depth. Whatever does not, read in one go with all the
# events of its request, is read again by itself, and only then judged. Written out, because no type refers to itself.
_Integer = Annotated[int, Meta(ge=-(2**63), le=2**63 - 1)]
_Number = Annotated[float, Meta(gt=-NUMBER_LIMIT, lt=NUMBER_LIMIT)]
_Single = Union[str, bool, _Integer, _Number, None]  # noqa: UP007 - what a decoder is made from
_Inner = Union[_Single, list[_Single], dict[str, _Single]]  # noqa: UP007
_Fit = dict[str, Union[_Single, list[_Inner], dict[str, _Inner]]] | None  # noqa: UP007


class FitEvent(SentEvent):
    """An event whose numbers and depth can be kept."""

    traits: _Fit = None
    properties: _Fit = None
    context: _Fit = None


one_event = Decoder(SentEvent)
fit_events = Decoder(list[FitEvent])
