"""A file each."""

from segments.models.delivery import OPEN, Delivery, DeliveryState, Told
from segments.models.delivery_attempt import AttemptKind, DeliveryAttempt
from segments.models.delivery_count import DeliveryCount
from segments.models.delivery_lane import DeliveryLane
from segments.models.delivery_result import DeliveryResult
from segments.models.destination import Destination
from segments.models.destination_decision import DestinationDecision
from segments.models.destination_secret import DestinationSecret
from segments.models.destination_switch import DestinationSwitch, Switched
from segments.models.destination_version import DestinationVersion
from segments.models.funnel import Funnel
from segments.models.list_entry import ListEntry
from segments.models.list_version import ListVersion
from segments.models.membership import Membership
from segments.models.outbox import Change, Outbox
from segments.models.rule_cost import RuleCost
from segments.models.rule_epoch import EpochStatus, RuleEpoch
from segments.models.segment import Segment
from segments.models.segment_day import SegmentDay
from segments.models.segment_decision import SegmentDecision
from segments.models.segment_version import SegmentVersion
from segments.models.shadow import Shadow
from segments.models.shadow_count import ShadowCount
from segments.models.tagging import Tagging
from segments.models.threshold_decision import IN_FORCE, Outcome, ThresholdDecision
from segments.models.threshold_snapshot import ThresholdSnapshot
from segments.models.uploaded_list import UploadedList

__all__ = [
    "IN_FORCE",
    "OPEN",
    "AttemptKind",
    "Change",
    "Delivery",
    "DeliveryAttempt",
    "DeliveryCount",
    "DeliveryLane",
    "DeliveryResult",
    "DeliveryState",
    "Destination",
    "DestinationDecision",
    "DestinationSecret",
    "DestinationSwitch",
    "DestinationVersion",
    "EpochStatus",
    "Funnel",
    "ListEntry",
    "ListVersion",
    "Membership",
    "Outbox",
    "Outcome",
    "RuleCost",
    "RuleEpoch",
    "Segment",
    "SegmentDay",
    "SegmentDecision",
    "SegmentVersion",
    "Shadow",
    "ShadowCount",
    "Switched",
    "Tagging",
    "ThresholdDecision",
    "ThresholdSnapshot",
    "Told",
    "UploadedList",
]
