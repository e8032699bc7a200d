"""What is wrong with this installation, in plain words, and what to do about it.

Apps contribute through settings.DOCTOR: `examine(now) -> findings`. Nothing here changes anything, and nothing needs
the product to run: what cannot be asked is itself a finding.
"""

import shutil
import stat
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum
from typing import Any, Protocol

import redis
from django.conf import settings
from django.db import DatabaseError, InterfaceError, connection, connections
from django.db.migrations.executor import MigrationExecutor
from django.utils.module_loading import import_string

from cdp.health import WORKER_SILENCE_SECONDS, worker_silence
from cdp.models import ApiKey, User

OLDEST_POSTGRES = 150_000
MOST_CLOCK_DIFFERENCE = timedelta(seconds=2)
SCARCE_BYTES, TOO_FEW_BYTES = 5 * 2**30, 2**30
SOON = timedelta(days=14)


class Level(StrEnum):
    FINE = "fine"
    ATTENTION = "attention"
    WRONG = "wrong"


@dataclass(frozen=True, slots=True)
class Finding:
    """One thing looked at: how it is, and what to do where it is not fine."""

    level: Level
    told: str
    todo: str = ""


def fine(told: str) -> Finding:
    return Finding(Level.FINE, told)


def attention(told: str, todo: str) -> Finding:
    return Finding(Level.ATTENTION, told, todo)


def wrong(told: str, todo: str) -> Finding:
    return Finding(Level.WRONG, told, todo)


class Examine(Protocol):
    def __call__(self, now: datetime, /) -> Iterable[Finding]: ...


def examine(*, now: datetime) -> Iterator[Finding]:
    """Look at everything, what needs no database first."""
    yield from _folder()
    yield from _redis()
    yield from _doors()
    try:
        connection.ensure_connection()
    except (DatabaseError, InterfaceError):
        yield _database_away()
        return
    unapplied = _unapplied()
    if unapplied:
        yield wrong(
            f"{len(unapplied)} migrations are not applied: {', '.join(unapplied[:3])} …",
            "Run manage.py migrate (manage.py up and demo do it themselves).",
        )
        return
    for path in settings.DOCTOR:
        contributor: Examine = import_string(path)
        try:
            yield from contributor(now)
        except (DatabaseError, InterfaceError) as error:
            yield wrong(f"{path} could not ask the database: {type(error).__name__}.", "Look at the server's own log.")


# -- without the database ---------------------------------------------------------------------------------------------
def _folder() -> Iterator[Finding]:
    folder = settings.CDP_DATA_DIR
    free = shutil.disk_usage(folder if folder.exists() else folder.parent).free
    told = f"{free / 2**30:.1f} GB are free where {folder} lies."
    todo = "Make room before PostgreSQL finds none: then nothing can be accepted. Retention and backups are in README."
    yield wrong(told, todo) if free < TOO_FEW_BYTES else attention(told, todo) if free < SCARCE_BYTES else fine(told)
    mode = stat.S_IMODE(settings.CDP_SECRET_FILE.stat().st_mode)
    if mode & 0o077:
        yield wrong(
            f"{settings.CDP_SECRET_FILE} can be read by others (mode {mode:o}).",
            f"chmod 600 {settings.CDP_SECRET_FILE}: every pseudonym and session is derived from it.",
        )
    else:
        yield fine("The root key can be read by its owner alone. Keep a copy of it apart from the database's backup.")


def _redis() -> Iterator[Finding]:
    client = redis.Redis.from_url(settings.REDIS_URL, socket_timeout=1, socket_connect_timeout=1)
    try:
        policy = client.config_get("maxmemory-policy").get("maxmemory-policy", "noeviction")
        kept = client.config_get("appendonly").get("appendonly", "yes")
    except redis.ResponseError:
        yield fine("Redis answers; its settings may not be asked for.")
        return
    except redis.RedisError:
        yield attention(
            "Redis does not answer. Events are accepted; they are applied by the sweep, up to some seconds later.",
            "Start it (manage.py up starts the embedded one) or correct REDIS_URL.",
        )
        return
    finally:
        client.close()
    if policy != "noeviction":
        todo = "Set maxmemory-policy noeviction."
        yield attention(f"Redis may throw messages away (maxmemory-policy {policy}).", todo)
    elif kept != "yes":
        yield attention("Redis keeps nothing across a restart (appendonly no).", "Set appendonly yes.")
    else:
        yield fine("Redis answers, never evicts and keeps its messages across a restart.")


