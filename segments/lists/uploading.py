"""What happens to lists: created, replaced by another file, emptied and forgotten.

Replacing compares the new names with those that are on the list, in the database, and has only those people looked at
again who came or went. The comparison is loaded before anybody has to wait. Then lanes are held off for as long as it
takes to find the people: somebody whose name appeared a moment ago was either judged before, and is found here, or is
judged after the commit, and finds the list.
"""

from collections.abc import Iterable
from datetime import datetime
from typing import Any

from django.core.exceptions import ValidationError
from django.db import IntegrityError, connection, transaction
from django.db.models import Max

from cdp.copying import copy_rows
from cdp.models import User
from profiles.models import Cause
from segments import dependents, rulebook
from segments.catalogue import load_catalogue
from segments.lists.reading import PROFILE_ID, ListRefused, Uploaded
from segments.models import ListVersion, UploadedList
from segments.rules.reads import list_key

MOST_LISTS = 1_000
_EMPTY = Uploaded((), "0" * 64)

_GIVEN = """
CREATE TEMP TABLE IF NOT EXISTS given_name (row_number integer, type text, hash bytea) ON COMMIT DROP;
TRUNCATE given_name
"""
_WENT = """
UPDATE list_entry e SET removed_in = %(number)s
 WHERE e.list_id = %(list)s AND e.removed_in IS NULL
   AND NOT EXISTS (SELECT FROM given_name g WHERE g.type = e.type AND g.hash = e.hash)
"""
_CAME = """
INSERT INTO list_entry (list_id, type, hash, added_in)
SELECT DISTINCT %(list)s::bigint, g.type, g.hash, %(number)s::int FROM given_name g
    ON CONFLICT (list_id, type, hash) WHERE removed_in IS NULL DO NOTHING
"""
# Somebody is meant by a name of theirs, or by the id that they or somebody merged into them has.
_PERSON = f"""
LEFT JOIN identifier i ON i.type = n.type AND i.hash = n.hash AND NOT i.is_blocked
LEFT JOIN origin o ON o.id = coalesce(i.origin_id, CASE WHEN n.type = '{PROFILE_ID}' AND octet_length(n.hash) = 8
                                                        THEN ('x' || encode(n.hash, 'hex'))::bit(64)::bigint END)
"""
_TOUCH = f"""
INSERT INTO touched (lane, profile_id, keys, cause)
SELECT DISTINCT o.root_id %% 1024, o.root_id, ARRAY[%(key)s], %(cause)s
  FROM list_entry n {_PERSON}
 WHERE n.list_id = %(list)s AND (n.added_in = %(number)s OR n.removed_in = %(number)s) AND o.root_id IS NOT NULL
"""
_MATCHED = f"SELECT count(DISTINCT n.row_number) FROM given_name n {_PERSON} WHERE o.root_id IS NOT NULL"


@transaction.atomic
def create(*, key: str, name: str, uploaded: Uploaded, by: User, now: datetime) -> ListVersion:
    """Make a list of a file's names. Raises ListRefused."""
    if UploadedList.objects.count() >= MOST_LISTS:
        raise ListRefused(f"There are {MOST_LISTS:,} lists: forget one first.", code="too_many")
    made = UploadedList(key=key, name=name, created_by=by, created_at=now)
    try:
        made.clean_fields(exclude=("created_by",))
    except ValidationError as error:
        field, told = next(iter(error.message_dict.items()))
        raise ListRefused(told[0], field=field) from None
    try:
        with transaction.atomic():
            made.save()
    except IntegrityError:
        raise ListRefused("There is a list under this key already.", field="key", code="key_taken") from None
    return _replaced(made, uploaded, by=by, now=now)


@transaction.atomic
def replace(*, key: str, uploaded: Uploaded, by: User, now: datetime) -> ListVersion:
    """Put another file's names in the place of a list's own. Raises UploadedList.DoesNotExist."""
    return _replaced(UploadedList.objects.select_for_update().get(key=key), uploaded, by=by, now=now)


@transaction.atomic
def forget(*, key: str, by: User, now: datetime) -> None:
    """Erase every name that was ever on the list; what remains says only that there was one, and how many it named.

    Raises ListRefused while a live rule asks for it, and UploadedList.DoesNotExist.
    """
    found = UploadedList.objects.select_for_update().get(key=key)  # before the rules, as a replacement does
    rulebook.hold_to_change()
    if users := dependents.users_of_list(key=key, catalogue=load_catalogue()):
        told = ", ".join(f"“{user}”" for user in users)
        raise ListRefused(f"Live rules ask for this list: {told}. Change or retire them first.", code="in_use")
    _replaced(found, _EMPTY, by=by, now=now)
    with connection.cursor() as cursor:
        cursor.execute("DELETE FROM list_entry WHERE list_id = %s", [found.pk])


def erase_names(*, names: Iterable[tuple[str, bytes]]) -> int:
    """Take these names off every list and out of every earlier version; return from how many places."""
    with connection.cursor() as cursor:
        cursor.execute(_GIVEN)
        copy_rows(cursor, "given_name", ("row_number", "type", "hash"), ((0, *name) for name in names))
        cursor.execute("DELETE FROM list_entry e USING given_name g WHERE e.type = g.type AND e.hash = g.hash")
        return int(cursor.rowcount)


def erase_person(profile_id: int, now: datetime, /) -> dict[str, Any]:
    """Take a person off every list, by whatever name they were on it."""
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT i.type, i.hash FROM origin o JOIN identifier i ON i.origin_id = o.id WHERE o.root_id = %(id)s"
            f" UNION ALL SELECT '{PROFILE_ID}', int8send(o.id) FROM origin o WHERE o.root_id = %(id)s",
            {"id": profile_id},
        )
        names = [(kind, bytes(hashed)) for kind, hashed in cursor.fetchall()]
    return {"list entries": erase_names(names=names)}


def _replaced(found: UploadedList, uploaded: Uploaded, *, by: User, now: datetime) -> ListVersion:
    number = (found.versions.aggregate(last=Max("number"))["last"] or 0) + 1
    told = {"list": found.pk, "number": number, "key": list_key(found.key), "cause": Cause.LIST.value}
    rows = ((place, kind, hashed) for place, row in enumerate(uploaded.rows) for kind, hashed in row)
    with connection.cursor() as cursor:
        cursor.execute(_GIVEN)
        copy_rows(cursor, "given_name", ("row_number", "type", "hash"), rows)
        cursor.execute("ANALYZE given_name")
        cursor.execute(_WENT, told)
        went = cursor.rowcount
        cursor.execute(_CAME, told)
        came = cursor.rowcount
        rulebook.hold_to_change()
        cursor.execute(_TOUCH, told)
        touched = cursor.rowcount
        cursor.execute(_MATCHED)
        (matched,) = cursor.fetchone()
    return ListVersion.objects.create(
        list=found,
        number=number,
        rows=len(uploaded.rows),
        matched=matched,
        refused=uploaded.refused,
        came=came,
        went=went,
        touched=touched,
        sha256=uploaded.sha256,
        uploaded_by=by,
        uploaded_at=now,
    )
