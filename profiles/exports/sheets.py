"""Rows as CSV that a spreadsheet opens as text, in the place of a Parquet file. A copy: types are lost."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from cdp import spreadsheet


class SheetWriter:
    """Writes tables as a Parquet writer does."""

    def __init__(self, path: Path, names: Sequence[str]) -> None:
        self._file = path.open("wb")
        self._file.write(spreadsheet.line(names))

    def write_table(self, table: Any) -> None:
        columns = [column.to_pylist() for column in table.columns]
        self._file.write(b"".join(map(spreadsheet.line, zip(*columns, strict=True))))

    def close(self) -> None:
        self._file.close()
