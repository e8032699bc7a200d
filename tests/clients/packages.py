"""npm packages for the proofs with Node and browser clients: installed once into a cache, never part of the product."""

import os
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Mapping
from pathlib import Path

#: Exactly what is proven; a newer one is a change somebody decides on.
SDKS = {
    "@segment/analytics-node": "3.1.0",
    "@rudderstack/rudder-sdk-node": "3.0.13",
    "@segment/analytics-next": "1.84.3",
    "@rudderstack/analytics-js": "3.34.1",
    "esbuild": "0.28.2",
}


def folder() -> Path:
    """Return where packages are kept: beside the data of the product, else among temporary files."""
    named = os.environ.get("CDP_DATA_DIR")
    return Path(named or tempfile.gettempdir()) / "cdp-client-packages"


def need(*programs: str) -> None:
    """Leave with a sentence where one of the programs is absent: nothing is proven then, and nothing failed."""
    missing = [program for program in programs if shutil.which(program) is None]
    if missing:
        print(f"Skipped: {', '.join(missing)} not found on the PATH.")
        sys.exit(0)


def install(packages: Mapping[str, str] = SDKS) -> Path:
    """Install the packages and return the folder that holds node_modules."""
    place = folder()
    stamp = place / ".installed"
    wanted = " ".join(f"{name}@{version}" for name, version in sorted(packages.items()))
    if stamp.exists() and stamp.read_text() == wanted:
        return place
    place.mkdir(parents=True, exist_ok=True)
    (place / "package.json").write_text('{"private": true, "type": "module"}')
    command = ["npm", "install", "--no-audit", "--no-fund", "--ignore-scripts", "--loglevel=error", *wanted.split()]
    print(f"Installing {wanted} …", file=sys.stderr, flush=True)
    done = subprocess.run(command, cwd=place, capture_output=True, text=True, check=False)
    if done.returncode:
        sys.exit(f"npm could not install the clients:\n{done.stderr[-2000:]}")
    stamp.write_text(wanted)
    return place
