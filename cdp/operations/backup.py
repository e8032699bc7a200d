"""Save the whole database, with everything needed to tell later that the copy is whole."""

import shutil
from datetime import datetime
from pathlib import Path

from django.conf import settings
from django.db import connections, transaction
from django.db.migrations.recorder import MigrationRecorder

from cdp import access
from cdp.access import Actor
from cdp.operations import database
from cdp.operations.database import OWNER
from cdp.operations.manifest import DATABASE, SECRET, Manifest, fingerprint, hashes, write


class BackupRefused(Exception):
    """Nothing was written; the message says why."""


def back_up(*, folder: Path, with_secret: bool, now: datetime) -> Manifest:
    """Write a backup into `folder`, which must be new or empty, and return what it holds. The product may go on.

    Raises BackupRefused and ProgramFailed. Half a backup is never found under that name.
    """
    if folder.exists() and (not folder.is_dir() or any(folder.iterdir())):
        raise BackupRefused(f"{folder} is not empty. Name a new folder: a backup never overwrites another.")
    draft = folder.with_name(f"{folder.name}.unfinished")
    shutil.rmtree(draft, ignore_errors=True)
    draft.mkdir(parents=True, mode=0o700)
    manifest = _save(draft, with_secret=with_secret, now=now)
    write(manifest, draft)
    if folder.exists():
        folder.rmdir()
    draft.rename(folder)
    access.record(
        actor=Actor.system("manage.py backup"),
        action="database.backup",
        profile_ids=(),
        purpose="",
        fields=("*",),
        now=now,
        basis={"events": manifest.rows.get("public.events", 0), "with_secret": with_secret},
    )
    return manifest


def _save(draft: Path, *, with_secret: bool, now: datetime) -> Manifest:
    # One snapshot for the dump and for the counts: a restore compares them row for row.
    with transaction.atomic(using=OWNER), connections[OWNER].cursor() as cursor:
        cursor.execute("SET TRANSACTION ISOLATION LEVEL REPEATABLE READ READ ONLY")
        cursor.execute("SELECT pg_export_snapshot(), current_setting('server_version')")
        snapshot, server = cursor.fetchone()
        rows = database.rows()
        migrations: dict[str, list[str]] = {}
        for app, name in sorted(MigrationRecorder(connections[OWNER]).applied_migrations()):
            migrations.setdefault(app, []).append(name)
        database.run(
            "pg_dump", "--format=directory", "--jobs=2", "--compress=gzip:3", f"--snapshot={snapshot}",
            "--no-owner", "--no-privileges", f"--file={draft / DATABASE}",
        )  # fmt: skip
    if with_secret:
        shutil.copyfile(settings.CDP_SECRET_FILE, draft / SECRET)
        (draft / SECRET).chmod(0o600)
    return Manifest(
        product=str(settings.SPECTACULAR_SETTINGS["VERSION"]),
        made_at=now,
        server=server,
        migrations=migrations,
        rows=rows,
        secret=fingerprint(settings.CDP_ROOT_KEY),
        files=hashes(draft),
    )
