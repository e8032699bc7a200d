"""What an error that stopped the engine's work tells: who is to blame, and what may be said about it."""

from django.db import DatabaseError

from cdp.outages import state_of


def is_rivalry(error: Exception) -> bool:
    """Say whether another worker was only in the way: a deadlock, or a lock not to be had."""
    return (state_of(error) or "")[:2] in {"40", "55"}


def told_without_data(error: Exception) -> str:
    """Name an error by its kind and place: its message may hold what a person sent."""
    place = error.__traceback__
    while place and place.tb_next:
        place = place.tb_next
    state = state_of(error) if isinstance(error, DatabaseError) else None
    where = f"at {place.tb_frame.f_globals.get('__name__')}:{place.tb_lineno}" if place else ""
    return " ".join(filter(None, (type(error).__name__, state, where)))
