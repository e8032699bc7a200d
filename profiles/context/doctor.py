"""What manage.py doctor asks about the file of places."""

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta

import maxminddb
from django.conf import settings
from maxminddb import InvalidDatabaseError

from cdp.doctor import Finding, attention, fine, wrong

#: Addresses change hands: a file older than this is wrong about many of them.
OLD = timedelta(days=90)


def examine(now: datetime, /) -> Iterator[Finding]:
    """Whether addresses are looked up, in which file, and how old that is."""
    path = settings.CDP_GEOIP_FILE
    if not path:
        yield fine("Addresses are not looked up: no CDP_GEOIP_FILE is named. Places come from senders alone.")
        return
    try:
        with maxminddb.open_database(path) as reader:
            told = reader.metadata()
    except (InvalidDatabaseError, OSError, ValueError) as error:
        yield wrong(
            f"CDP_GEOIP_FILE cannot be read ({type(error).__name__}): {path}. Events get no place by their address.",
            "Name a city or country database in MaxMind's format that the workers may read.",
        )
        return
    built = datetime.fromtimestamp(told.build_epoch, UTC)
    described = f"{told.database_type} of {built:%Y-%m-%d}"
    if now - built > OLD:
        yield attention(f"The file of places is old: {described}.", f"Rename a newer one into the place of {path}.")
    else:
        yield fine(f"Addresses are looked up in {described}.")
