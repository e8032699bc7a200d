"""What personal data is kept where. Each app declares it beside its models, in `personal_data.PERSONAL_DATA`.

Erasure, access packages, exports and retention are written against these declarations, so that a column nobody
declared is found by a test and not by an authority. A model that holds nothing about anybody says so with `{}`.
"""

from collections.abc import Mapping
from enum import StrEnum

from django.db.models import Model

from cdp.models import AccessRecord, ApiKey, Heartbeat, Job, PersonToken, User


class Personal(StrEnum):
    """How a column is about a person."""

    IDENTIFIER = "identifier"  # names the person to anybody: an address, a customer number, an IP address
    CONTENT = "content"  # what is known about the person or what they did; free content counts, whatever is in it
    REFERENCE = "reference"  # leads to the person through our own tables, and to nobody without them
    HASH = "hash"  # keyed: proves that a known value is meant, and tells none
    SEALED = "sealed"  # encrypted under a key of the person's own, which can be destroyed
    STAFF = "staff"  # somebody who works with the platform


Declaration = Mapping[type[Model], Mapping[str, Personal]]

PERSONAL_DATA: Declaration = {
    AccessRecord: {"profile_id": Personal.REFERENCE, "basis": Personal.CONTENT, "actor_id": Personal.STAFF},
    ApiKey: {"created_by": Personal.STAFF, "revoked_by": Personal.STAFF},
    Heartbeat: {},
    Job: {"created_by": Personal.STAFF},
    PersonToken: {"user": Personal.STAFF, "name": Personal.STAFF},
    User: {
        "username": Personal.STAFF,
        "first_name": Personal.STAFF,
        "last_name": Personal.STAFF,
        "email": Personal.STAFF,
        "password": Personal.STAFF,
        "last_login": Personal.STAFF,
        "date_joined": Personal.STAFF,
    },
}
