"""Purposes and notices over REST: the lifecycle's verbs."""

from cdp.governance.api import GovernedViewSet
from consent.purposes import NOTICES, PURPOSES


class PurposeGovernance(GovernedViewSet):
    governed = PURPOSES


class NoticeGovernance(GovernedViewSet):
    governed = NOTICES
