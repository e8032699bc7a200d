"""Who was who at a moment, as it was known then, from the history of the origins; and who is who now."""

from datetime import datetime

from django.db import connection

from profiles.models import Origin

_HELD = "recorded_from <= %(at)s AND (recorded_to IS NULL OR recorded_to > %(at)s)"


def person_at(*, origin_id: int, at: datetime) -> int | None:
    """Return the profile that an origin belonged to; None before it was first heard of."""
    with connection.cursor() as cursor:
        cursor.execute(f"SELECT root_id FROM link WHERE origin_id = %(of)s AND {_HELD}", {"of": origin_id, "at": at})
        found = cursor.fetchone()
    return found[0] if found else None


def origins_at(*, profile_id: int, at: datetime) -> tuple[int, ...]:
    """Return the origins that made up a person."""
    with connection.cursor() as cursor:
        cursor.execute(
            f"SELECT origin_id FROM link WHERE root_id = %(of)s AND {_HELD} ORDER BY 1", {"of": profile_id, "at": at}
        )
        return tuple(origin for (origin,) in cursor.fetchall())


def person_of(*, origin_id: int) -> int | None:
    """Return the profile that an origin belongs to now."""
    return Origin.objects.filter(pk=origin_id).values_list("root_id", flat=True).first()


def origins_of(*, profile_id: int) -> tuple[int, ...]:
    """Return the origins that make up a person now."""
    return tuple(Origin.objects.filter(root_id=profile_id).order_by("pk").values_list("pk", flat=True))
