#!/usr/bin/env python3
"""The product's one command. On a machine with only Python and pip it first makes its own virtual environment."""

import hashlib
import os
import subprocess
import sys
from pathlib import Path

HERE = Path(__file__).resolve().parent
VENV = Path(os.environ.get("CDP_VENV") or HERE / ".venv")
TEST_COMMAND = "test"


def main() -> None:
    is_test = sys.argv[1:2] == [TEST_COMMAND]
    ensure_environment(lock=HERE / ("requirements-test.lock" if is_test else "requirements.lock"))
    if is_test:
        os.chdir(HERE)
        os.execv(sys.executable, [sys.executable, "-m", "pytest", *sys.argv[2:]])
    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "cdp.settings")
    rest = choose_data_folder(sys.argv[2:])
    from django.core.management import execute_from_command_line

    execute_from_command_line([*sys.argv[:2], *rest])


def choose_data_folder(arguments: list[str]) -> list[str]:
    """Take --data from any command before Django does: the settings name files in it, and are read before arguments."""
    rest: list[str] = []
    coming = iter(arguments)
    for argument in coming:
        if argument == "--data" and (folder := next(coming, "")):
            os.environ["CDP_DATA_DIR"] = folder
        elif argument.startswith("--data="):
            os.environ["CDP_DATA_DIR"] = argument.removeprefix("--data=")
        else:
            rest.append(argument)
    return rest


def ensure_environment(*, lock: Path) -> None:
    """Install what `lock` pins into .venv and go on inside it. CDP_BOOTSTRAP=0 leaves the environment to its owner."""
    if os.environ.get("CDP_BOOTSTRAP") == "0":
        return
    if sys.version_info < (3, 11):
        sys.exit(f"Python 3.11 or newer is needed; this is {sys.version.split()[0]}.")
    python = VENV / "bin" / "python"
    if not python.exists():
        make_environment()
    stamp = VENV / f".installed-{lock.stem}"
    wanted = hashlib.sha256(lock.read_bytes()).hexdigest()
    if not stamp.exists() or stamp.read_text() != wanted:
        print(f"Installing what {lock.name} names into {VENV.name} (once) …", file=sys.stderr, flush=True)
        install(python, lock)
        stamp.write_text(wanted)
    if Path(sys.prefix).resolve() != VENV.resolve():
        os.execv(python, [str(python), str(HERE / "manage.py"), *sys.argv[1:]])


def make_environment() -> None:
    """Make .venv; a Debian Python without ensurepip gets one without pip, and its own pip fills it."""
    made = subprocess.run([sys.executable, "-m", "venv", str(VENV)], capture_output=True, text=True, check=False)
    if made.returncode:
        subprocess.run([sys.executable, "-m", "venv", "--clear", "--without-pip", str(VENV)], check=True)


def install(python: Path, lock: Path) -> None:
    inside = subprocess.run([python, "-m", "pip", "--version"], capture_output=True, check=False).returncode == 0
    pip = [str(python), "-m", "pip"] if inside else [sys.executable, "-m", "pip", "--python", str(python)]
    done = subprocess.run(
        [*pip, "install", "--quiet", "--disable-pip-version-check", "--require-hashes", "-r", str(lock)],
        stdout=sys.stderr,
        check=False,
    )
    if done.returncode:
        sys.exit(f"pip could not install {lock.name}; its message is above. Run the same again once it is mended.")


if __name__ == "__main__":
    main()
