"""Consent as an application tells it: of somebody by a name, known or not yet."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from django.db import transaction

from cdp.ids import from_public, new_id
from consent import ledger
from consent.decisions import Operation
from consent.ledger import LedgerError, Receipt, Statement, Teller
from profiles.identity import resolve
from profiles.identity.canonical import canonical
from profiles.identity.resolve import First
from profiles.identity.rules import known_rule

PROFILE_ID = "id"


class UnknownPerson(LedgerError):
    code = "unknown_person"
    field = "identifier"


class NoIdentifier(LedgerError):
    code = "invalid_identifier"
    field = "identifier"


@dataclass(frozen=True, slots=True)
class Identifier:
    type: str
    value: str


@dataclass(frozen=True, slots=True)
class Told:
    """What was told, before it is known who it is about."""

    identifier: Identifier
    operation: Operation
    purposes: tuple[str, ...]
    occurred_at: datetime
    method: str
    notice: str = ""
    notice_version: int | None = None
    private: Mapping[str, Any] | None = None


_VERBS = {Operation.GRANT: ledger.grant, Operation.DENY: ledger.deny, Operation.WITHDRAW: ledger.withdraw}


@transaction.atomic
def accept(*, told: Told, told_by: Teller, now: datetime, idempotency_key: str = "") -> Receipt:
    """Record what was told. A name nobody knows begins a person: a person's refusal has to be kept too.

    Raises LedgerError, and then nothing is kept, the name included.
    """
    origin_id = _origin(told.identifier, now=now)
    statement = Statement(
        origin_id=origin_id,
        purposes=told.purposes,
        occurred_at=told.occurred_at,
        method=told.method,
        notice=told.notice,
        notice_version=told.notice_version,
        private={**(told.private or {}), "identifier": {"type": told.identifier.type, "value": told.identifier.value}},
    )
    return _VERBS[told.operation](statement=statement, told_by=told_by, now=now, idempotency_key=idempotency_key)


def find(identifier: Identifier) -> int | None:
    """Return the person a name belongs to now, or None. Old profile ids keep finding the person they became."""
    origin_id = from_public(identifier.value) if identifier.type == PROFILE_ID else _known(identifier)
    return resolve.roots([origin_id]).get(origin_id) if origin_id is not None else None


def _origin(identifier: Identifier, *, now: datetime) -> int:
    if identifier.type == PROFILE_ID:
        origin_id = from_public(identifier.value)
        if origin_id is None or origin_id not in resolve.roots([origin_id]):
            raise UnknownPerson("There is no person with this id.")
        return origin_id
    if (known := _known(identifier)) is not None:
        return known
    name = _name(identifier)
    resolve.learn(names={name: First(now, new_id(now=now))}, together={})
    return resolve.find([name])[name]


def _known(identifier: Identifier) -> int | None:
    name = _name(identifier)
    return resolve.find([name]).get(name)


def _name(identifier: Identifier) -> resolve.Name:
    rule = known_rule()
    known = identifier.type in rule.ranks
    spelled = canonical(identifier.type, identifier.value, country=rule.country) if known else None
    if spelled is None:
        raise NoIdentifier(f"This is not an identifier of type “{identifier.type}”.")
    if rule.blocks(identifier.type, spelled):
        raise NoIdentifier("The identity rule says that this is nobody's identifier.")
    return identifier.type, spelled
