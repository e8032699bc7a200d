"""Where a person stands on a purpose, and what that allows. Pure; `audiences` is the same as SQL, proven equal."""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum

from consent.terms import LegalBasis, Terms


class Operation(StrEnum):
    GRANT = "grant"
    DENY = "deny"
    WITHDRAW = "withdraw"
    EXPIRE = "expire"


class Assurance(StrEnum):
    """Who vouches for it: a browser or app that anybody can imitate, or a server that holds a secret."""

    CLIENT = "client"
    SERVER = "server"


class Outcome(StrEnum):
    ALLOWED = "allowed"
    REFUSED = "refused"
    GAP = "gap"


@dataclass(frozen=True, slots=True)
class Act:
    """What one ledger entry says about one purpose."""

    purpose: str
    entry: int
    hash: bytes
    operation: Operation
    occurred_at: datetime
    assurance: Assurance
    until: datetime | None = None
    supersedes: bytes | None = None


@dataclass(frozen=True, slots=True)
class Standing:
    """The act that decides. `assured` is the one that decides where a client's word for a grant does not count."""

    act: Act | None
    assured: Act | None


@dataclass(frozen=True, slots=True)
class Decision:
    outcome: Outcome
    basis: str
    reason: str
    code: str
    entry: int | None = None

    @property
    def is_allowed(self) -> bool:
        return self.outcome is Outcome.ALLOWED


NOWHERE = Standing(act=None, assured=None)


def stand(acts: Iterable[Act], *, at: datetime | None = None) -> Standing:
    """Say where the acts of ONE purpose leave a person, as of `at` (now, when absent).

    The hard decision of this module is precedence. Entries reach us in any order: a phone sends what it queued last
    week, two devices disagree, two people turn out to be one. So the standing is a function of the SET of entries and
    never of their arrival: the latest by the time it happened wins; at the same instant a refusal beats a grant,
    because wrongly using is worse than wrongly not using; and the hash of the entry settles the rest, so that two
    computers name the same entry. An entry named in another's `supersedes` does not count: the other states the same
    decision at its true, earlier time. A refusal counts whoever vouches for it; only for grants does assurance matter.
    """
    known = list(acts)
    superseded = {act.supersedes for act in known if act.supersedes is not None}
    standing = [act for act in known if act.hash not in superseded and (at is None or act.occurred_at <= at)]
    assured = [act for act in standing if _is_restrictive(act) or act.assurance is Assurance.SERVER]
    return Standing(
        act=max(standing, key=_precedence, default=None), assured=max(assured, key=_precedence, default=None)
    )


def decide(*, purpose: str, terms: Terms | None, standing: Standing, now: datetime) -> Decision:
    """Decide whether a person's data may be used for `purpose` under its live `terms`."""
    if terms is None:
        return Decision(Outcome.GAP, "none", f"The purpose “{purpose}” has no live version.", "purpose_not_live")
    if terms.legal_basis is LegalBasis.CONSENT:
        return _by_consent(terms, standing, now)
    if terms.legal_basis in _OPEN_TO_OBJECTION and standing.act is not None and _is_objection(standing.act):
        return _decision(Outcome.REFUSED, terms, "The person objected", "objected", standing.act)
    return _decision(Outcome.ALLOWED, terms, f"Allowed by {terms.legal_basis.label}", "allowed_by_basis", None)


def _by_consent(terms: Terms, standing: Standing, now: datetime) -> Decision:
    act = standing.assured if terms.server_only else standing.act
    if act is None and standing.act is not None:
        return _decision(
            Outcome.GAP, terms, "Only a browser or app vouches for the grant", "assurance_too_low", standing.act
        )
    if act is None:
        return _decision(Outcome.GAP, terms, "No consent is on record", "no_record", None)
    if act.operation is not Operation.GRANT:
        return _decision(Outcome.REFUSED, terms, _REFUSALS[act.operation], "consent_refused", act)
    if act.until is not None and act.until <= now:
        return _decision(Outcome.REFUSED, terms, "The consent has expired", "consent_expired", act)
    return _decision(Outcome.ALLOWED, terms, "Consent was granted", "consent_granted", act)


#: Articles 6(1)(e) and (f) GDPR: processing that a person may object to under article 21.
_OPEN_TO_OBJECTION = (LegalBasis.LEGITIMATE_INTEREST, LegalBasis.PUBLIC_TASK)
_REFUSALS = {
    Operation.DENY: "Consent was denied",
    Operation.WITHDRAW: "Consent was withdrawn",
    Operation.EXPIRE: "The consent has expired",
}


def _is_restrictive(act: Act) -> bool:
    return act.operation is not Operation.GRANT


def _is_objection(act: Act) -> bool:
    return act.operation in (Operation.DENY, Operation.WITHDRAW)


def _precedence(act: Act) -> tuple[datetime, bool, bytes]:
    return act.occurred_at, _is_restrictive(act), act.hash


def _decision(outcome: Outcome, terms: Terms, reason: str, code: str, act: Act | None) -> Decision:
    when = f" on {act.occurred_at:%Y-%m-%d %H:%M} UTC" if act is not None else ""
    return Decision(
        outcome, str(terms.legal_basis), f"{reason}{when} (purpose “{terms.key}”).", code, act.entry if act else None
    )
