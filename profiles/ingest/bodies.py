"""Read a request body, whatever its headers say it is, as a list of events still in their own bytes.

Nothing in an event is judged here: one bad event must never cost its batch. What is refused here is refused as a whole.
"""

import json
import zlib
from typing import Any

from msgspec import DecodeError, Raw, Struct, ValidationError
from msgspec.json import Decoder

from profiles.ingest.incoming import MAX_BODY_BYTES, MAX_EVENTS

GZIP_MAGIC = b"\x1f\x8b"
BATCH = "batch"


class BodyRefused(Exception):
    """The request as a whole cannot be taken."""

    def __init__(self, status: int, code: str, message: str) -> None:
        super().__init__(message)
        self.status = status
        self.code = code
        self.message = message


_NULL = Raw(b"null")


class OpenedBody(Struct, frozen=True):
    """A body's events, each as the bytes it was sent as, with what the batch says about all of them."""

    events: list[Raw]
    write_key: str
    sent_at: Raw
    context: Raw


class _Batch(Struct):
    batch: list[Raw]
    sentAt: Raw = _NULL
    context: Raw = _NULL
    writeKey: Raw = _NULL


class _Single(Struct):
    writeKey: Raw = _NULL


_batch = Decoder(_Batch)
_single = Decoder(_Single)
_text = Decoder(str)


def inflate(body: bytes) -> bytes:
    """Return the body as JSON bytes. gzip is recognised by its first bytes: clients label it as anything.

    Raises BodyRefused when it is broken or grows beyond the limit; no more than the limit is ever inflated.
    """
    if body[:2] != GZIP_MAGIC:
        return body
    inflater = zlib.decompressobj(wbits=31)
    try:
        plain = inflater.decompress(body, MAX_BODY_BYTES + 1)
    except zlib.error as error:
        raise BodyRefused(400, "invalid_gzip", "The body starts as gzip but cannot be inflated.") from error
    if len(plain) > MAX_BODY_BYTES:
        raise too_large()
    if not inflater.eof:
        raise BodyRefused(400, "invalid_gzip", "The gzip body is cut short.")
    return plain


def too_large() -> BodyRefused:
    return BodyRefused(413, "body_too_large", f"The body is larger than {MAX_BODY_BYTES} bytes when inflated.")


def open_body(plain: bytes, *, route: str) -> OpenedBody:
    """Split a body into its events. Raises BodyRefused when it is not what the route takes."""
    if not plain or plain.isspace():
        raise BodyRefused(400, "empty_body", "The body is empty.")
    try:
        opened = _open_batch(plain) if route == BATCH else _open_single(plain)
    except RecursionError:
        raise BodyRefused(400, "too_deep", "The body is nested too deeply to be read.") from None
    if len(opened.events) > MAX_EVENTS:
        raise BodyRefused(413, "too_many_events", f"batch: holds {len(opened.events)} events, at most {MAX_EVENTS}.")
    return opened


def _open_batch(plain: bytes) -> OpenedBody:
    try:
        batch = _batch.decode(plain)
    except ValidationError:
        raise BodyRefused(400, "invalid_batch", "batch: an object with a list of events is needed here.") from None
    except DecodeError as error:
        batch = _second_reading(plain, error)
    return OpenedBody(batch.batch, _written(batch.writeKey), batch.sentAt, batch.context)


def _open_single(plain: bytes) -> OpenedBody:
    event = Raw(plain)
    try:
        key = _single.decode(plain).writeKey
    except ValidationError:
        raise BodyRefused(400, "invalid_event", "The body is not a JSON object.") from None
    except DecodeError as error:
        document = _read_leniently(plain, error)
        event, key = _raw(document), _raw(document.get("writeKey"))
    return OpenedBody([event], _written(key), _NULL, _NULL)


def _second_reading(plain: bytes, error: DecodeError) -> _Batch:
    document = _read_leniently(plain, error)
    events = document.get("batch")
    if not isinstance(events, list):
        raise BodyRefused(400, "invalid_batch", "batch: an object with a list of events is needed here.")
    rest = {name: _raw(document[name]) for name in ("sentAt", "context", "writeKey") if name in document}
    return _Batch([_raw(event) for event in events], **rest)


# A strict reader refuses the whole body for one NaN or one lone surrogate in one event. Python's own reader takes both,
# so what it makes of the body is cut into events again; each event is then judged alone and the sound ones are kept.
def _read_leniently(plain: bytes, error: DecodeError) -> dict[str, Any]:
    try:
        document = json.loads(plain.decode("utf-8-sig"))
    except ValueError:
        raise BodyRefused(400, "invalid_json", f"The body is not JSON: {error}.") from None
    if not isinstance(document, dict):
        raise BodyRefused(400, "invalid_json", "The body is not a JSON object.")
    return document


def _raw(value: Any) -> Raw:
    return Raw(json.dumps(value, separators=(",", ":")).encode())


def _written(key: Raw) -> str:
    try:
        return _text.decode(key)
    except (DecodeError, UnicodeDecodeError):
        return ""


def key_inside(event: Raw) -> str:
    """Return the write key that an event carries itself, as those of browser batches do."""
    try:
        return _written(_single.decode(event).writeKey)
    except (DecodeError, UnicodeDecodeError, RecursionError):
        return ""
