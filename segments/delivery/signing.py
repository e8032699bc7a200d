"""Standard Webhooks 1.0: secrets, signatures, and the sealing of secrets for the database."""

import base64
import hmac
import secrets
from collections.abc import Iterable

from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from cdp.pseudonyms import derived_key

_PREFIX = "whsec_"
_SECRET_BYTES = 32  # the standard asks for 24 to 64
_NONCE_BYTES = 12


def new_secret() -> bytes:
    return secrets.token_bytes(_SECRET_BYTES)


def spelled(secret: bytes) -> str:
    """Write a secret as its receiver configures it."""
    return _PREFIX + base64.b64encode(secret).decode()


def seal(secret: bytes, *, destination_id: int) -> bytes:
    """Encrypt a secret under a key that is not in the database, bound to the destination."""
    nonce = secrets.token_bytes(_NONCE_BYTES)
    return nonce + _sealer().encrypt(nonce, secret, _bound(destination_id))


def unseal(sealed: bytes, *, destination_id: int) -> bytes:
    return _sealer().decrypt(sealed[:_NONCE_BYTES], sealed[_NONCE_BYTES:], _bound(destination_id))


def signature(*, message_id: str, timestamp: int, body: bytes, keys: Iterable[bytes]) -> str:
    """Sign a message with every live secret; the receiver accepts whichever of them it knows."""
    signed = f"{message_id}.{timestamp}.".encode() + body
    return " ".join(f"v1,{base64.b64encode(hmac.digest(key, signed, 'sha256')).decode()}" for key in keys)


def _sealer() -> AESGCM:
    return AESGCM(derived_key("destination secrets 1"))


def _bound(destination_id: int) -> bytes:
    return b"destination secret" + destination_id.to_bytes(8, "big")
