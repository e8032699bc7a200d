"""The parts of a person that profiles itself holds: traits with their provenance, identifiers with why they are one."""

from collections.abc import Mapping
from datetime import datetime
from typing import Any

from django.db.models import OuterRef, Q, QuerySet, Subquery

from cdp.ids import to_public
from profiles.models import (
    Identifier,
    JoinRefusal,
    Link,
    LinkReason,
    Merge,
    Origin,
    RefusedIdentifier,
    RefusedJoin,
    Sighting,
    Source,
    Trait,
    TraitMethod,
    TraitValue,
)
from profiles.subject import Place, Section

_IDENTIFIERS_SHOWN = 200
_HISTORY_SHOWN = 50

# What each recorded reason means, as the end of the sentence "it belongs to this person because …".
REASONS: Mapping[str, str] = {
    LinkReason.BORN: "the person was first seen with it",
    LinkReason.SEEN_TOGETHER: "an event carried it together with another identifier of this person",
    LinkReason.SAME_EMAIL: "an event stated this e-mail address for the person",
    LinkReason.STATED: "an event stated it for the person",
    LinkReason.ALIAS: "an alias call said that both are one person",
    LinkReason.MOVED: "an earlier event arrived late and showed that the device was this person's first",
    LinkReason.REFUSED: "it was seen with this person but belongs to another, so it was not joined",
    LinkReason.UNMERGED: "a merge was undone",
    LinkReason.REJOINED: "somebody took the undoing of a merge back",
    LinkReason.RULE: "another identity rule went live",
}

# Why a sighting joined nobody, as a sentence about both.
REFUSALS: Mapping[str, str] = {
    LinkReason.REFUSED: "a device of this person was seen with that one as well, and stays with whom it was first seen",
    JoinRefusal.LIMIT: "one person would have had more than {most} of {kind}",
    JoinRefusal.UNIQUE: "both have a {kind}, and of this type nobody has two",
    JoinRefusal.SEPARATED: "somebody undid a merge of the two",
    JoinRefusal.BLOCKED: "one of the two identifiers is nobody's by the identity rule",
}


def traits(profile_id: int, now: datetime, /) -> Section:
    """The winning value of each trait with its provenance."""
    names = Source.objects.filter(pk=OuterRef("source_id")).values("name")[:1]
    found = Trait.objects.filter(profile_id=profile_id, value__isnull=False).order_by("name")
    rows = found.annotate(source=Subquery(names)).values(
        "name", "value", "method", "source", "observed_at", "applied_at", "confidence"
    )
    return Section(
        key="traits",
        title="Traits",
        rows=tuple({**row, "method": method_name(row["method"])} for row in rows),
        empty="Nothing has been stated about this person. Traits come from identify calls, imports and predictors.",
        template="profiles/subject/traits.html",
        place=Place.SIDE,
        more={"profile_id": profile_id},
    )


def trait_history(*, profile_id: int, name: str) -> list[Mapping[str, Any]]:
    """Every value ever stated for one trait of the person, latest observation first."""
    names = Source.objects.filter(pk=OuterRef("source_id")).values("name")[:1]
    stated = TraitValue.objects.filter(origin_id__in=_origins(profile_id), name=name).order_by("-observed_at", "-id")
    rows = stated.annotate(source=Subquery(names)).values(
        "value", "method", "source", "observed_at", "applied_at", "confidence"
    )
    return [{**row, "method": method_name(row["method"])} for row in rows[:_HISTORY_SHOWN]]


def method_name(method: int) -> str:
    return TraitMethod(method).name.lower()


def identifiers(profile_id: int, now: datetime, /) -> Section:
    """The names the person goes by, what joined each, and the merges that made them one."""
    mine = Identifier.objects.filter(origin_id__in=_origins(profile_id))
    found = list(mine.order_by("type", "first_seen_at")[:_IDENTIFIERS_SHOWN])
    joined = _open_links([row.origin_id for row in found])
    evidence = _sightings(found)
    rows = tuple(
        {
            "type": row.type,
            "value": row.value,
            "first_seen_at": row.first_seen_at,
            "reason": joined.get(row.origin_id, {}).get("reason", ""),
            "joined_at": joined.get(row.origin_id, {}).get("recorded_from"),
            "event_id": joined.get(row.origin_id, {}).get("event_id"),
            "seen_with": evidence.get(row.origin_id, []),
        }
        for row in found
    )
    return Section(
        key="identifiers",
        title="Identifiers",
        rows=rows,
        empty="This person has no identifier left.",
        template="profiles/subject/identifiers.html",
        place=Place.SIDE,
        more={
            "merges": _merges(profile_id),
            "refused": [*_barred(profile_id), *_refused(profile_id)],
            "blocked": _blocked(profile_id),
        },
    )


