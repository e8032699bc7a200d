"""The card's section "consent": written by the projection, read by the gate without a query. Pure.

    {purpose: {state, since, until, entry, assurance, assured: null | {state, since, until, entry}}}

`assured` is there only where it differs: what stands when a browser's word for a grant does not count.
"""

from collections.abc import Mapping
from datetime import datetime
from typing import Any

from cdp.ids import from_public, to_public
from consent.canonical import instant
from consent.decisions import NOWHERE, Act, Assurance, Operation, Standing

ENTRY_PREFIX = "c_"
_STATES = {
    Operation.GRANT: "granted",
    Operation.DENY: "denied",
    Operation.WITHDRAW: "withdrawn",
    Operation.EXPIRE: "expired",
}
STATES = tuple(_STATES.values())
_OPERATIONS = {state: operation for operation, state in _STATES.items()}


def body(standings: Mapping[str, Standing], *, now: datetime) -> dict[str, Any]:
    """Write down where a person stands on every purpose."""
    return {purpose: _purpose(standing, now) for purpose, standing in sorted(standings.items()) if standing.act}


def until(standings: Mapping[str, Standing], *, now: datetime) -> datetime | None:
    """Say when time alone will change the section: the first grant to run out."""
    ends = [
        act.until
        for standing in standings.values()
        for act in (standing.act, standing.assured)
        if act is not None and act.until is not None and act.until > now
    ]
    return min(ends, default=None)


def standing(section: Mapping[str, Any], purpose: str) -> Standing:
    """Read a standing back from the section."""
    stated = section.get(purpose)
    if stated is None:
        return NOWHERE
    act = _act(purpose, stated)
    assured = stated["assured"]
    if assured is not None:
        return Standing(act=act, assured=_act(purpose, assured))
    has_word = act.operation is not Operation.GRANT or act.assurance is Assurance.SERVER
    return Standing(act=act, assured=act if has_word else None)


def _purpose(standing: Standing, now: datetime) -> dict[str, Any]:
    assert standing.act is not None
    differs = standing.assured is not None and standing.assured.entry != standing.act.entry
    return _stated(standing.act, now) | {
        "assurance": str(standing.act.assurance),
        "assured": _stated(standing.assured, now) if differs and standing.assured else None,
    }


def _stated(act: Act, now: datetime) -> dict[str, Any]:
    has_run_out = act.operation is Operation.GRANT and act.until is not None and act.until <= now
    return {
        "state": "expired" if has_run_out else _STATES[act.operation],
        "since": instant(act.occurred_at),
        "until": instant(act.until) if act.until else None,
        "entry": to_public(act.entry, prefix=ENTRY_PREFIX),
    }


def _act(purpose: str, stated: Mapping[str, Any]) -> Act:
    ends = datetime.fromisoformat(stated["until"]) if stated["until"] else None
    # A grant that ran out is kept as one with its end, so that the decision says which of the two it is.
    operation = Operation.GRANT if ends is not None else _OPERATIONS[stated["state"]]
    return Act(
        purpose=purpose,
        entry=from_public(stated["entry"], prefix=ENTRY_PREFIX) or 0,
        hash=b"",
        operation=operation,
        occurred_at=datetime.fromisoformat(stated["since"]),
        assurance=Assurance(stated.get("assurance", Assurance.SERVER)),
        until=ends,
    )
