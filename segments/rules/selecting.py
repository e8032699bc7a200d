"""What the leaves that look at events have in common."""

from dataclasses import dataclass
from typing import Protocol

from segments.rules.nodes import Condition, Period, Within


class Selects(Protocol):
    """What says which events it looks at: their name, a stretch of time, and a condition on each."""

    @property
    def event(self) -> str: ...

    @property
    def window(self) -> Within | Period | None: ...

    @property
    def where(self) -> Condition | None: ...


@dataclass(frozen=True, slots=True)
class Selection:
    """The events of a name that a condition is true for, whenever they were."""

    event: str
    where: Condition | None = None
    window: None = None
