"""How a line of the log looks: one JSON object, and in it only what is on a list.

`PrivateFilter` has taken out of the message what somebody sent; here nothing gets in beside it. A fact that a log
should tell is passed as `extra={…}` under a name listed below; one under any other name is left out, so that a value
of somebody's cannot slip in with a field nobody thought of.
"""

import logging
import os
from collections.abc import MutableMapping
from typing import Any

from structlog.processors import JSONRenderer, TimeStamper
from structlog.stdlib import ExtraAdder, ProcessorFormatter, add_log_level, add_logger_name

from cdp.observability import request_ids

#: Names, numbers and kinds; never a value that a person, a sender or an administrator typed.
ALLOWED = frozenset({
    "code", "error", "events", "job", "lane", "method", "people", "request_ids", "requests", "route", "rule", "seconds",
    "segment", "source", "status", "task", "touches", "version",
})  # fmt: skip
_ORDER = ("at", "level", "logger", "event", "request_id")
_Line = MutableMapping[str, Any]


class JsonLines(ProcessorFormatter):
    """One JSON object a record."""

    def __init__(self) -> None:
        super().__init__(
            foreign_pre_chain=[add_log_level, add_logger_name, ExtraAdder(allow=ALLOWED), _with_places],
            processors=[
                ProcessorFormatter.remove_processors_meta,
                TimeStamper(fmt="iso", utc=True, key="at"),
                _with_origin,
                _in_order,
                JSONRenderer(ensure_ascii=False),
            ],
        )


class PlainLines(logging.Formatter):
    """The same for somebody who reads along."""

    def __init__(self) -> None:
        super().__init__("%(asctime)s %(levelname)s %(name)s %(message)s")

    def formatMessage(self, record: logging.LogRecord) -> str:
        facts = [f"{name}={record.__dict__[name]}" for name in sorted(ALLOWED & record.__dict__.keys())]
        if request_id := request_ids.current():
            facts.append(f"request_id={request_id}")
        return " ".join([super().formatMessage(record), *facts])


def _with_places(logger: Any, method: str, line: _Line) -> _Line:
    """Tell where an error came from; the filter has put it into the record's text, which would follow the object."""
    record = line["_record"]
    if record.exc_text:
        line["places"] = record.exc_text.splitlines()
        record.exc_text = None
    return line


def _with_origin(logger: Any, method: str, line: _Line) -> _Line:
    line["pid"] = os.getpid()
    if request_id := request_ids.current():
        line["request_id"] = request_id
    return line


def _in_order(logger: Any, method: str, line: _Line) -> _Line:
    first = {name: line[name] for name in _ORDER if name in line}
    return {**first, **{name: line[name] for name in sorted(line.keys() - first.keys())}}
