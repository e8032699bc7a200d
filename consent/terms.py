"""What the versions of a purpose and of a notice say, checked once and typed. Pure."""

import hashlib
import re
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import timedelta
from enum import StrEnum
from typing import Any

_DURATION = re.compile(r"([1-9]\d{0,5})([hd])")
_LANGUAGE = re.compile(r"[a-z]{2,3}(-[A-Za-z0-9]{2,8})*")
_KEY = re.compile(r"[a-z][a-z0-9_-]{0,99}")
_UNITS = {"h": "hours", "d": "days"}


class LegalBasis(StrEnum):
    """Article 6(1) GDPR, (a) to (f)."""

    CONSENT = "consent"
    CONTRACT = "contract"
    LEGAL_OBLIGATION = "legal_obligation"
    VITAL_INTERESTS = "vital_interests"
    PUBLIC_TASK = "public_task"
    LEGITIMATE_INTEREST = "legitimate_interest"

    @property
    def label(self) -> str:
        return self.replace("_", " ")


class TermsInvalid(ValueError):
    """A content that cannot be a purpose or a notice; says which field, and what it should hold."""

    def __init__(self, field: str, message: str) -> None:
        super().__init__(f"{field}: {message}")
        self.field = field
        self.message = message


@dataclass(frozen=True, slots=True)
class Terms:
    """The live version of a purpose."""

    key: str
    version: int
    title: str
    legal_basis: LegalBasis
    server_only: bool = False
    categories: frozenset[str] = frozenset()
    expires_after: timedelta | None = None
    notice: str = ""
    is_sale_or_sharing: bool = False


@dataclass(frozen=True, slots=True)
class Wording:
    """One version of a notice: the words a person was shown."""

    key: str
    version: int
    language: str
    text: str

    @property
    def sha256(self) -> str:
        return hashlib.sha256(self.text.encode()).hexdigest()


_PURPOSE_FIELDS = {
    "title", "description", "legal_basis", "accepted_assurance", "categories", "expires_after", "notice",
    "sale_or_sharing",
}  # fmt: skip


def read_purpose(content: Any, *, key: str = "", version: int = 0) -> Terms:
    """Read a purpose's content, or raise TermsInvalid naming the field."""
    fields = _fields(content, _PURPOSE_FIELDS)
    _text(fields, "description", required=False)
    return Terms(
        key=key,
        version=version,
        title=_text(fields, "title"),
        legal_basis=_legal_basis(fields),
        server_only="client" not in _assurances(fields),
        categories=frozenset(_words(fields, "categories")),
        expires_after=_duration(fields, "expires_after"),
        notice=_key(fields, "notice"),
        is_sale_or_sharing=_flag(fields, "sale_or_sharing"),
    )


def read_notice(content: Any, *, key: str = "", version: int = 0) -> Wording:
    """Read a notice's content, or raise TermsInvalid naming the field. A stated hash must be that of the text."""
    fields = _fields(content, {"language", "text", "sha256"})
    language = _text(fields, "language")
    if not _LANGUAGE.fullmatch(language):
        raise TermsInvalid("language", "Give a language tag such as “en” or “de-AT”.")
    wording = Wording(key=key, version=version, language=language, text=_text(fields, "text"))
    if fields.get("sha256", wording.sha256) != wording.sha256:
        raise TermsInvalid("sha256", "This is not the SHA-256 of the text.")
    return wording


def _fields(content: Any, known: set[str]) -> Mapping[str, Any]:
    if not isinstance(content, dict):
        raise TermsInvalid("content", "Give a JSON object.")
    for name in sorted(set(content) - known):
        raise TermsInvalid(str(name), f"This field is not known. Known are {', '.join(sorted(known))}.")
    return content


def _text(fields: Mapping[str, Any], name: str, *, required: bool = True) -> str:
    value = fields.get(name, "")
    if not isinstance(value, str) or (required and not value.strip()):
        raise TermsInvalid(name, "Give a text.")
    return value


def _key(fields: Mapping[str, Any], name: str) -> str:
    value = fields.get(name) or ""
    if value and not (isinstance(value, str) and _KEY.fullmatch(value)):
        raise TermsInvalid(name, "Give the key of a notice: lower-case letters, digits, - and _.")
    return str(value)


def _flag(fields: Mapping[str, Any], name: str) -> bool:
    value = fields.get(name, False)
    if not isinstance(value, bool):
        raise TermsInvalid(name, "Say true or false.")
    return value


def _legal_basis(fields: Mapping[str, Any]) -> LegalBasis:
    try:
        return LegalBasis(_text(fields, "legal_basis"))
    except ValueError:
        raise TermsInvalid("legal_basis", f"Choose one of {', '.join(LegalBasis)}.") from None


def _words(fields: Mapping[str, Any], name: str) -> list[str]:
    value = fields.get(name, [])
    if not isinstance(value, list) or not all(isinstance(word, str) and word for word in value):
        raise TermsInvalid(name, "Give a list of texts.")
    return value


def _assurances(fields: Mapping[str, Any]) -> set[str]:
    accepted = set(_words({"accepted_assurance": ["client", "server"]} | dict(fields), "accepted_assurance"))
    if "server" not in accepted or accepted - {"client", "server"}:
        raise TermsInvalid("accepted_assurance", "Choose [“server”] or [“client”, “server”].")
    return accepted


def _duration(fields: Mapping[str, Any], name: str) -> timedelta | None:
    value = fields.get(name)
    if value is None:
        return None
    parsed = _DURATION.fullmatch(value) if isinstance(value, str) else None
    if parsed is None:
        raise TermsInvalid(name, "Give a number of days or hours, such as “365d” or “12h”, or leave it out.")
    return timedelta(**{_UNITS[parsed[2]]: int(parsed[1])})
