"""Three-valued logic (Kleene): true, false and unknown, where unknown is None. SQL's AND, OR and NOT say the same."""

from collections.abc import Iterable

Truth = bool | None


def all_of(values: Iterable[Truth]) -> Truth:
    """False wins, then unknown."""
    known = list(values)
    return False if False in known else None if None in known else True


def any_of(values: Iterable[Truth]) -> Truth:
    """True wins, then unknown."""
    known = list(values)
    return True if True in known else None if None in known else False


def not_of(value: Truth) -> Truth:
    return None if value is None else not value
