"""From where a statement looks at people: now, or a moment of the past with the knowledge of then or of today.

Three questions about a moment T are different, and each has its own answer:

    what we said         the stay that stood at T, with the evidence frozen as it began: `memberships`
    true, as known then  the rule evaluated at T over what had been recorded by T: a late event does not count, two
                         profiles that were merged later are two, an undone merge still holds
    true, as known now   the rule evaluated at T over what had happened by T, whenever we heard of it, for the people as
                         they are known now

The last two are the compiled statement itself over the past of its tables (`profiles.facts.past`, `consent.past`,
`lists.past`); nested segments and the values of thresholds are those that the rule was published with.
What was recorded is told by the clock that the recording transaction read. One that was still open while a lane judged
was not seen by it, though its moment is earlier: asked for the very moment of a flip that happened within such a
transaction, which takes a fraction of a second, `then` can know more than the lane did. The frozen evidence tells.
"""

from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import Any

from consent import past as consent_past
from profiles.facts import past
from profiles.identity.past import origins_at, origins_of
from segments.lists import past as lists_past

_FOREVER = "infinity"
_TABLES = {**consent_past.TABLES, **lists_past.TABLES}


class Known(StrEnum):
    """Whose knowledge counts for a question about the past."""

    THEN = "then"
    TODAY = "today"


@dataclass(frozen=True, slots=True)
class Standpoint:
    """Whom a statement is asked about and as of when; `known` of None looks at the tables as they are."""

    profile_id: int
    at: datetime
    known: Known | None = None

    def statement(self, sql: str) -> str:
        return sql if self.known is None else past.statement(sql, tables=_TABLES)

    def parameters(self) -> dict[str, Any]:
        asked: dict[str, Any] = {"ids": [self.profile_id], "now": self.at}
        if self.known is None:
            return asked
        then = self.known is Known.THEN
        consents = consent_past.parameters(
            profile_id=self.profile_id,
            origins=self.origins(),
            at=self.at,
            known_at=self.at if then else None,
        )
        known, observed = (self.at, _FOREVER) if then else (_FOREVER, self.at)
        return asked | consents | {"known": known, "observed": observed}

    def origins(self) -> tuple[int, ...]:
        """Everything that was this person, by the knowledge that counts."""
        if self.known is Known.THEN:
            return origins_at(profile_id=self.profile_id, at=self.at)
        return origins_of(profile_id=self.profile_id)
