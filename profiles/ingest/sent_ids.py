"""The ids that an event carries as they were sent: spelled as text, and complete for its kind."""

from profiles.ingest.incoming import MAX_ID, MAX_MESSAGE_ID, NUMBER_LIMIT, EventRefused, Kind, RejectionCode


def identifier(value: str | int | None, field: str) -> str | None:
    if value is None:
        return None
    if isinstance(value, int):
        if not -NUMBER_LIMIT < value < NUMBER_LIMIT:
            raise EventRefused(RejectionCode.INVALID_NUMBER, field, f"{field} has more than 29 digits.")
        value = str(value)
    if not value or value.isspace():
        return None
    if len(value) > MAX_ID:
        raise EventRefused(RejectionCode.TOO_LONG, field, f"{field} is longer than {MAX_ID} characters.")
    return value


def check_complete(
    kind: Kind, user_id: str | None, anonymous_id: str | None, previous_id: str | None, group_id: str | None
) -> None:
    if kind is Kind.GROUP and group_id is None:
        raise EventRefused(RejectionCode.MISSING_GROUP_ID, "groupId", "A group call needs groupId.")
    if kind is not Kind.ALIAS:
        return
    if user_id is None:
        raise EventRefused(RejectionCode.MISSING_ID, "userId", "An alias call needs userId.")
    if previous_id is None and anonymous_id is None:
        raise EventRefused(RejectionCode.MISSING_PREVIOUS_ID, "previousId", "An alias call needs previousId.")


def message_id(value: str | int | None) -> str | None:
    found = identifier(value, "messageId")
    if found is not None and len(found) > MAX_MESSAGE_ID:
        reason = f"messageId is longer than {MAX_MESSAGE_ID} characters."
        raise EventRefused(RejectionCode.TOO_LONG, "messageId", reason)
    return found
