"""Every session gets its own embedded PostgreSQL and Valkey, migrated by the owner, used as the application's role."""

import os
import shutil
import tempfile
from collections.abc import Iterator
from pathlib import Path

DATA_DIR = Path(tempfile.mkdtemp(prefix="cdp-test-"))
os.environ["CDP_DATA_DIR"] = str(DATA_DIR)
# Named here and not in pyproject.toml: pytest-django would read the settings before this folder is known.
os.environ.setdefault("DJANGO_SETTINGS_MODULE", "cdp.settings")
os.environ.setdefault("CDP_REQUIRE_OTP", "0")
os.environ.setdefault("CDP_REQUESTS_PER_MINUTE", "0")  # one person does everything here, and in every test anew
os.environ.setdefault("CDP_FEWEST_MEMBERS", "0")  # three people make a segment here
os.environ.pop("DATABASE_URL", None)
os.environ.pop("REDIS_URL", None)
DATA_DIR.chmod(0o755)  # as root the servers run as somebody else, who must reach it

import django  # noqa: E402
import pytest  # noqa: E402

django.setup()

from django.core.management import call_command  # noqa: E402
from django.db import connections  # noqa: E402

from cdp.embedded import Servers, ensure_servers  # noqa: E402
from tests.running import data_folder, running  # noqa: E402, F401 - fixtures


@pytest.fixture(scope="session")
def servers() -> Iterator[Servers]:
    """Both servers of this session."""
    started = ensure_servers(DATA_DIR, durable=False)
    yield started
    started.stop()
    shutil.rmtree(DATA_DIR, ignore_errors=True)


@pytest.fixture(scope="session")
def django_db_setup(servers: Servers, django_db_blocker: object) -> Iterator[None]:
    """Migrate the session's database; it goes away with its server, so nothing is created or dropped by Django."""
    with django_db_blocker.unblock():
        call_command("migrate", verbosity=0)
        _remember_seeded_rows()
        yield
        for connection in connections.all():
            connection.close()


_SEEDED: list[str] = []


def _remember_seeded_rows() -> None:
    """Keep what migrations put in (roles, permissions, lanes …), so that an emptied database can be as new."""
    with connections["owner"].cursor() as cursor:
        cursor.execute("CREATE SCHEMA seeded")
        for table in _tables(cursor):
            cursor.execute(f'SELECT 1 FROM "{table}" LIMIT 1')
            if cursor.fetchone():
                cursor.execute(f'CREATE TABLE seeded."{table}" AS TABLE "{table}"')
                _SEEDED.append(table)


def _tables(cursor: object) -> list[str]:
    cursor.execute(
        "SELECT c.relname FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace"
        " WHERE n.nspname = 'public' AND c.relkind IN ('r', 'p') AND NOT c.relispartition"
        " AND c.relname <> 'django_migrations' ORDER BY 1"
    )
    return [name for (name,) in cursor.fetchall()]


def empty_database() -> None:
    """Empty every table as the owner, whatever is append-only, and put back what migrations had put in."""
    with connections["owner"].cursor() as cursor:
        tables = _tables(cursor)
        cursor.execute("BEGIN; SET LOCAL cdp.maintenance = 'on'; SET CONSTRAINTS ALL IMMEDIATE")
        cursor.execute("TRUNCATE " + ", ".join(f'"{table}"' for table in tables) + " RESTART IDENTITY CASCADE")
        for table in _SEEDED:
            cursor.execute(f'ALTER TABLE "{table}" DISABLE TRIGGER USER')
        for table in _in_foreign_key_order(cursor, _SEEDED):
            cursor.execute(f'INSERT INTO "{table}" OVERRIDING SYSTEM VALUE SELECT * FROM seeded."{table}"')
        for table in _SEEDED:
            cursor.execute(f'ALTER TABLE "{table}" ENABLE TRIGGER USER')
        cursor.execute("COMMIT")
        _advance_sequences(cursor)


def _in_foreign_key_order(cursor: object, tables: list[str]) -> list[str]:
    cursor.execute(
        "SELECT DISTINCT conrelid::regclass::text, confrelid::regclass::text FROM pg_constraint WHERE contype = 'f'"
    )
    needs: dict[str, set[str]] = {table: set() for table in tables}
    for child, parent in cursor.fetchall():
        child, parent = child.strip('"'), parent.strip('"')
        if child in needs and parent in needs and child != parent:
            needs[child].add(parent)
    ordered: list[str] = []
    while needs:
        ready = sorted(table for table, parents in needs.items() if not parents - set(ordered))
        assert ready, f"circular foreign keys among seeded tables: {needs}"
        ordered += ready
        for table in ready:
            del needs[table]
    return ordered


def _advance_sequences(cursor: object) -> None:
    for table in _SEEDED:
        cursor.execute(
            "SELECT a.attname, pg_get_serial_sequence(%s, a.attname) FROM pg_attribute a"
            " WHERE a.attrelid = %s::regclass AND a.attnum > 0 AND NOT a.attisdropped"
            " AND pg_get_serial_sequence(%s, a.attname) IS NOT NULL",
            [f'public."{table}"', f'public."{table}"', f'public."{table}"'],
        )
        for column, sequence in cursor.fetchall():
            cursor.execute(
                f'SELECT setval(%s, coalesce((SELECT max("{column}") FROM "{table}"), 0) + 1, false)', [sequence]
            )


# For the whole session: a patch of one test's own is undone before pytest-django empties the tables after it.
@pytest.fixture(autouse=True, scope="session")
def _truncate_as_the_owner() -> Iterator[None]:
    """After a test with real commits, tables are emptied by the owner: the application's role may not."""
    from django.test import TransactionTestCase

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(TransactionTestCase, "databases", "__all__")
        patch.setattr(TransactionTestCase, "_fixture_teardown", lambda self: empty_database())
        yield


@pytest.fixture
def owner_cursor(transactional_db: None) -> Iterator[object]:
    """A cursor as the owner of the tables, for what the application must not be able to do."""
    with connections["owner"].cursor() as cursor:
        yield cursor
