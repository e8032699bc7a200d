"""The root key: 32 random bytes in a file outside the database, mode 0600, made on first run."""

import os
import secrets
from pathlib import Path

from cdp.env import BadSetting

KEY_BYTES = 32


def read_or_create(path: Path) -> bytes:
    """Return the root key at `path`, creating it when there is none yet.

    Raises BadSetting when the file holds something else: with another key nobody could be found any more.
    """
    if not path.exists():
        _create(path)
    raw = bytes.fromhex(path.read_text().strip()) if _is_hex(path) else b""
    if len(raw) != KEY_BYTES:
        raise BadSetting(f"{path} does not hold a root key of {KEY_BYTES} bytes in hex; restore it from your backup.")
    return raw


def _is_hex(path: Path) -> bool:
    stripped = path.read_text().strip()
    return bool(stripped) and all(character in "0123456789abcdefABCDEF" for character in stripped)


def _create(path: Path) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    # Written beside its place and linked into it: of two processes that start at once, both read the same key.
    draft = path.with_name(f"{path.name}.{os.getpid()}")
    handle = os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    with os.fdopen(handle, "w") as file:
        file.write(secrets.token_hex(KEY_BYTES))
    try:
        os.link(draft, path)
    except FileExistsError:
        pass
    finally:
        draft.unlink()
