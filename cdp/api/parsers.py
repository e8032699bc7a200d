"""JSON bodies that cannot bring the server down: depth, size and characters are bounded before anything reads them."""

from collections.abc import Mapping
from typing import Any

import orjson
from rest_framework.exceptions import ParseError
from rest_framework.parsers import BaseParser

from cdp.problems import Problem

MAX_BODY = 1024 * 1024


class StrictJSONParser(BaseParser):
    """Refuses what Python's json lets through or dies of: depth bombs, NaN, half a surrogate pair."""

    media_type = "application/json"

    def parse(self, stream: Any, media_type: str | None = None, parser_context: Mapping[str, Any] | None = None) -> Any:
        body = stream.read(MAX_BODY + 1)
        if len(body) > MAX_BODY:
            raise Problem(413, "too_large", f"The body is larger than {MAX_BODY} bytes.")
        try:
            return orjson.loads(body)
        except orjson.JSONDecodeError as error:
            raise ParseError(f"The body is not JSON: {error}") from error
