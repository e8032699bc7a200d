"""Why an operator's step on a destination or a message is refused."""

from cdp.problems import FieldError


class DeliveryRefused(Exception):
    """What was asked for cannot be done; the message says how to go on."""

    code = "refused"

    def __init__(self, field: str, message: str) -> None:
        super().__init__(message)
        self.message = message
        self.errors = (FieldError(field, message),)