def _origins(profile_id: int) -> QuerySet:
    return Origin.objects.filter(root_id=profile_id).values("id")


def _open_links(origins: list[int]) -> dict[int, Mapping[str, Any]]:
    rows = Link.objects.filter(origin_id__in=origins, recorded_to__isnull=True)
    return {
        row["origin_id"]: {**row, "reason": REASONS.get(row["reason"], row["reason"])}
        for row in rows.values("origin_id", "reason", "recorded_from", "event_id")
    }


def _sightings(found: list[Identifier]) -> dict[int, list[Mapping[str, Any]]]:
    """For each identifier, with which others of the same person it was seen and when first."""
    known = {row.origin_id: row for row in found}
    seen: dict[int, list[Mapping[str, Any]]] = {}
    pairs = Sighting.objects.filter(origin_id__in=known, with_origin_id__in=known).order_by("seen_at")
    for pair in pairs[: _IDENTIFIERS_SHOWN * 2]:
        for one, other in ((pair.origin_id, pair.with_origin_id), (pair.with_origin_id, pair.origin_id)):
            partner = known[other]
            shown = {"type": partner.type, "value": partner.value, "at": pair.seen_at, "event_id": pair.event_id}
            seen.setdefault(one, []).append(shown)
    return seen


def _merges(profile_id: int) -> list[Mapping[str, Any]]:
    """The merges of whoever is this person now; an undone one shows on both sides."""
    mine = _origins(profile_id)
    rows = Merge.objects.filter(Q(winner_id__in=mine) | Q(loser_id__in=mine)).select_related("undone__separation")
    return [
        {
            "id": row.pk,
            "at": row.at,
            "winner": to_public(row.winner_id),
            "loser": to_public(row.loser_id),
            "identifier_type": row.identifier_type,
            "reason": REASONS.get(row.reason, row.reason.replace("_", " ")),
            "event_id": row.event_id,
            "decided_by": row.decided_by,
            "undone": getattr(row, "undone", None),
        }
        for row in rows.order_by("-at", "-id")[:_HISTORY_SHOWN]
    ]


def _barred(profile_id: int) -> list[Mapping[str, Any]]:
    """What would join this person and somebody else but for a bound of the identity rule or a decision."""
    mine = _origins(profile_id)
    rows = RefusedJoin.objects.filter(Q(origin_id__in=mine) | Q(with_origin_id__in=mine)).order_by("-seen_at")
    found = list(rows.values("origin_id", "with_origin_id", "reason", "kind", "most", "seen_at")[:_HISTORY_SHOWN])
    origins = {row[end] for row in found for end in ("origin_id", "with_origin_id")}
    roots = dict(Origin.objects.filter(id__in=origins).values_list("id", "root_id"))
    return [
        {
            "at": row["seen_at"],
            "root_id": next((root for root in _ends(row, roots) if root != profile_id), profile_id),
            "why": REFUSALS[row["reason"]].format(most=row["most"], kind=row["kind"].replace("_", " ")),
        }
        for row in found
    ]


def _ends(row: Mapping[str, Any], roots: Mapping[int, int]) -> list[int]:
    return [roots[row[end]] for end in ("origin_id", "with_origin_id") if row[end] in roots]


def _refused(profile_id: int) -> list[Mapping[str, Any]]:
    rows = Link.objects.filter(origin_id__in=_origins(profile_id), reason=LinkReason.REFUSED).order_by("-recorded_from")
    return [
        {"at": at, "root_id": root, "why": REFUSALS[LinkReason.REFUSED]}
        for at, root in rows.values_list("recorded_from", "root_id")[:_HISTORY_SHOWN]
    ]


def _blocked(profile_id: int) -> list[Mapping[str, Any]]:
    """The values that came with this person's events and are nobody's identifier."""
    rows = RefusedIdentifier.objects.filter(origin_id__in=_origins(profile_id)).order_by("-last_at")
    return list(rows.values("type", "value", "count", "last_at")[:_HISTORY_SHOWN])
