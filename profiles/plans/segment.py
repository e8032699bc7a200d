"""A plan as Segment's Public API tells it: a page of rules. Pure."""

import base64
from collections.abc import Iterable, Mapping
from datetime import datetime
from typing import Any

from profiles.plans import plan
from profiles.plans.plan import PlanInvalid, Rule
from profiles.plans.schemas import Fault

#: Theirs about their own rows; ours has its versions for that.
_THEIR_TIMES = frozenset({"createdAt", "updatedAt"})


def page(rules: Iterable[Rule], *, made_at: datetime) -> dict[str, Any]:
    """Return the rules as `GET /tracking-plans/{id}/rules` answers, all on one page."""
    times = {"createdAt": made_at.isoformat(), "updatedAt": made_at.isoformat()}
    told = [{**stated, **times} for stated in plan.spell(tuple(rules))["rules"]]
    first = base64.b64encode(b"0").decode()
    return {"data": {"rules": told, "pagination": {"current": first, "totalEntries": len(told)}}}


def rules(document: Any) -> tuple[Rule, ...]:
    """Read such a page, what it holds under `data`, or the bare list. Raises PlanInvalid."""
    found = document
    for name in ("data", "rules"):
        if isinstance(found, dict) and name in found:
            found = found[name]
    if not isinstance(found, list):
        told = "Give a list of rules, as Segment's Public API does, or of self-describing schemas, as Iglu does."
        raise PlanInvalid((Fault("document", told),))
    return plan.read({"rules": [_ours(stated) for stated in found]})


def _ours(stated: Any) -> Any:
    if not isinstance(stated, Mapping):
        return stated
    kept = {name: value for name, value in stated.items() if name not in _THEIR_TIMES and value is not None}
    return {"key": "", "version": 1, **kept}
