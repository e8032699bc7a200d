"""What became of it all, asked of the product as its customers ask: accounting, segments, one person, one export."""

import hashlib
import io
import zipfile
from collections.abc import Iterator, Mapping
from dataclasses import asdict, dataclass
from typing import Any

from cdp.demo.client import Door
from cdp.demo.filling import Sample, wait_until
from cdp.demo.people import meet

_LOOKED_AT = 60  # people, until one with reasons enough is found


@dataclass(frozen=True, slots=True)
class Export:
    """A consent export: enough to tell two of them apart."""

    lines: int
    sha256: str


@dataclass(frozen=True, slots=True)
class Report:
    """The main job's result. `problems` is empty when everything is as promised."""

    accounting: Mapping[str, int]
    segments: tuple[Mapping[str, Any], ...]
    person: Mapping[str, Any]
    reasons: tuple[Mapping[str, Any], ...]
    consent_export: Export

    def problems(self) -> list[str]:
        return list(self._problems())

    def _problems(self) -> Iterator[str]:
        counts = self.accounting
        if counts["accepted"] != sum(counts[name] for name in ("stored", "duplicate", "rejected", "pending")):
            yield "accepted is not stored + duplicate + rejected + pending"
        if counts["pending"]:
            yield f"{counts['pending']} events are still pending"
        if not counts["stored"]:
            yield "no event was stored"
        for segment in self.segments:
            if segment["version"] is not None and segment["status"] != "ready":
                yield f"{segment['name']} is {segment['status']}"
        if not any(segment["size"] for segment in self.segments):
            yield "no segment has a member"
        if not self.reasons:
            yield f"none of {_LOOKED_AT} people is in a segment"
        if not self.consent_export.lines:
            yield "the consent export is empty"

    def as_json(self) -> dict[str, Any]:
        return asdict(self) | {"problems": self.problems()}


def ask(*, reading: Door, compliance: Door, sample: Sample) -> Report:
    """Ask for everything; raises Refused where an answer is denied."""
    person = _somebody(reading, sample)
    return Report(
        accounting=reading.get("/v1/accounting"),
        segments=tuple(segments(reading)),
        person=person,
        reasons=tuple(_reasons(reading, person)),
        consent_export=_export(compliance),
    )


def segments(reading: Door) -> list[Mapping[str, Any]]:
    found: list[Mapping[str, Any]] = reading.get("/v1/segments")
    return found


def path_of(person: Mapping[str, Any]) -> str:
    return f"/v1/profiles/{person['asked_as']}"


def _somebody(reading: Door, sample: Sample) -> Mapping[str, Any]:
    """Return the customer with most segments among the first few."""
    best: dict[str, Any] = {"asked_as": "", "segments": []}
    known = (meet(sample.seed, number)[0] for number in range(1, sample.people + 1))
    customers = [person for person in known if person.user_id is not None][:_LOOKED_AT]
    for customer in customers:
        asked_as = f"user_id:{customer.user_id}"
        found = reading.find(f"/v1/profiles/{asked_as}")
        if found is not None and len(found["segments"]) > len(best["segments"]):
            best = found | {"asked_as": asked_as}
    return best


def _reasons(reading: Door, person: Mapping[str, Any]) -> Iterator[Mapping[str, Any]]:
    for segment in person["segments"]:
        yield reading.get(f"{path_of(person)}/segments/{segment['key']}/why")


def _export(compliance: Door) -> Export:
    """Ask for the whole log, wait until it is written, and look into what comes."""
    asked = compliance.post("/v1/consent/exports", {})
    path = f"/v1/consent/exports/{asked['id']}"
    wait_until(lambda: compliance.get(path)["state"] in ("done", "failed"), what="the consent export was not written")
    archive = zipfile.ZipFile(io.BytesIO(compliance.fetch(f"{path}/download").content))
    (record,) = (name for name in archive.namelist() if name.endswith(".jsonl"))
    exported = archive.read(record)
    return Export(lines=exported.count(b"\n"), sha256=hashlib.sha256(exported).hexdigest())
