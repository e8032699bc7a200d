"""Parquet, row group by row group: only the columns that are looked at, and never more than some rows at once.

Values become text as a CSV would have it: numbers in full, times in ISO-8601, null as nothing, lists and objects as
JSON. A number that is whole is written without a point: ids that went through a table of floats are ids again.
"""

import datetime
import decimal
import resource
from collections.abc import Callable, Collection, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, BinaryIO

import pyarrow as pa
import pyarrow.parquet as pq
from msgspec.json import Encoder

from profiles.imports.lines import FileRefused, Line, OpenFile, Unreadable

MAGIC = b"PAR1"
_ROWS_AT_ONCE = 2_000
_MOST_COLUMNS = 2_000
_LARGEST_ROW_GROUP = 4 * 1024**3
_EXACT = 2.0**53
_MOST_MEMORY = 1 << 30
_SIZE = Path("/proc/self/statm")
_WITHOUT_TEXT = (pa.types.is_binary, pa.types.is_large_binary, pa.types.is_fixed_size_binary)
_json = Encoder(decimal_format="number")


def opened(path: Path, file: BinaryIO, wanted: Collection[str]) -> OpenFile:
    """Read the schema. Raises FileRefused."""
    try:
        # Small buffers and no reading ahead: the memory it takes does not grow with a row group.
        stored = pq.ParquetFile(file, pre_buffer=False, buffer_size=1 << 20)
        schema = stored.schema_arrow
    except (pa.ArrowException, OSError) as error:
        raise FileRefused(f"{path.name} is no Parquet file that can be read: {type(error).__name__}.") from None
    _check(stored)
    names = schema.names
    read = [name for name in names if name in wanted] if wanted else names
    for name in read:
        if any(is_one(schema.field(name).type) for is_one in _WITHOUT_TEXT):
            raise FileRefused(f"Column {name} holds bytes; text, numbers, times and booleans can be read.")
    return OpenFile(list(names), _lines(stored, read), file, stored)


def _check(stored: Any) -> None:
    names = stored.schema_arrow.names
    if len(set(names)) != len(names) or len(names) > _MOST_COLUMNS:
        raise FileRefused(f"A Parquet file names each of its columns once, and has at most {_MOST_COLUMNS}.")
    for number in range(stored.metadata.num_row_groups):
        if stored.metadata.row_group(number).total_byte_size > _LARGEST_ROW_GROUP:
            raise FileRefused(f"Row group {number} is larger than 4 GiB: write smaller ones.")


def _lines(stored: Any, columns: list[str]) -> Iterator[Line | Unreadable]:
    number = 0
    batches = stored.iter_batches(batch_size=_ROWS_AT_ONCE, columns=columns, use_threads=False)
    try:
        while cells := _next(batches):
            for row in zip(*cells, strict=True):
                number += 1
                yield Line(number, dict(zip(columns, row, strict=True)))
    except MemoryError:  # pyarrow's own is one too
        raise FileRefused(f"The rows after row {number} are too large to be read.") from None
    except (pa.ArrowException, OSError) as error:
        raise FileRefused(f"The file is damaged after row {number}: {type(error).__name__}.") from None


def _next(batches: Iterator[Any]) -> list[list[str]]:
    with _bounded_memory():
        batch = next(batches, None)
        return [] if batch is None else [_texts(column) for column in batch.columns]


# What a file says of its own sizes is worth nothing, and a few hundred bytes can unfold into gigabytes: one long value,
# compressed, and a thousand rows that refer to it. pyarrow knows no bound, but the process can be given one.
@contextmanager
def _bounded_memory() -> Iterator[None]:
    if not _SIZE.exists():  # only Linux says how large a process is, and keeps it to a limit
        yield
        return
    soft, hard = resource.getrlimit(resource.RLIMIT_AS)
    pages = int(_SIZE.read_text().partition(" ")[0])
    wanted = pages * resource.getpagesize() + _MOST_MEMORY
    within = min((one for one in (soft, hard, wanted) if one != resource.RLIM_INFINITY), default=wanted)
    resource.setrlimit(resource.RLIMIT_AS, (within, hard))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_AS, (soft, hard))


def _texts(column: Any) -> list[str]:
    kind = column.type
    if pa.types.is_timestamp(kind) and kind.unit == "ns":
        column = column.cast(pa.timestamp("us", tz=kind.tz), safe=False)
    if pa.types.is_string(kind) or pa.types.is_large_string(kind):
        return [value or "" for value in column.to_pylist()]
    spell = next((spell for is_one, spell in _SPELLED if is_one(kind)), _any)
    return ["" if value is None else spell(value) for value in column.to_pylist()]


def _any(value: Any) -> str:
    if isinstance(value, str):
        return value
    if isinstance(value, datetime.datetime | datetime.date | datetime.time):
        return value.isoformat()
    return _json.encode(value).decode()


def _number(value: Any) -> str:
    if isinstance(value, decimal.Decimal):
        return f"{value:f}"
    return str(int(value)) if value.is_integer() and abs(value) < _EXACT else repr(value)


_SPELLED: tuple[tuple[Callable[[Any], bool], Callable[[Any], str]], ...] = (
    (pa.types.is_boolean, lambda value: "true" if value else "false"),
    (pa.types.is_integer, str),
    (pa.types.is_floating, _number),
    (pa.types.is_decimal, _number),
    (pa.types.is_timestamp, lambda value: str(value.isoformat())),
    (pa.types.is_date, lambda value: str(value.isoformat())),
)
