"""What leaves as Parquet: whom the purpose permits, what may leave, from one moment, and a manifest that fits."""

import hashlib
import io
import json
import threading
import zipfile
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import Any

import pyarrow.parquet as pq
import pytest
from django.core.management import CommandError, call_command
from django.db import connection

from cdp.access import Actor
from cdp.leased_jobs import NotHeld
from cdp.models import AccessRecord, Job
from cdp.models.job import JobState
from cdp.pseudonyms import pseudonym
from consent import audiences, ledger
from consent.decisions import Outcome
from profiles.exports import asking, gates, jobs, tables, writing
from profiles.identity.governing import IDENTITY_RULE
from profiles.models import EventDefinition, PropertyDefinition, TraitDefinition
from tests.profiles.planning import publish
from tests.segments.world import START, World

pytestmark = pytest.mark.django_db(transaction=True)

ASKER = Actor.system("test")
NOW = START + timedelta(days=3)
GERMAN = {"trait": "country", "op": "=", "value": "DE"}


@pytest.fixture
def world(transactional_db: None) -> World:
    world = World()
    world.purpose("analytics", legal_basis="contract")
    return world


def asked(purpose: str = "analytics", **more: Any) -> asking.Wanted:
    given = {"start": date(2026, 3, 1), "end": date(2026, 3, 6)} | more
    return asking.Wanted(purpose, **given)


def exported(wanted: asking.Wanted | None = None) -> dict[str, bytes]:
    job = asking.request(wanted=wanted or asked(), by=ASKER, now=NOW)
    assert jobs.run_next(now=NOW)
    with zipfile.ZipFile(writing.path_of(job)) as packed:
        return {name: packed.read(name) for name in packed.namelist()}


def rows(files: dict[str, bytes], table: str) -> list[dict[str, Any]]:
    """Every row of a table with the day of its partition."""
    found = []
    for name, content in sorted(files.items()):
        if name.startswith(f"{table}/"):
            day = name.split("date=")[1].split("/")[0]
            found += [{"date": day, **row} for row in pq.read_table(io.BytesIO(content)).to_pylist()]
    return found


def manifest(files: dict[str, bytes]) -> dict[str, Any]:
    return json.loads(files["manifest.json"])


def name_of(person: int, purpose: str = "analytics") -> str:
    return pseudonym(domain=f"export:{purpose}", type="profile", value=str(person))


def test_events_lie_under_the_day_on_which_they_happened_with_exact_values(world: World) -> None:
    ann = world.person(country="DE")
    midnight = datetime(2026, 3, 4, tzinfo=UTC)
    world.event(ann, "Order Completed", at=midnight - timedelta(microseconds=1), revenue=1, note='a "b",\n\\N ü')
    world.event(ann, "Order Completed", at=midnight, revenue=2)
    world.event(ann, "Order Completed", at=datetime(2026, 3, 6, tzinfo=UTC), revenue=3)
    told = rows(exported(), "events")

    assert [(row["date"], row["occurred_at"]) for row in told] == [
        ("2026-03-03", midnight - timedelta(microseconds=1)),
        ("2026-03-04", midnight),
    ]
    assert json.loads(told[0]["properties"]) == {"revenue": 1, "note": 'a "b",\n\\N ü'}
    assert {row["person_id"] for row in told} == {name_of(ann)}
    assert (told[0]["kind"], told[0]["amount"], told[0]["consent_gap"]) == ("track", None, False)


def test_the_events_of_somebody_merged_are_told_of_who_they_are_now(world: World) -> None:
    ann, old = world.person(), world.person()
    world.event(old, "Order Completed", at=START)
    world.merge(winner=ann, loser=old)
    files = exported()

    assert [row["person_id"] for row in rows(files, "events")] == [name_of(ann)]
    assert [row["person_id"] for row in rows(files, "people")] == [name_of(ann)]


def test_only_whom_the_purpose_permits_leaves_and_the_others_are_counted(world: World) -> None:
    world.purpose("marketing")
    ann, ben, cem = (world.person(country="DE") for _ in range(3))
    world.consent(ann, "marketing", ledger.grant, at=START)
    world.consent(ben, "marketing", ledger.deny, at=START)
    for person in (ann, ben, cem):
        world.event(person, "Order Completed", at=START)
    world.publish("germans", GERMAN)
    world.judge(ann, ben, cem, now=START)
    files = exported(asked("marketing"))

    for table in tables.names():
        assert {row["person_id"] for row in rows(files, table)} == {name_of(ann, "marketing")}, table
    assert manifest(files)["people"] == {"known": 3, "permitted": 1, "refused": 2}
    permitted = gates.permission(purpose="marketing", now=NOW)
    with connection.cursor() as cursor:
        cursor.execute(f"SELECT p.id FROM profile p WHERE {permitted.sql}", permitted.parameters)
        found = {person for (person,) in cursor.fetchall()}
    decided = audiences.outcomes(purpose="marketing", profile_ids=[ann, ben, cem], now=NOW)
    assert found == {person for person, outcome in decided.items() if outcome is Outcome.ALLOWED}


