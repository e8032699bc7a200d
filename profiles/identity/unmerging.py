"""Undo a merge, and let the two fall together again: somebody's decision, with a comment, recorded for good.

What undoing does
-----------------
No event, trait value or consent entry names a person: each hangs on the origin it came with. So the two sides of a
merge are read from the history of their origins as it was at that moment, a *separation* of the two is recorded, and
everybody concerned is grouped again with it (`matching`): sightings across the separation are void, as if they had
never been, and whatever would bring both sides together by another way is barred. What came in after the merge stays
with the identifiers it came with. The loser's profile id is told about again, and whatever was merged into it before
goes with it.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, ClassVar

from django.db import connection, transaction

from cdp import access
from cdp.access import Actor
from cdp.copying import copy_rows
from cdp.models import User
from cdp.roles import Role, has_role
from profiles.identity import resolve
from profiles.identity.regrouping import Back, Said
from profiles.identity.resolve import Change
from profiles.models import Cause, LinkReason, Merge, Profile, Separation, Side, Unmerge

#: Who may decide that two people are two, or one.
DECIDERS = (Role.AUTHOR, Role.APPROVER, Role.ADMINISTRATOR)
MOST_COMMENT = 2_000


class UnmergeError(Exception):
    code: ClassVar[str]

    def __init__(self, message: str) -> None:
        super().__init__(message)
        self.message = message


class NotAllowed(UnmergeError):
    code = "not_allowed"


class CommentRequired(UnmergeError):
    code = "comment_required"


class NoSuchMerge(UnmergeError):
    code = "not_found"


class AlreadyUndone(UnmergeError):
    """The merge was undone before, or its two people are two for another reason."""

    code = "already_undone"


class NotApart(UnmergeError):
    """Nothing keeps the two apart any more."""

    code = "not_apart"


@dataclass(frozen=True, slots=True)
class _Sides:
    """The origins of the two people of a merge, as they were at that moment."""

    kept: Sequence[int]
    undone: Sequence[int]


@transaction.atomic
def unmerge(*, merge_id: int, by: User, comment: str, now: datetime) -> Unmerge:
    """Make two people of the two that were merged, as if the merge had never been, and keep them apart.

    Raises NotAllowed, CommentRequired, NoSuchMerge, AlreadyUndone.
    """
    told = _told(by, comment)
    with connection.cursor() as cursor:
        at = resolve.take_turn(cursor)
        merge = Merge.objects.filter(pk=merge_id).first()
        if merge is None:
            raise NoSuchMerge("There is no such merge.")
        root = _root_of_loser(merge)
        sides = _sides(cursor, merge)
        undone = Unmerge.objects.create(merge=merge, at=at, decided_by=by.get_username(), comment=told)
        _separate(cursor, undone, sides)
        resolve.regroup(cursor, _change(cursor, merge, sides, root=root, by=by), now=at)
    _record(merge, by=by, action="merge.undo", comment=told, now=now)
    return undone


@transaction.atomic
def rejoin(*, merge_id: int, by: User, comment: str, now: datetime) -> Separation:
    """Lift the separation that undoing a merge left: what events say of the two counts again.

    Raises NotAllowed, CommentRequired, NoSuchMerge, NotApart.
    """
    told = _told(by, comment)
    with connection.cursor() as cursor:
        at = resolve.take_turn(cursor)
        separation = Separation.objects.select_related("unmerge__merge").filter(unmerge__merge_id=merge_id).first()
        if separation is None:
            raise NoSuchMerge("No such merge was undone.")
        if separation.lifted_at is not None:
            raise NotApart("This decision was taken back before: events decide about the two again.")
        separation.lifted_at, separation.lifted_by, separation.lifted_comment = at, by.get_username(), told
        separation.save(update_fields=["lifted_at", "lifted_by", "lifted_comment"])
        cursor.execute("SELECT origin_id FROM separated_origin WHERE separation_id = %s", [separation.pk])
        affected = [origin for (origin,) in cursor.fetchall()]
        said = Said(LinkReason.REJOINED, Cause.MERGE, by.get_username())
        resolve.regroup(cursor, Change(affected=affected, said=said), now=at)
    _record(separation.unmerge.merge, by=by, action="merge.rejoin", comment=told, now=now)
    return separation


def _told(by: User, comment: str) -> str:
    if not has_role(by, *DECIDERS):
        raise NotAllowed(f"This takes one of the roles: {', '.join(DECIDERS)}.")
    told = comment.strip()
    if not told or len(told) > MOST_COMMENT:
        raise CommentRequired(f"Say why, in at most {MOST_COMMENT:,} characters: it stays with the decision.")
    return told


def _root_of_loser(merge: Merge) -> int:
    """Return whom the loser is part of now."""
    if Unmerge.objects.filter(merge=merge).exists():
        raise AlreadyUndone("This merge was undone before.")
    into = Profile.objects.values_list("merged_into", flat=True).get(pk=merge.loser_id)
    merged_again = Merge.objects.filter(loser_id=merge.loser_id, pk__gt=merge.pk).exists()
    if into is None or merged_again:
        raise AlreadyUndone("The two are two people already: the events or the identity rule that joined them changed.")
    return into


def _sides(cursor: Any, merge: Merge) -> _Sides:
    facts = {"winner": merge.winner_id, "loser": merge.loser_id, "at": merge.at}
    cursor.execute(_UNDONE, facts)
    undone = [origin for (origin,) in cursor.fetchall()]
    cursor.execute(_KEPT, facts)
    kept = [origin for (origin,) in cursor.fetchall()]
    cursor.execute(_UNDONE_WITH_IT, {**facts, "merge": merge.pk})
    return _Sides(kept + [origin for (origin,) in cursor.fetchall()], undone)


def _separate(cursor: Any, undone: Unmerge, sides: _Sides) -> None:
    separation = Separation.objects.create(unmerge=undone)
    rows = [(separation.pk, origin, Side.KEPT.value) for origin in sides.kept]
    rows += [(separation.pk, origin, Side.UNDONE.value) for origin in sides.undone]
    copy_rows(cursor, "separated_origin", ("separation_id", "origin_id", "side"), rows)


def _change(cursor: Any, merge: Merge, sides: _Sides, *, root: int, by: User) -> Change:
    """Only what is still part of the joint person goes back with the loser: what left it since stands where it is."""
    facts = {"origins": list(sides.undone), "root": root, "loser": merge.loser_id}
    cursor.execute(_STILL_JOINED, {**facts, "winner": merge.winner_id, "at": merge.at})
    still = cursor.fetchall()
    followers = {origin for origin, is_identifier in still if not is_identifier} | {merge.loser_id}
    return Change(
        affected=[*sides.kept, *sides.undone],
        said=Said(LinkReason.UNMERGED, Cause.UNMERGE, by.get_username()),
        back=Back(merge.loser_id, root, tuple(sorted(followers))),
        homes={origin: merge.loser_id for origin, is_identifier in still if is_identifier},
    )


def _record(merge: Merge, *, by: User, action: str, comment: str, now: datetime) -> None:
    access.record(
        actor=Actor.person(by),
        action=action,
        profile_ids=[merge.winner_id, merge.loser_id],
        purpose="administration",
        fields=("identifiers",),
        basis={"merge": merge.pk, "comment": comment},
        now=now,
    )


# An origin may have left in the very transaction of the merge; then its time with the winner is an empty period.
_UNDONE = """
SELECT before.origin_id
  FROM link before JOIN link after ON after.origin_id = before.origin_id AND after.root_id = %(winner)s
       AND after.recorded_from = %(at)s AND after.recorded_to IS DISTINCT FROM %(at)s
 WHERE before.root_id = %(loser)s AND before.recorded_to = %(at)s AND before.recorded_from < before.recorded_to
"""
_KEPT = """
SELECT origin_id FROM link
 WHERE root_id = %(winner)s AND recorded_from < %(at)s AND (recorded_to IS NULL OR recorded_to > %(at)s)
"""
# Where one event joined more than two, each merge is undone by itself: the first leaves the others as events say of
# them, and each further one parts its person from those whose merge was undone before.
_UNDONE_WITH_IT = """
SELECT origin_id
  FROM merge JOIN unmerge ON unmerge.merge_id = merge.id JOIN separation ON separation.unmerge_id = unmerge.id
  JOIN separated_origin ON separation_id = separation.id AND side = 1
 WHERE winner_id = %(winner)s AND merge.at = %(at)s AND merge.id <> %(merge)s AND separation.lifted_at IS NULL
"""
_STILL_JOINED = """
SELECT origin.id, EXISTS (SELECT FROM identifier WHERE origin_id = origin.id)
  FROM origin
 WHERE id = ANY(%(origins)s)
   AND (root_id = %(root)s OR root_id IN (SELECT loser_id FROM merge WHERE winner_id = %(winner)s AND at = %(at)s))
   AND (root_id <> id OR id = %(loser)s)
"""
