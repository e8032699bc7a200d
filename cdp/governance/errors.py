"""What can be wrong with a step of the lifecycle. Each has a code for programs and a sentence for people."""

from typing import ClassVar

from cdp.problems import FieldError


class GovernanceError(Exception):
    code: ClassVar[str] = "governance"

    def __init__(self, message: str, *, errors: tuple[FieldError, ...] = ()) -> None:
        super().__init__(message)
        self.message = message
        self.errors = errors


class NotAllowed(GovernanceError):
    """The person may not take this step."""

    code = "not_allowed"


class FourEyes(NotAllowed):
    """The person is one of the version's authors."""

    code = "four_eyes"


class WrongState(GovernanceError):
    """The version is not in a state from which the step leads on, or it changed since the person looked."""

    code = "wrong_state"


class CommentRequired(GovernanceError):
    code = "comment_required"


class ContentInvalid(GovernanceError):
    """The content does not mean anything the type understands; `errors` say where."""

    code = "content_invalid"
