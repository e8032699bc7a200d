"""Country, region and city: as the sender tells them, else by the address in a file that the operator supplies.

The file (`CDP_GEOIP_FILE`) is of MaxMind's format. It is opened again when it was replaced; a file that cannot be read
gives no places, and `manage.py doctor` says so. Whoever replaces it renames a whole new file into its place: the file
is read where it lies, and one that shrinks under the reader would end the process.
"""

import logging
from collections.abc import Mapping
from functools import lru_cache
from pathlib import Path
from typing import Any, NamedTuple

import maxminddb
from django.conf import settings
from maxminddb import InvalidDatabaseError, Reader

from profiles.facts.contexts import known_text

log = logging.getLogger(__name__)

REMEMBERED = 20_000
_COUNTRY_CODE = 2
_Signature = tuple[str, int, int, int]


class Place(NamedTuple):
    """Where a person was; None where it is not told. A country of two letters is its ISO code."""

    country: str | None = None
    region: str | None = None
    city: str | None = None


NOWHERE = Place()


class _Opened:
    """The file as it was last found, and the reader over it; none where there is none that can be read."""

    signature: _Signature | None = None
    reader: Reader | None = None


_opened = _Opened()


def refresh() -> None:
    """Open the file anew if it is another one than before; asked once for a claim."""
    signature = _signature(settings.CDP_GEOIP_FILE)
    if signature == _opened.signature:
        return
    _opened.signature, _opened.reader = signature, None
    _by_address.cache_clear()
    if signature is not None:
        try:
            _opened.reader = maxminddb.open_database(signature[0])
        except (InvalidDatabaseError, OSError, ValueError) as error:
            log.error("the file of places cannot be read", extra={"error": f"{type(error).__name__}: {error}"})


def place_of(context: Mapping[str, Any]) -> Place:
    """The place of an event: `location` if it names a country or a city, else what the file knows of `ip`."""
    location = context.get("location")
    if type(location) is dict:
        told = _told(location)
        if told.country or told.city:
            return told
    address = context.get("ip")
    return _by_address(address) if type(address) is str and _opened.reader is not None else NOWHERE


@lru_cache(maxsize=REMEMBERED)
def _by_address(address: str) -> Place:
    reader = _opened.reader
    try:
        record = reader.get(address) if reader is not None else None
    except (InvalidDatabaseError, ValueError, UnicodeError):  # not an address, or one of a kind the file does not hold
        return NOWHERE
    return place_in(record) if isinstance(record, dict) else NOWHERE


def place_in(record: Mapping[str, Any]) -> Place:
    """The place a record names: nested with names per language, or plain texts, as the makers of such files do it."""
    country = record.get("country", record.get("registered_country"))
    code = country.get("iso_code") if isinstance(country, dict) else record.get("country_code", country)
    regions = record.get("subdivisions")
    region = regions[0] if isinstance(regions, list) and regions else record.get("region")
    return Place(_country(known_text(code)), _named(region), _named(record.get("city")))


def _named(part: Any) -> str | None:
    if isinstance(part, dict):
        names = part.get("names")
        return known_text(names.get("en")) if isinstance(names, dict) else None
    return known_text(part)


def _told(location: Mapping[str, Any]) -> Place:
    country, region, city = (known_text(location.get(name)) for name in ("country", "region", "city"))
    return Place(_country(country), region, city)


def _country(told: str | None) -> str | None:
    return told.upper() if told is not None and len(told) == _COUNTRY_CODE else told


def _signature(path: str) -> _Signature | None:
    if not path:
        return None
    try:
        found = Path(path).stat()
    except OSError:
        return None
    return path, found.st_ino, found.st_size, found.st_mtime_ns
