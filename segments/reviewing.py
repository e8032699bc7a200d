"""What the page of a version draws beside its JSON: the evidence, what of it grew old, and the trial in the shadow."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from django.template.loader import render_to_string
from django.urls import reverse
from django.utils.html import format_html
from django.utils.safestring import SafeString

from cdp.ids import from_public, to_public
from segments.evidence import Moved, distance, is_stale
from segments.models import Shadow, ShadowCount

MOST_COUNTS = 48
_SAMPLES = (("Would enter", "entering_sample"), ("Would leave", "leaving_sample"), ("Would be in", "sample"))


@dataclass(frozen=True, slots=True)
class Shown:
    """A person of a sample, by their public id."""

    told: str
    address: str


@dataclass(frozen=True, slots=True)
class _Row:
    at: datetime
    both: int
    only_live: int
    only_shadow: int

    @property
    def _all(self) -> int:
        return max(1, self.both + self.only_live + self.only_shadow)

    @property
    def live_share(self) -> int:
        return round(100 * self.only_live / self._all)

    @property
    def both_share(self) -> int:
        return round(100 * self.both / self._all)

    @property
    def shadow_from(self) -> int:
        return self.live_share + self.both_share

    @property
    def shadow_share(self) -> int:
        return 100 - self.shadow_from


def draw_evidence(evidence: Mapping[str, Any]) -> SafeString:
    """Draw counts, samples, warnings, consent, overlaps and dependents."""
    samples = [(label, _people(_ids(evidence.get(name, ())))) for label, name in _SAMPLES if evidence.get(name)]
    return render_to_string("segments/evidence.html", {"evidence": evidence, "samples": samples[:2] or samples})


def counted(evidence: Mapping[str, Any], *, now: datetime) -> SafeString | None:
    """How many people there are, and how many there would be."""
    if "size" not in evidence:
        return None
    before = evidence["unchanged"] + evidence["leaving"]
    stale = " (counted long ago: it is counted again before approval)" if is_stale(evidence, now=now) else ""
    return format_html("{} → <strong>{}</strong> people{}", f"{before:,}", f"{evidence['size']:,}", stale)


def draw_moved(frozen: Mapping[str, Any], fresh: Mapping[str, Any]) -> SafeString:
    """Draw what is counted now beside what was frozen."""
    moved: Moved = distance(frozen, fresh)
    told = "has moved much" if moved.much else "has hardly moved"
    return format_html(
        "<p>The request's evidence is old and {}: {} → <strong>{}</strong> people would be in.</p>{}",
        told,
        f"{moved.before:,}",
        f"{moved.after:,}",
        draw_evidence(fresh),
    )


def draw_shadow(version: Any, *, now: datetime) -> SafeString | None:
    """Draw the two memberships over time; None where there is no trial."""
    shadow = Shadow.objects.filter(version=version).first()
    if shadow is None:
        return None
    found = list(shadow.counts.order_by("-at")[: MOST_COUNTS + 1])
    latest = found[0] if found else None
    samples = _shadow_samples(latest) if latest else []
    context = {
        "shadow": shadow,
        "is_over": shadow.ends_at <= now,
        "latest": latest,
        "samples": [(label, _people(ids)) for label, ids in samples if ids],
        "counts": [_Row(row.at, row.both, row.only_live, row.only_shadow) for row in found[:MOST_COUNTS]],
        "more": len(found) > MOST_COUNTS,
    }
    return render_to_string("segments/shadow.html", context)


def people_shown(version: Any) -> list[int]:
    """Whom the page of a version names: their record is written with the answer."""
    shown = {one for _, name in _SAMPLES for one in _ids(version.evidence.get(name, ()))}
    latest = ShadowCount.objects.filter(shadow=version.pk).order_by("-at").first()
    if latest is not None:
        shown |= {one for _, ids in _shadow_samples(latest) for one in ids}
    return sorted(shown)


def _shadow_samples(count: ShadowCount) -> Sequence[tuple[str, Sequence[int]]]:
    return [("Only in what is live", count.only_live_sample), ("Only in the shadow", count.only_shadow_sample)]


def _ids(spelled: Iterable[str]) -> list[int]:
    return [number for one in spelled if (number := from_public(one)) is not None]


def _people(ids: Iterable[int]) -> list[Shown]:
    return [Shown(to_public(one), reverse("admin:profiles_profile_change", args=[one])) for one in ids]
