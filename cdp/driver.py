"""
Make Django speak to PostgreSQL through psycopg2, whatever else is installed.

Ibis brings psycopg 3 along, and Django prefers that one wherever it can be imported, which depends on whether the
machine has a libpq. Events go in through psycopg2's copy_expert, and one product on two drivers would be two products.
Django chooses once, when its backend is first imported: so it is imported here, while psycopg 3 cannot be seen.
"""

import importlib
import sys


def choose_psycopg2() -> None:
    """Import Django's backend with psycopg2. Call it before anything else imports that backend."""
    hidden = {name: sys.modules.pop(name) for name in list(sys.modules) if name.split(".")[0] == "psycopg"}
    sys.modules["psycopg"] = None  # type: ignore[assignment]  # the import system's own way to say "not there"
    try:
        importlib.import_module("django.db.backends.postgresql.base")
    finally:
        del sys.modules["psycopg"]
        sys.modules.update(hidden)
