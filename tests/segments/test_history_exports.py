"""Who was in one segment on a day, as a file: for a purpose, with a record, as Parquet or as a sheet."""

import csv
import io
import zipfile
from datetime import date, timedelta
from typing import Any

import pytest

from cdp.access import Actor
from cdp.models import AccessRecord
from profiles.exports import asking, jobs, writing
from profiles.exports.asking import ExportRefused, Format
from profiles.models import Profile
from tests.segments.world import START, World

GERMAN = {"trait": "country", "op": "=", "value": "DE"}
NOW = START + timedelta(days=3)
DAY = {"start": date(2026, 3, 3), "end": date(2026, 3, 4)}


@pytest.fixture
def world(committed_world: World) -> World:
    committed_world.purpose("analytics", legal_basis="contract")
    for key, rule in (("germans", GERMAN), ("grown", {"trait": "age", "op": ">=", "value": 18})):
        committed_world.publish(key, rule)
    for traits in ({"country": "DE"}, {"country": "DE", "age": 20}, {"age": 30}):
        committed_world.person(**traits)
    committed_world.judge(*_everybody(), now=START)
    return committed_world


def _everybody() -> list[int]:
    return list(Profile.objects.values_list("id", flat=True))


def exported(**more: Any) -> dict[str, bytes]:
    wanted = asking.Wanted("analytics", **{**DAY, **more})
    job = asking.request(wanted=wanted, by=Actor.system("test"), now=NOW)
    assert jobs.run_next(now=NOW)
    with zipfile.ZipFile(writing.path_of(job)) as packed:
        return {name: packed.read(name) for name in packed.namelist()}


def test_one_segment_leaves_alone_and_as_memberships_only(world: World) -> None:
    files = exported(segment="germans", format=Format.CSV)
    assert set(files) == {"manifest.json", "memberships/date=2026-03-03/part-0.csv"}
    rows = list(csv.DictReader(io.StringIO(files["memberships/date=2026-03-03/part-0.csv"].decode())))
    assert [(row["segment"], row["version"], row["left_at"]) for row in rows] == [("germans", "1", "")] * 2
    assert len({row["person_id"] for row in rows}) == 2
    asked = AccessRecord.objects.get(action="data.export")
    assert (asked.purpose, asked.basis["segment"], asked.basis["format"]) == ("analytics", "germans", "csv")
    assert AccessRecord.objects.get(action="data.export.written").basis["rows"] == 2


def test_without_a_segment_everything_leaves_as_before(world: World) -> None:
    files = exported(tables=("memberships",))
    assert set(files) == {"manifest.json", "memberships/date=2026-03-03/part-0.parquet"}


@pytest.mark.parametrize("more", [{"segment": "nothing"}, {"segment": "germans", "tables": ("people",)}])
def test_what_cannot_be_narrowed_is_refused_by_its_field(world: World, more: dict[str, Any]) -> None:
    with pytest.raises(ExportRefused) as refused:
        exported(**more)
    assert refused.value.field == "segment"
