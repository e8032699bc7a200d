"""Why a person was in a segment at a moment of the past, or why not: as it was known then, or as it is known today.

Which rule was live then is told by the epochs. A stay that began or ended at the very moment names its own: a
publication is dated by its door, and until it has the lanes' lock they go on judging by the version before.
"""

from dataclasses import dataclass
from datetime import datetime
from zoneinfo import ZoneInfo

from django.db.models import Q

from profiles.identity import past
from segments import freshness, rulebook
from segments.looking import look
from segments.models import EpochStatus, Membership, RuleEpoch
from segments.reasons import Reasons, approval_of
from segments.standpoint import Known, Standpoint


class NotThen(Exception):
    """There is nothing to explain for that moment; the message says why, `code` in a word."""

    def __init__(self, code: str, message: str) -> None:
        super().__init__(message)
        self.code = code
        self.message = message


@dataclass(frozen=True, slots=True)
class Asked:
    """Which moment is asked about, and whose knowledge counts."""

    at: datetime
    known: Known = Known.THEN


def why_at(*, origin_id: int, key: str, asked: Asked) -> Reasons:
    """Explain one segment for whoever an origin (an identifier's, or a profile's own) was then, or is today.

    Raises NotThen where nobody was known by it, or no version was live.
    """
    then = past.person_at(origin_id=origin_id, at=asked.at)
    person = then if asked.known is Known.THEN else past.person_of(origin_id=origin_id)
    if person is None:
        raise NotThen("not_known_then", "Nobody was known by this name at that moment.")
    stay = _stay_at(then or person, key, asked.at)
    row = _epoch_at(key, stay, asked.at)
    if row is None or row.version is None or row.status == EpochStatus.BROKEN:
        raise NotThen("segment_not_live", "No version of this segment was live at that moment.")
    book = rulebook.as_published(row)
    (live,) = book.rules
    zone = ZoneInfo(row.dependencies["zone"])
    seen = look(live, Standpoint(person, asked.at, asked.known), catalogue=book.catalogue, zone=zone)
    if seen is None:
        raise NotThen("not_known_then", "Nobody was known by this name at that moment.")
    return Reasons(
        profile_id=person,
        segment=live,
        approval=approval_of(live.version_id, until=max(asked.at, row.published_at)),
        seen=seen,
        stay=stay,
        as_of=asked.at,
        freshness=freshness.of_segment(live.segment_id),
        known=asked.known,
    )


def _stay_at(profile_id: int, key: str, at: datetime) -> Membership | None:
    """The stay that ended at the very moment, that stood then, or that was the latest before."""
    stays = Membership.objects.filter(profile_id=profile_id, segment__key=key, entered_at__lte=at)
    stays = stays.select_related("version", "standing_version", "left_version")
    return stays.filter(left_at=at).first() or stays.order_by("-entered_at").first()


def _epoch_at(key: str, stay: Membership | None, at: datetime) -> RuleEpoch | None:
    rows = RuleEpoch.objects.filter(segment__key=key).select_related("segment", "version").order_by("-epoch")
    if stay is not None and stay.left_at == at and stay.left_version_id is not None:
        ended_by = Q(version=stay.left_version_id, published_at__lte=at)
        return rows.filter(ended_by).first()
    if stay is not None and stay.entered_at == at:
        return rows.filter(epoch=stay.epoch).first()
    return rows.filter(published_at__lte=at).first()
