"""What a backup holds, so that whoever restores it can tell that it is whole and theirs."""

import hashlib
import hmac
from collections.abc import Mapping
from datetime import datetime
from pathlib import Path

import msgspec

FILE = "manifest.json"
DATABASE = "database"
SECRET = "secret"  # noqa: S105 - the name of a file
_FORMAT = 1
_CHUNK = 1024 * 1024


class Damaged(Exception):
    """A backup is not as it was written; the message says where."""


class Manifest(msgspec.Struct, frozen=True, kw_only=True):
    """What was saved, by what, and how to tell that it is still the same."""

    format: int = _FORMAT
    product: str
    made_at: datetime
    server: str
    migrations: Mapping[str, list[str]]
    rows: Mapping[str, int]
    secret: str  # the root key's fingerprint, never the key
    files: Mapping[str, str]

    @property
    def has_secret(self) -> bool:
        return SECRET in self.files


def fingerprint(root_key: bytes) -> str:
    """Return what tells one root key from another, and nothing about it."""
    return hmac.digest(root_key, b"cdp root key fingerprint", "sha256")[:16].hex()


def hashes(folder: Path) -> dict[str, str]:
    """Return the SHA-256 of every file below, manifest aside."""
    found = sorted(path for path in folder.rglob("*") if path.is_file() and path != folder / FILE)
    return {path.relative_to(folder).as_posix(): _hash(path) for path in found}


def write(manifest: Manifest, folder: Path) -> None:
    (folder / FILE).write_bytes(msgspec.json.format(msgspec.json.encode(manifest), indent=1) + b"\n")


def read(folder: Path) -> Manifest:
    """Return the manifest once every file was found to be as it says. Raises Damaged."""
    try:
        manifest = msgspec.json.decode((folder / FILE).read_bytes(), type=Manifest)
    except FileNotFoundError:
        raise Damaged(f"{folder} holds no {FILE}: it is no backup, or one that was not finished.") from None
    except msgspec.MsgspecError as error:
        raise Damaged(f"{folder / FILE} cannot be read: {error}") from None
    if manifest.format != _FORMAT:
        raise Damaged(f"The backup is of format {manifest.format}; this release reads format {_FORMAT}.")
    present = hashes(folder)
    for name, wanted in manifest.files.items():
        if name not in present:
            raise Damaged(f"{name} is missing from the backup.")
        if present[name] != wanted:
            raise Damaged(f"{name} was changed since the backup was made.")
    if extra := present.keys() - manifest.files.keys():
        raise Damaged(f"{min(extra)} does not belong to the backup.")
    return manifest


def _hash(path: Path) -> str:
    digest = hashlib.sha256()
    with path.open("rb") as file:
        while chunk := file.read(_CHUNK):
            digest.update(chunk)
    return digest.hexdigest()
