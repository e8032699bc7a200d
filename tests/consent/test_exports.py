"""An export holds the exact bytes, what they refer to, and a manifest that fits; who asked for it is on record."""

import csv
import hashlib
import io
import json
import threading
import zipfile
from datetime import timedelta

import pytest
from django.core.management import call_command
from django.db import connection, transaction
from django.utils import timezone

from cdp.access import Actor
from cdp.models import AccessRecord, Job
from consent import export_jobs, exports, ledger
from consent.models import Entry
from tests.consent.conftest import at, origin_of, profile_of, statement, teller

pytestmark = pytest.mark.django_db

ASKER = Actor.system("test")


def exported(*, start=None, end=None, purpose=""):
    job = exports.request(wanted=exports.Wanted(start, end or at(60), purpose), by=ASKER, now=at(60))
    assert export_jobs.run_next(now=at(61))
    return unpacked(exports.path_of(job))


def unpacked(path):
    with zipfile.ZipFile(path) as packed:
        return {name: packed.read(name) for name in packed.namelist()}


def lines(files):
    return [json.loads(line) for line in files["entries.jsonl"].splitlines()]


@pytest.fixture
def three(ann, marketing, publish, notice):
    publish("insight", title="Insight", legal_basis="consent", notice=notice)
    return [
        ledger.grant(statement=statement(ann, minute=0), told_by=teller(source="=cmd()"), now=at(1)),
        ledger.deny(statement=statement(ann, "insight", minute=10), told_by=teller(), now=at(11)),
        ledger.withdraw(statement=statement(ann, "insight", "marketing", minute=20), told_by=teller(), now=at(21)),
    ]


def test_each_line_holds_the_exact_bytes_under_their_hash(three, ann):
    told = lines(exported())

    assert [line["entry"].encode() for line in told] == [receipt.encoded for receipt in three]
    assert all(hashlib.sha256(line["entry"].encode()).hexdigest() == line["sha256"] for line in told)
    assert [line["operation"] for line in told] == ["grant", "deny", "withdraw"]
    assert {line["person"] for line in told} == {exports.to_public(profile_of(ann))}


def test_the_manifest_fits_the_files(three):
    files = exported()
    manifest = json.loads(files["manifest.json"])

    assert manifest["counts"] == {"entries": 3, "by_operation": {"deny": 1, "grant": 1, "withdraw": 1}}
    assert manifest["requester"] == {"kind": "system", "id": "test"}
    assert {file["name"] for file in manifest["files"]} == set(files) - {"manifest.json"}
    for file in manifest["files"]:
        assert file["sha256"] == hashlib.sha256(files[file["name"]]).hexdigest()
        assert file["bytes"] == len(files[file["name"]])


def test_the_copy_says_that_it_is_one_and_runs_nothing(three):
    header, *rows = csv.reader(io.StringIO(exported()["entries.copy.csv"].decode(), newline=""))

    assert header[0] == "copy of entry (sha256)"
    assert [row[0] for row in rows] == [receipt.hash.hex() for receipt in three]
    assert rows[0][header.index("source")] == "'=cmd()"


def test_the_words_that_entries_name_come_along(three):
    files = exported()
    named = json.loads(lines(files)[1]["entry"])["notice"]
    told = json.loads(files["terms.json"])["notices"][0]

    assert (told["key"], told["version"]) == (named["id"], named["version"])
    assert hashlib.sha256(told["content"]["text"].encode()).hexdigest() == named["sha256"]


@pytest.mark.parametrize(
    ("chosen", "expected"),
    [
        ({"start": at(11), "end": at(21)}, ["deny"]),
        ({"start": at(12)}, ["withdraw"]),
        ({"purpose": "marketing"}, ["grant", "withdraw"]),
        ({"end": at(1)}, []),
    ],
    ids=["from is in, to is out", "open end", "by purpose", "nothing"],
)
def test_the_period_is_that_of_recording(three, chosen, expected):
    assert [line["operation"] for line in lines(exported(**chosen))] == expected


