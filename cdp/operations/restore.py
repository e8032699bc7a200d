"""Put a backup into an empty database, after making sure that it is whole, ours, and not from the future."""

import os
import subprocess
import sys
from pathlib import Path

from django.conf import settings
from django.db.migrations.loader import MigrationLoader

from cdp.operations import database, manifest
from cdp.operations.manifest import DATABASE, SECRET, Manifest, fingerprint


class RestoreRefused(Exception):
    """Nothing was changed; the message says why."""


class RestoreFailed(Exception):
    """The database now holds something incomplete; the message says what to do."""


def restore(*, folder: Path, over_what_is_there: bool, with_secret: bool) -> Manifest:
    """Restore the backup in `folder`, migrate it to this release, and return what it holds.

    Raises Damaged, RestoreRefused and InUse before anything is changed; ProgramFailed and RestoreFailed after.
    """
    found = manifest.read(folder)
    _refuse_what_is_newer(found)
    key = _key_to_install(found, folder, with_secret=with_secret)
    database.refuse_while_in_use()
    if not database.is_empty():
        if not over_what_is_there:
            raise RestoreRefused(
                "The database is not empty. Restore into a new one, or say --replace: everything in it is then dropped."
            )
        database.empty()
    if key is not None:
        _install(key)
    database.run("pg_restore", "--no-owner", "--no-privileges", "--exit-on-error", "--jobs=2", str(folder / DATABASE))
    if differing := sorted(name for name, rows in database.rows().items() if found.rows.get(name) != rows):
        raise RestoreFailed(f"{differing[0]} does not hold as many rows as were saved. Restore again with --replace.")
    _migrate()
    return found


def _refuse_what_is_newer(found: Manifest) -> None:
    known = MigrationLoader(None, ignore_no_migrations=True).disk_migrations
    for app, names in found.migrations.items():
        for name in names:
            if (app, name) not in known:
                raise RestoreRefused(f"The backup was made by a newer release: {app} {name} is unknown here.")


def _key_to_install(found: Manifest, folder: Path, *, with_secret: bool) -> Path | None:
    """Return the key to put in place before the data can be read, None when the right one is there already."""
    if fingerprint(settings.CDP_ROOT_KEY) == found.secret:
        return None
    if with_secret and found.has_secret:
        return folder / SECRET
    advice = "say --with-secret to use the one in it" if found.has_secret else "it holds no key itself"
    raise RestoreRefused(
        f"The backup belongs to another root key than {settings.CDP_SECRET_FILE}: with the wrong one nobody can be"
        f" found. Put the right file there (mode 0600) and try again; {advice}."
    )


def _install(key: Path) -> None:
    place = Path(settings.CDP_SECRET_FILE)
    place.rename(place.with_name(f"{place.name}.before-restore"))
    handle = os.open(place, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    with os.fdopen(handle, "wb") as file:
        file.write(key.read_bytes())


def _migrate() -> None:
    """Bring an older backup to this release and give the application its rights, in a process with the right key."""
    done = subprocess.run(
        [sys.executable, str(settings.BASE_DIR / "manage.py"), "migrate", "--noinput", "--verbosity=0"],
        env=os.environ | {"CDP_BOOTSTRAP": "0", "CDP_DATA_DIR": str(settings.CDP_DATA_DIR)},
        capture_output=True, text=True, check=False,
    )  # fmt: skip
    if done.returncode:
        raise RestoreFailed(f"The data is restored and could not be migrated: {done.stderr.strip()[-2000:]}")
