"""Backup and restore: everything is there again, and whatever is not as it was is refused with what to do."""

import hashlib
import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import httpx
import msgspec
import psycopg2
import pytest

from cdp.embedded import APP_ROLE, OWNER_ROLE, Postgres, ensure_postgres
from tests.outages import Product, product
from tests.running import ROOT

PEOPLE = 20


@pytest.fixture(scope="module")
def house(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """A folder that the server's own account can reach when we are root."""
    house = tmp_path_factory.mktemp("backup")
    for each in (house, *house.parents):
        if each.stat().st_uid == os.geteuid() and each != Path("/"):
            each.chmod(each.stat().st_mode | 0o055)
    yield house


class Saved:
    """A product that was filled, saved and destroyed: what it answered, and where its backup is."""

    def __init__(self, house: Path) -> None:
        self.data, self.backup = house / "var", house / "backup"
        with product(self.data) as running:
            _fill(running)
            self.reads = _reads(running)
            self.ledger = _ledger(running)
            self.told = manage("backup", "--output", str(self.backup), "--with-secret", data=self.data).stdout
        self.secret = (self.data / "secret").read_text()


@pytest.fixture(scope="module")
def saved(house: Path) -> Saved:
    return Saved(house)


@pytest.fixture(scope="module")
def elsewhere(house: Path) -> Iterator[Postgres]:
    """Another server, as an operator's own, for restores through DATABASE_OWNER_URL."""
    server = ensure_postgres(_made(house / "elsewhere"), durable=False)
    yield server
    server.stop()


def manage(*arguments: str, data: Path, **variables: str) -> subprocess.CompletedProcess[str]:
    environment = {
        name: value for name, value in os.environ.items() if name not in ("DATABASE_URL", "DATABASE_OWNER_URL")
    } | {"CDP_BOOTSTRAP": "0", "CDP_DATA_DIR": str(data), "CDP_LOG_LEVEL": "ERROR"}
    return subprocess.run(
        [sys.executable, str(ROOT / "manage.py"), *arguments],
        env=environment | variables, capture_output=True, text=True, check=False,
    )  # fmt: skip


def _made(folder: Path) -> Path:
    folder.mkdir()
    folder.chmod(0o755)
    return folder


def _addresses(server: Postgres) -> dict[str, str]:
    return {"DATABASE_URL": server.url(APP_ROLE), "DATABASE_OWNER_URL": server.url(OWNER_ROLE)}


def _fill(running: Product) -> None:
    events = [
        {
            "type": "identify",
            "userId": f"u{number}",
            "anonymousId": f"d{number}",
            "messageId": f"m{number}",
            "traits": {"email": f"u{number}@example.com", "plan": "paid" if number % 2 else "free"},
        }
        for number in range(PEOPLE)
    ]
    with httpx.Client(base_url=running.base_url, trust_env=False, timeout=30) as client:
        assert client.post("/v1/batch", json={"batch": events}, auth=(running.write_key, "")).status_code == 200
    running.wait_until_applied()


def _reads(running: Product) -> list[object]:
    """What an application is told about everybody, but for the moment it is told at."""
    with httpx.Client(base_url=running.base_url, trust_env=False, timeout=30) as client:
        headers = {"Authorization": f"Bearer {running.read_key}"}
        answers = [client.get(f"/v1/profiles/user_id:u{number}", headers=headers).json() for number in range(PEOPLE)]
    return [{name: answer[name] for name in ("id", "traits", "identifiers") if name in answer} for answer in answers]


def _ledger(running: Product) -> list[tuple[str, bool]]:
    """Every entry's hash, and whether it is that of its bytes."""
    rows = running.query("SELECT hash, bytes FROM consent_entry ORDER BY seq")
    return [(bytes(found).hex(), hashlib.sha256(bytes(content)).digest() == bytes(found)) for found, content in rows]


def test_a_backup_restored_into_a_new_place_answers_as_before(saved: Saved, house: Path) -> None:
    assert f"{PEOPLE} events and {PEOPLE} people are saved" in saved.told
    again = _made(house / "again")

    done = manage("restore", "--from", str(saved.backup), "--with-secret", data=again)

    assert done.returncode == 0, done.stderr
    assert (again / "secret").read_text() == saved.secret
    assert (again / "secret").stat().st_mode & 0o777 == 0o600
    with product(again) as running:
        running.read_key, running.write_key = _keys(saved.data)
        assert _reads(running) == saved.reads
        assert len(saved.reads) == PEOPLE
        assert _ledger(running) == saved.ledger
        assert all(whole for _, whole in saved.ledger)
        verified = manage("verify_memberships", data=again)
        assert "0 memberships differ" in verified.stdout, verified.stderr
        _fill(running)  # the same events: known, and so dropped
        assert running.query("SELECT count(*) FROM events") == [(PEOPLE,)]


def _keys(data: Path) -> tuple[str, str]:
    kept = msgspec.json.decode((data / "workspace.json").read_bytes())
    return kept["read_key"], kept["write_key"]


def test_a_backup_goes_into_an_operators_own_database_and_not_twice(
    saved: Saved, elsewhere: Postgres, house: Path
) -> None:
    place = _made(house / "own")
    (place / "secret").write_text(saved.secret)
    first = manage("restore", "--from", str(saved.backup), data=place, **_addresses(elsewhere))
    assert first.returncode == 0, first.stderr

    second = manage("restore", "--from", str(saved.backup), data=place, **_addresses(elsewhere))
    assert second.returncode == 1 and "--replace" in second.stderr

    connection = psycopg2.connect(elsewhere.url(APP_ROLE))
    busy = manage("restore", "--from", str(saved.backup), "--replace", data=place, **_addresses(elsewhere))
    assert busy.returncode == 1 and "Stop web, worker and beat" in busy.stderr
    with connection.cursor() as cursor:
        cursor.execute("SELECT count(*) FROM events")  # the application's role has its rights again
        assert cursor.fetchone() == (PEOPLE,)
        cursor.execute("SELECT has_table_privilege('consent_entry', 'DELETE')")
        assert cursor.fetchone() == (False,)
    connection.close()

    third = manage("restore", "--from", str(saved.backup), "--replace", data=place, **_addresses(elsewhere))
    assert third.returncode == 0, third.stderr


def test_another_root_key_is_refused_before_anything_is_changed(saved: Saved, house: Path) -> None:
    other = _made(house / "other")
    (other / "secret").write_text("ab" * 32)

    done = manage("restore", "--from", str(saved.backup), data=other)

    assert done.returncode == 1 and "another root key" in done.stderr
    assert (other / "secret").read_text() == "ab" * 32


@pytest.mark.parametrize(
    ("change", "told"),
    [
        (lambda copy: next(copy.glob("database/*.gz")).write_bytes(b"other"), "was changed since"),
        (lambda copy: (copy / "database" / "toc.dat").unlink(), "is missing"),
        (lambda copy: (copy / "database" / "more").write_text("?"), "does not belong"),
        (lambda copy: (copy / "manifest.json").unlink(), "is no backup"),
        (lambda copy: _from_the_future(copy), "newer release"),
    ],
)
def test_a_damaged_backup_is_refused(saved: Saved, tmp_path: Path, change, told: str) -> None:
    copy = tmp_path / "copy"
    subprocess.run(["cp", "-r", str(saved.backup), str(copy)], check=True)
    change(copy)

    done = manage("restore", "--from", str(copy), data=saved.data)

    assert done.returncode == 1 and told in done.stderr


def _from_the_future(copy: Path) -> None:
    manifest = msgspec.json.decode((copy / "manifest.json").read_bytes())
    manifest["migrations"]["profiles"].append("9999_not_yet")
    (copy / "manifest.json").write_bytes(msgspec.json.encode(manifest))


def test_a_backup_overwrites_nothing_and_holds_the_key_only_when_told_to(saved: Saved, tmp_path: Path) -> None:
    refused = manage("backup", "--output", str(saved.backup), data=saved.data)
    assert refused.returncode == 1 and "not empty" in refused.stderr

    plain = tmp_path / "plain"
    done = manage("backup", "--output", str(plain), data=saved.data)

    assert done.returncode == 0, done.stderr
    assert not (plain / "secret").exists() and "root key is not in it" in done.stdout
    assert saved.secret.strip() not in (plain / "manifest.json").read_text()
    assert plain.stat().st_mode & 0o077 == 0
