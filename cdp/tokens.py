"""The written form of a secret: cdp_{kind}_{id}_{secret}{crc}, letters, digits and _ only.

The checksum tells a mistyped or cut-off token from a wrong one without a query, and lets scanners of public code find
leaked tokens. It is no protection: the 256-bit secret is.
"""

import hmac
import re
import secrets
import string
import zlib
from dataclasses import dataclass

from cdp.pseudonyms import derived_key

_ALPHABET = string.digits + string.ascii_letters
_SECRET_LENGTH = 43  # 62**43 > 2**256
_CRC_LENGTH = 6  # 62**6 > 2**32
_FORM = re.compile(
    rf"cdp_(?P<kind>pk|sk|pt)_(?P<id>[1-9][0-9]{{0,17}})_(?P<secret>[0-9A-Za-z]{{{_SECRET_LENGTH}}})"
    rf"(?P<crc>[0-9A-Za-z]{{{_CRC_LENGTH}}})"
)


@dataclass(frozen=True, slots=True)
class Token:
    kind: str
    id: int
    secret: str

    def __str__(self) -> str:
        body = f"cdp_{self.kind}_{self.id}_{self.secret}"
        return body + _crc(body)


def new_secret() -> str:
    return "".join(secrets.choice(_ALPHABET) for _ in range(_SECRET_LENGTH))


def parse(text: str) -> Token | None:
    """Read a token; None for anything that is none, typing mistakes included."""
    found = _FORM.fullmatch(text)
    if found is None or _crc(text[:-_CRC_LENGTH]) != found["crc"]:
        return None
    return Token(found["kind"], int(found["id"]), found["secret"])


def keyed_hash(token: Token) -> bytes:
    """Return what is stored instead of the secret: worthless without the root key, which is not in the database."""
    return hmac.digest(derived_key("token:1"), f"{token.kind}:{token.id}:{token.secret}".encode(), "sha256")


def _crc(body: str) -> str:
    rest, digits = zlib.crc32(body.encode()), ""
    for _ in range(_CRC_LENGTH):
        rest, digit = divmod(rest, 62)
        digits = _ALPHABET[digit] + digits
    return digits