def test_two_purposes_name_the_same_person_differently(world: World) -> None:
    world.purpose("research", legal_basis="contract")
    world.person()
    (one,), (other,) = rows(exported(), "people"), rows(exported(asked("research")), "people")
    assert one["person_id"] != other["person_id"]


def test_what_is_personal_or_of_another_purpose_stays_and_is_named(world: World) -> None:
    TraitDefinition.objects.create(name="email")
    TraitDefinition.objects.create(name="illness", personal_class="sensitive")
    TraitDefinition.objects.create(name="size", personal_class="personal", purpose="analytics")
    TraitDefinition.objects.create(name="taste", purpose="advertising")
    PropertyDefinition.objects.create(event_name="Order Completed", name="address", personal_class="personal")
    EventDefinition.objects.create(name="Test Ordered", personal_class="sensitive")
    ann = world.person(country="DE", email="ann@example.com", illness="none", size=38, taste="tea")
    world.event(ann, "Order Completed", at=START, revenue=1, address="Berlin")
    world.event(ann, "Test Ordered", at=START)
    files = exported()

    assert json.loads(rows(files, "people")[0]["traits"]) == {"country": "DE", "size": 38}
    assert [json.loads(row["properties"]) for row in rows(files, "events")] == [{"revenue": 1}]
    assert manifest(files)["left_out"] == {
        "traits": ["email", "illness", "phone", "taste"],
        "properties": {"Order Completed": ["address"]},
        "events": ["Test Ordered"],
    }
    assert not any(b"ann@example.com" in content for content in files.values())


def test_what_names_people_stays_before_the_catalogue_knows_it_and_by_whatever_rule(world: World) -> None:
    types = [{"name": "user_id"}, {"name": "loyalty_no", "traits": ["loyaltyNumber"]}, {"name": "anonymous_id"}]
    publish(IDENTITY_RULE, "identity", {"types": types})
    PropertyDefinition.objects.create(event_name="Order Completed", name="loyaltyNumber")
    ann = world.person(country="DE", email="ann@example.com", loyaltyNumber="L-4711")
    world.event(ann, "Order Completed", at=START, revenue=1, loyaltyNumber="L-4711")
    files = exported()

    assert json.loads(rows(files, "people")[0]["traits"]) == {"country": "DE"}
    assert [json.loads(row["properties"]) for row in rows(files, "events")] == [{"revenue": 1}]


def test_memberships_tell_every_day_that_a_stay_touches(world: World) -> None:
    ann = world.person(country="DE")
    world.publish("germans", GERMAN)
    world.judge(ann, now=START)
    world.learn(ann, country="FR")
    world.judge(ann, now=START + timedelta(days=1, hours=1))
    told = rows(exported(), "memberships")

    assert [(row["date"], row["segment"], row["version"]) for row in told] == [
        ("2026-03-03", "germans", 1),
        ("2026-03-04", "germans", 1),
    ]
    assert told[0]["left_at"] == START + timedelta(days=1, hours=1)


def test_the_manifest_fits_the_files_to_the_byte(world: World) -> None:
    ann = world.person(country="DE")
    world.event(ann, "Order Completed", at=START)
    files = exported()
    told = manifest(files)

    assert {file["name"] for file in told["files"]} == set(files) - {"manifest.json"}
    for file in told["files"]:
        content = files[file["name"]]
        assert (file["sha256"], file["bytes"]) == (hashlib.sha256(content).hexdigest(), len(content))
        assert file["rows"] == pq.read_metadata(io.BytesIO(content)).num_rows
        table = next(table for table in told["tables"] if file["name"].startswith(table["name"]))
        assert [column["name"] for column in table["columns"]] == pq.read_schema(io.BytesIO(content)).names
    assert told["filter"]["purpose"] == "analytics" and told["requester"]["id"] == "test"
    assert told["product_version"] and datetime.fromisoformat(told["as_of"])


