"""Typed reading of environment variables: a bad value stops the start with a sentence, never a surprise later."""

import os
from collections.abc import Mapping
from pathlib import Path
from urllib.parse import parse_qs, unquote, urlsplit


class BadSetting(ValueError):
    """An environment variable holds a value that cannot be meant."""


def text(name: str, default: str = "") -> str:
    return os.environ.get(name, default)


def flag(name: str, *, default: bool) -> bool:
    """Read a yes/no variable; raises BadSetting for anything that is neither."""
    raw = os.environ.get(name)
    if raw is None or raw == "":
        return default
    if raw.lower() in {"1", "true", "yes", "on"}:
        return True
    if raw.lower() in {"0", "false", "no", "off"}:
        return False
    raise BadSetting(f"{name}={raw!r}: write 1 or 0 (also true/false, yes/no, on/off).")


def whole_number(name: str, default: int, *, least: int = 0) -> int:
    """Read an integer not below `least`; raises BadSetting otherwise."""
    raw = os.environ.get(name)
    if raw is None or raw == "":
        return default
    try:
        value = int(raw)
    except ValueError:
        raise BadSetting(f"{name}={raw!r}: write a whole number.") from None
    if value < least:
        raise BadSetting(f"{name}={value}: it must be at least {least}.")
    return value


def cores(*, least: int, most: int) -> int:
    """Return how many processor cores this process may use, within bounds."""
    known = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
    return max(least, min(most, known))


def choice(name: str, choices: Mapping[str, str], *, default: str) -> str:
    """Read one of a few words and return what it stands for; raises BadSetting for any other."""
    raw = os.environ.get(name) or default
    if raw not in choices:
        raise BadSetting(f"{name}={raw!r}: write {' or '.join(choices)}.")
    return choices[raw]


def words(name: str, default: tuple[str, ...] = ()) -> list[str]:
    """Read a comma-separated list."""
    raw = os.environ.get(name)
    return [word.strip() for word in raw.split(",") if word.strip()] if raw else list(default)


def folder(name: str, default: Path) -> Path:
    return Path(os.environ.get(name) or default).expanduser().resolve()


#: A machine that lost its power says nothing: without these, whoever was talking to it waits for minutes.
_PATIENCE = {
    "connect_timeout": "3",
    "keepalives_idle": "10",
    "keepalives_interval": "5",
    "keepalives_count": "3",
    "tcp_user_timeout": "15000",
}


def database(name: str, url: str, *, options: str = "") -> dict[str, object]:
    """Turn postgresql://user:password@host:port/name?host=/socket/folder into Django's settings.

    Several hosts are separated by commas, as libpq reads them: with target_session_attrs=read-write whichever of them
    is the primary is used. Raises BadSetting when the URL is not one of a PostgreSQL database.
    """
    parts = urlsplit(url)
    if parts.scheme not in {"postgres", "postgresql"}:
        raise BadSetting(f"{name}={url!r}: write postgresql://user:password@host:5432/database.")
    query = parse_qs(parts.query)
    hosts, ports = _hosts(name, parts.netloc.rpartition("@")[2])
    if not parts.path.strip("/"):
        raise BadSetting(f"{name}={url!r}: the name of the database is missing after the host.")
    extra = _PATIENCE | {key: values[-1] for key, values in query.items() if key not in {"host", "port"}}
    if options:
        extra["options"] = f"{extra.get('options', '')} {options}".strip()
    return {
        "ENGINE": "django.db.backends.postgresql",
        "NAME": unquote(parts.path.lstrip("/")),
        "USER": unquote(parts.username or ""),
        "PASSWORD": unquote(parts.password or ""),
        "HOST": query.get("host", [hosts])[-1],
        "PORT": query.get("port", [ports])[-1],
        "OPTIONS": extra,
        "ATOMIC_REQUESTS": False,
    }


def _hosts(name: str, netloc: str) -> tuple[str, str]:
    """Return hosts and ports, each joined by commas, of host:port,host:port."""
    places = [urlsplit(f"//{place}") for place in netloc.split(",")]
    try:
        ports = [str(place.port or "") for place in places]
    except ValueError:
        raise BadSetting(
            f"{name}: the port in {netloc!r} is no number; write host:5432 or host:5432,host:5432."
        ) from None
    hosts = [place.hostname or "" for place in places]
    return ",".join(hosts), ",".join(ports) if any(ports) else ""


def broker(name: str, url: str) -> str:
    """Return the URL in the spelling of kombu; redis-py says unix:// where kombu says redis+socket://."""
    scheme = urlsplit(url).scheme
    if scheme not in {"redis", "rediss", "unix"}:
        raise BadSetting(f"{name}={url!r}: write redis://host:6379/0, rediss://… or unix:///path/to/socket.")
    return url.replace("unix://", "redis+socket://", 1) if scheme == "unix" else url
