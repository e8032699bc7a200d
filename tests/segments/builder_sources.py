"""The builder's sources as tests need them: Node where there is one, its packages where they are or can be had."""

import json
import os
import shutil
import subprocess
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
SOURCES = ROOT / "segments" / "builder" / "frontend"
BUILT = ROOT / "segments" / "static" / "segments" / "builder"
_LEAST = (20, 19)
#: What npm says where no registry can be reached; anything else that goes wrong is ours.
_UNREACHED = ("ENOTFOUND", "ECONNREFUSED", "EAI_AGAIN", "ETIMEDOUT", "ENETUNREACH", "ECONNRESET", "EAI_FAIL")


def node() -> str:
    """The path of Node; skips where there is none that is new enough."""
    found = shutil.which("node")
    if found is None:
        pytest.skip("no Node on the PATH: the committed build is used as it is")
    said = subprocess.run([found, "--version"], capture_output=True, text=True, check=True).stdout
    version = tuple(int(part) for part in said.strip().lstrip("v").split(".")[:2])
    if version < _LEAST:
        pytest.skip(f"Node {said.strip()} is older than {'.'.join(map(str, _LEAST))}")
    return found


def installed(folder: Path) -> Path:
    """The sources with exactly the packages of the lock, in `folder`; skips where they cannot be had."""
    node()
    npm = shutil.which("npm")
    if npm is None:
        pytest.skip("no npm on the PATH")
    copy = folder / "frontend"
    shutil.copytree(SOURCES, copy, ignore=shutil.ignore_patterns("node_modules"))
    if _is_installed():
        (copy / "node_modules").symlink_to(SOURCES / "node_modules")
        return copy
    command = [npm, "ci", "--ignore-scripts", "--no-audit", "--no-fund", "--loglevel", "error"]
    done = subprocess.run(command, cwd=copy, capture_output=True, text=True, check=False, env=dict(os.environ))
    if done.returncode and any(reason in done.stderr for reason in _UNREACHED):
        pytest.skip("no package registry can be reached")
    assert done.returncode == 0, done.stderr
    return copy


def _is_installed() -> bool:
    """Say whether the packages beside the sources are those of the lock: npm notes what it has installed."""
    noted = SOURCES / "node_modules" / ".package-lock.json"
    if not noted.exists():
        return False
    here = json.loads(noted.read_text())["packages"]
    wanted = json.loads((SOURCES / "package-lock.json").read_text())["packages"]
    return all(
        here.get(name, {}).get("integrity") == entry["integrity"]
        for name, entry in wanted.items()
        if name and not entry.get("optional")
    )