def test_entries_are_paged_through_without_loss(marketing, monkeypatch):
    monkeypatch.setattr(exports, "_AT_ONCE", 7)
    for number in range(23):
        ledger.grant(statement=statement(origin_of("user_id", f"u{number}")), told_by=teller(), now=at(1))

    assert [line["seq"] for line in lines(exported())] == list(
        Entry.objects.order_by("seq").values_list("seq", flat=True)
    )


def test_a_period_that_is_not_over_or_begins_after_its_end_is_refused(db):
    for wanted in (exports.Wanted(None, at(61)), exports.Wanted(at(9), at(9))):
        with pytest.raises(exports.ExportRefused):
            exports.request(wanted=wanted, by=ASKER, now=at(60))
    assert not Job.objects.exists()


def test_a_log_about_a_purpose_that_never_was_is_refused_and_not_empty(marketing):
    with pytest.raises(exports.ExportRefused, match="There is no purpose “nix”"):
        exports.request(wanted=exports.Wanted(None, at(5), "nix"), by=ASKER, now=at(60))


@pytest.mark.django_db(transaction=True)
def test_an_entry_of_a_transaction_that_is_still_open_is_waited_for(ann, marketing):
    written, released = threading.Event(), threading.Event()

    def record():
        try:
            with transaction.atomic():
                ledger.grant(statement=statement(ann), told_by=teller(), now=timezone.now())
                written.set()
                released.wait(30)
        finally:
            connection.close()

    recording = threading.Thread(target=record)
    recording.start()
    assert written.wait(30)
    end = timezone.now()
    job = exports.request(wanted=exports.Wanted(None, end), by=ASKER, now=end)
    soon = end + timedelta(seconds=5)
    early = export_jobs.run_next(now=soon)
    released.set()
    recording.join(30)

    assert not early
    assert export_jobs.run_next(now=soon)
    assert len(lines(unpacked(exports.path_of(job)))) == 1


def test_a_worker_that_was_overtaken_says_nothing_more_about_the_export(three, monkeypatch):
    job = exports.request(wanted=exports.Wanted(None, at(60)), by=ASKER, now=at(60))
    monkeypatch.setattr(exports, "_terms", lambda: Job.objects.update(attempts=2, leased_until=at(90)) and b"{}")
    export_jobs.run_next(now=at(61))

    job.refresh_from_db()
    assert (job.state, job.leased_until, job.result) == ("running", at(90), None)


def test_who_asked_is_on_record(three):
    exports.request(wanted=exports.Wanted(None, at(60), "marketing"), by=ASKER, now=at(60))

    record = AccessRecord.objects.get(action="consent.export")
    assert (record.actor_id, record.purpose, record.basis["filter"]["purpose"]) == ("test", "marketing", "marketing")


def test_an_export_whose_worker_was_lost_is_written_again_and_given_up_after_three(three, monkeypatch):
    job = exports.request(wanted=exports.Wanted(None, at(60)), by=ASKER, now=at(60))
    Job.objects.filter(pk=job.pk).update(state="running", attempts=1, leased_until=at(61))

    assert not export_jobs.run_next(now=at(61))
    assert export_jobs.run_next(now=at(62))
    job.refresh_from_db()
    assert (job.state, job.attempts) == ("done", 2)

    broken = exports.request(wanted=exports.Wanted(None, at(60)), by=ASKER, now=at(60))
    monkeypatch.setattr(exports, "_terms", lambda: 1 / 0)
    for minute in range(62, 65):
        with pytest.raises(ZeroDivisionError):
            export_jobs.run_next(now=at(minute))
    broken.refresh_from_db()
    assert (broken.state, broken.error) == ("failed", "ZeroDivisionError")


def test_the_command_writes_the_same_file(three, tmp_path, capsys):
    call_command("export_consent", output=tmp_path / "log.zip", purpose="insight")

    assert [line["operation"] for line in lines(unpacked(tmp_path / "log.zip"))] == ["deny", "withdraw"]
    assert json.loads(capsys.readouterr().out)["counts"]["entries"] == 2
    assert AccessRecord.objects.get(action="consent.export").actor_id == "manage.py export_consent"