def _doors() -> Iterator[Finding]:
    outside = sorted(set(settings.ALLOWED_HOSTS) - {"localhost", "127.0.0.1", "[::1]"})
    if outside and not settings.CDP_HTTPS:
        yield attention(
            f"The product answers to {', '.join(outside)} and does not insist on HTTPS for its cookies.",
            "Put it behind a proxy with TLS and set CDP_HTTPS=1.",
        )
    if not settings.CDP_REQUIRE_OTP:
        yield attention(
            "People sign in with a password alone (CDP_REQUIRE_OTP=0).",
            "Only the demo should: unset it wherever data of real people is kept.",
        )


def _database_away() -> Finding:
    where = settings.DATABASES["default"]
    host = where["HOST"] or "localhost"
    if str(host).startswith(str(settings.CDP_DATA_DIR)):
        return wrong("The embedded PostgreSQL does not run.", "Start the product: python3 manage.py up.")
    return wrong(
        f"PostgreSQL at {host} does not answer for {where['USER']}. No event can be accepted.",
        "See whether it runs, and whether DATABASE_URL names it and a role it lets in.",
    )


# -- with it ----------------------------------------------------------------------------------------------------------
def examine_platform(now: datetime, /) -> Iterator[Finding]:
    """PostgreSQL itself, the workers, keys and people."""
    yield from _postgres(now)
    yield _worker(now)
    ending = ApiKey.objects.filter(revoked_at=None, expires_at__gt=now, expires_at__lte=now + SOON).count()
    if ending:
        yield attention(
            f"{ending} API keys expire within {SOON.days} days.",
            "Issue their successors now: two keys per application may live side by side.",
        )
    if not User.objects.filter(is_active=True, groups__name="administrator").exists():
        yield wrong("Nobody who can sign in is an administrator.", "Make one: manage.py createsuperuser.")


def _postgres(now: datetime) -> Iterator[Finding]:
    with connection.cursor() as cursor:
        cursor.execute(_POSTGRES)
        version, spelled, role, superuser, owns, there, fsync, used, most = cursor.fetchone()
    yield fine(f"PostgreSQL {spelled} answers, as {role}.")
    if version < OLDEST_POSTGRES:
        yield wrong(f"PostgreSQL {spelled} is too old.", "Version 15 or newer is needed.")
    if superuser or owns:
        yield attention(
            f"The application signs in as {role}, who {'is a superuser' if superuser else 'owns the tables'}.",
            "Give DATABASE_URL a role of its own: append-only tables are then safe from the application as well.",
        )
    if fsync != "on":
        yield wrong("PostgreSQL runs with fsync off: a power cut loses accepted events.", "Set fsync = on.")
    difference = abs(there - now)
    if difference > MOST_CLOCK_DIFFERENCE:
        yield attention(
            f"The database's clock and this machine's differ by {difference.total_seconds():.0f} s.",
            "Synchronise both (NTP): keys and sessions expire by this clock, events are received by that one.",
        )
    if used > most * 0.8:
        yield attention(f"{used} of {most} connections are in use.", "Raise max_connections or run fewer processes.")


def _worker(now: datetime) -> Finding:
    silence = worker_silence(now=now)
    todo = "Start manage.py up, or look at log/worker.log and log/beat.log in the data folder."
    if silence is None:
        return wrong("No worker has ever worked on this database: events are kept and nothing is applied.", todo)
    if silence > WORKER_SILENCE_SECONDS:
        return wrong(f"No worker has beaten for {silence:.0f} s: events are kept and nothing is applied.", todo)
    return fine("Workers and beat are at work.")


def _unapplied() -> list[str]:
    database: Any = connections["default"]
    executor = MigrationExecutor(database)
    return [f"{step.app_label}.{step.name}" for step, _ in executor.migration_plan(executor.loader.graph.leaf_nodes())]


_POSTGRES = """
SELECT current_setting('server_version_num')::int, current_setting('server_version'), current_user,
       (SELECT rolsuper FROM pg_roles WHERE rolname = current_user),
       pg_has_role((SELECT relowner FROM pg_class WHERE oid = 'cdp_apikey'::regclass), 'USAGE'),
       clock_timestamp(), current_setting('fsync'),
       (SELECT count(*) FROM pg_stat_activity WHERE backend_type = 'client backend'),
       current_setting('max_connections')::int
"""
