"""The report and the first request, as people read them in a terminal."""

from collections.abc import Iterator, Mapping
from typing import Any


def curl_lines(base_url: str, read_key: str, report: Mapping[str, Any]) -> str:
    """Return commands that answer with a person, the segments they are in, and the reasons for one of those."""
    person = f"{base_url}/v1/profiles/{report['person']['asked_as']}"
    addresses = [f"{person}?verbose=true"]
    addresses += [f"{person}/segments/{reason['segment']}/why" for reason in report["reasons"][:1]]
    return "".join(f"  curl -s -u {read_key}: '{address}'\n" for address in addresses)


def in_words(report: Mapping[str, Any]) -> str:
    return "\n".join(_lines(report)) + "\n"


def _lines(report: Mapping[str, Any]) -> Iterator[str]:
    counts, export = report["accounting"], report["consent_export"]
    yield "Events"
    for name in ("accepted", "stored", "duplicate", "rejected", "pending"):
        yield f"  {name:<24}{counts[name]:>9,}"
    yield f"People  {counts['people']:>25,}"
    yield "Segments"
    for segment in report["segments"]:
        yield f"  {segment['name']:<24}{segment['size']:>9,}  {segment['sentence'] or 'waits for approval'}"
    yield f"One person: {report['person']['asked_as']} ({report['person']['id']})"
    for reason in report["reasons"]:
        yield f"  is in {reason['segment']} since {reason['stay']['entered_at']}: {reason['explanation']['sentence']}"
    yield f"Consent export: {export['lines']:,} entries, SHA-256 {export['sha256']}"
