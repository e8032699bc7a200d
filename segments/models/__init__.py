"""A file each."""

from segments.models.funnel import Funnel
from segments.models.membership import Membership
from segments.models.outbox import Change, Outbox
from segments.models.rule_cost import RuleCost
from segments.models.rule_epoch import EpochStatus, RuleEpoch
from segments.models.segment import Segment
from segments.models.segment_decision import SegmentDecision
from segments.models.segment_version import SegmentVersion

__all__ = [
    "Change",
    "EpochStatus",
    "Funnel",
    "Membership",
    "Outbox",
    "RuleCost",
from segments.models.segment_day import SegmentDay
    "RuleEpoch",
    "Segment",
    "SegmentDecision",
    "SegmentVersion",
]
    "SegmentDay",
