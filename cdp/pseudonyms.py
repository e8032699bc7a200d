"""Keyed hashes of identifiers. Inside, everything joins on the profile id: a hash finds a person, or names one outside.

Every key is derived from the root key (a file, never the database) for its domain alone, so two domains cannot be
joined from outside and none tells anything about another.
"""

import base64
import hmac
from functools import lru_cache

from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.hkdf import HKDF
from django.conf import settings

KEY_VERSION = 1
_SEPARATOR = b"\x1f"


@lru_cache(maxsize=1024)
def derived_key(domain: str) -> bytes:
    """Return the 32-byte key of a domain, derived from the root key."""
    return HKDF(algorithm=SHA256(), length=32, salt=None, info=domain.encode()).derive(settings.CDP_ROOT_KEY)


def lookup_hash(type: str, value: str) -> bytes:
    """Return the 16 bytes under which a normalised identifier is found."""
    return _keyed_hash(f"lookup:{KEY_VERSION}", type, value)[:16]


def pseudonym(*, domain: str, type: str, value: str) -> str:
    """Name a normalised identifier towards one app, vendor or export: "p1.<key version>.<base32>"."""
    digest = _keyed_hash(f"pseudonym:{KEY_VERSION}:{domain}", type, value)
    return f"p1.{KEY_VERSION}.{base64.b32encode(digest).decode().rstrip('=').lower()}"


def _keyed_hash(domain: str, type: str, value: str) -> bytes:
    return hmac.digest(derived_key(domain), type.encode() + _SEPARATOR + value.encode(), "sha256")
