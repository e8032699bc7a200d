"""What every family of event leaves tells the stages; most have nothing to say of an event among its neighbours."""

from collections.abc import Iterable
from typing import Any, Protocol

import ibis.expr.types as ir

from segments.rules.due import Timed
from segments.rules.selections import Columns, Future, Futures, Selector


class Family(Protocol):
    """The distinct leaves of one kind; `spans` are the relative windows compared with, `futures` what they wait for."""

    def __init__(self, leaves: tuple[Any, ...], selector: Selector) -> None: ...

    def spans(self) -> Iterable[int]: ...

    def futures(self) -> Iterable[Future]: ...

    def matched(self, table: ir.Table) -> Columns: ...

    def placed(self, table: ir.Table) -> Columns:
        return {}

    def walked(self, table: ir.Table) -> Columns:
        return {}

    def judged(self, table: ir.Table) -> Columns:
        return {}

    def totals(self, table: ir.Table) -> dict[str, ir.Scalar]: ...

    def timed(self, table: ir.Table, leaf: Any, futures: Futures) -> tuple[Timed, ir.Column]: ...