def test_all_tables_see_one_moment_whatever_is_written_meanwhile(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    ann = world.person(country="DE")
    world.event(ann, "Order Completed", at=START)
    write_table = writing._write_table

    def interrupted(cursor: Any, folder: Path, table: Any, *rest: Any) -> Any:
        if table.name == "events":
            writer = threading.Thread(target=meanwhile)
            writer.start()
            writer.join(30)
        return write_table(cursor, folder, table, *rest)

    def meanwhile() -> None:
        try:
            world.event(ann, "Order Completed", at=START + timedelta(hours=1))
            world.person(country="FR")
        finally:
            connection.close()

    monkeypatch.setattr(writing, "_write_table", interrupted)
    files = exported()

    assert (len(rows(files, "people")), len(rows(files, "events"))) == (1, 1)


def test_small_blocks_and_many_days_lose_nothing(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(writing, "_BLOCK", 500)
    monkeypatch.setattr(writing, "_MOST_WAITING", 2_000)
    ann = world.person()
    for number in range(120):
        world.event(ann, "Product Viewed", at=START - timedelta(hours=number), number=number)
    told = rows(exported(asked(start=date(2026, 2, 20))), "events")

    assert sorted(json.loads(row["properties"])["number"] for row in told) == list(range(120))


@pytest.mark.parametrize(
    ("changes", "field"),
    [
        ({"purpose": ""}, "purpose"),
        ({"purpose": "nothing"}, "purpose"),
        ({"start": date(2026, 3, 6)}, "from"),
        ({"start": date(2024, 1, 1)}, "from"),
        ({"end": date(2026, 3, 9)}, "to"),
        ({"tables": ("orders",)}, "tables"),
    ],
)
def test_what_makes_no_sense_is_refused_with_its_field(world: World, changes: dict[str, Any], field: str) -> None:
    given = dict(changes)
    with pytest.raises(asking.ExportRefused) as refused:
        asking.request(wanted=asked(given.pop("purpose", "analytics"), **given), by=ASKER, now=NOW)
    assert refused.value.field == field
    assert not Job.objects.exists()


def test_who_asked_what_left_and_who_took_it_is_on_record(world: World) -> None:
    world.person()
    exported()
    job = Job.objects.get()
    asking.record_download(job=job, by=ASKER, now=NOW)
    told = {record.action: record for record in AccessRecord.objects.filter(action__startswith="data.export")}

    assert told.keys() == {"data.export", "data.export.written", "data.export.download"}
    assert told["data.export.written"].basis["people"] == {"known": 1, "permitted": 1, "refused": 0}
    assert {record.purpose for record in told.values()} == {"analytics"}


def test_an_export_is_deleted_when_its_time_is_over(world: World) -> None:
    exported()
    job = Job.objects.get()
    assert jobs.is_ready(job, now=NOW + timedelta(days=7))
    assert not jobs.is_ready(job, now=NOW + timedelta(days=7, seconds=1)), "whether or not somebody tidied up"
    assert jobs.forget_expired(now=NOW + timedelta(days=7)) == 0
    assert jobs.forget_expired(now=NOW + timedelta(days=7, seconds=1)) == 1
    assert not jobs.is_ready(job, now=NOW)
    assert jobs.forget_expired(now=NOW + timedelta(days=8)) == 0


def test_an_export_that_was_called_off_leaves_no_file(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    world.person()
    job = asking.request(wanted=asked(), by=ASKER, now=NOW)
    write_table = writing._write_table

    def called_off(*given: Any) -> Any:
        asking.cancel(job=job, by=ASKER, now=NOW)
        return write_table(*given)

    monkeypatch.setattr(writing, "_write_table", called_off)
    assert jobs.run_next(now=NOW)

    job.refresh_from_db()
    assert job.state == JobState.CANCELLED
    assert not writing.path_of(job).exists()
    assert not list(writing.path_of(job).parent.glob(f"data.{job.pk}.*"))
    with pytest.raises(NotHeld):
        jobs._finish(job, {"files": [], "people": {}}, now=NOW)


def test_the_command_fills_a_folder_that_an_ordinary_reader_understands(world: World, tmp_path: Path) -> None:
    ann = world.person(country="DE")
    world.event(ann, "Order Completed", at=START, revenue=1)
    given = {"purpose": "analytics", "start": date(2026, 3, 1), "end": date(2026, 3, 6)}
    call_command("export_data", **given, output=tmp_path / "out")

    told = pq.read_table(tmp_path / "out" / "events").to_pylist()
    assert [(row["name"], str(row["date"])) for row in told] == [("Order Completed", "2026-03-03")]
    with pytest.raises(CommandError, match="--purpose: There is no live purpose"):
        call_command("export_data", **(given | {"purpose": "x"}), output=tmp_path / "out")
