"""The identity rule over REST: the lifecycle's verbs. What approval would join and part is each version's evidence."""

from typing import Any

from cdp.governance.api import GovernedViewSet
from cdp.governance.models import GovernedHead
from cdp.problems import FieldError, Problem
from profiles.identity.governing import IDENTITY_RULE
from profiles.models import IdentityRule


class IdentityGovernance(GovernedViewSet):
    governed = IDENTITY_RULE

    def _create(self, given: dict[str, Any], *, now: Any) -> GovernedHead:
        if given["key"] != IdentityRule.KEY:
            told = f"There is one identity rule, and its key is “{IdentityRule.KEY}”."
            raise Problem(400, "invalid", told, (FieldError("key", told),))
        return super()._create(given, now=now)
