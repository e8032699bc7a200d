"""The logins and keys of a first run, as they travel from the process that makes them to the person who reads them."""

import json
import os
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any


@dataclass(frozen=True, slots=True)
class Login:
    username: str
    password: str


@dataclass(frozen=True, slots=True)
class Credentials:
    """Logins by role, and three keys; empty where they were made earlier and not kept."""

    logins: Mapping[str, Login]
    write_key: str = ""
    read_key: str = ""
    compliance_key: str = ""

    @classmethod
    def from_json(cls, content: Mapping[str, Any]) -> "Credentials":
        logins = {role: Login(**login) for role, login in content["logins"].items()}
        return cls(logins, content["write_key"], content["read_key"], content["compliance_key"])

    def as_json(self) -> dict[str, Any]:
        return asdict(self)


def read(path: Path) -> Credentials | None:
    """Return what was kept at `path`, None where nothing was."""
    try:
        return Credentials.from_json(json.loads(path.read_text()))
    except FileNotFoundError:
        return None


def keep(path: Path, credentials: Credentials) -> None:
    """Write the credentials to a file that only its owner can read."""
    draft = path.with_name(f"{path.name}.{os.getpid()}")
    handle = os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    with os.fdopen(handle, "w") as file:
        json.dump(credentials.as_json(), file)
    draft.replace(path)
