"""The two kinds of failure a user sees, each told in one line that says what is wrong and how to mend it."""

from collections.abc import Mapping
from typing import Any


class AkmaError(Exception):
    """Base of both. `message` is one line; `code` a stable snake_case word; `field` the setting at fault, if one is."""

    code = "error"
    exit_code = 1

    def __init__(self, message: str, *, code: str | None = None, field: str | None = None) -> None:
        super().__init__(" ".join(message.split()))
        self.code = code or self.code
        self.field = field

    @property
    def message(self) -> str:
        """The one line."""
        return str(self)

    def to_dict(self) -> dict[str, Any]:
        """As JSON has it, to cross a process: {"failure", "code", "message", "field"}."""
        failure = isinstance(self, FailureError)
        return {"failure": failure, "code": self.code, "message": self.message, "field": self.field}

    @staticmethod
    def from_dict(error: Mapping[str, Any]) -> "AkmaError":
        """The error that `to_dict` wrote: a FailureError where "failure" is true, else a RequestError."""
        kind = FailureError if error.get("failure") else RequestError
        return kind(error["message"], code=error["code"], field=error.get("field"))


class RequestError(AkmaError):
    """A request that cannot be done as asked: a bad file, a bad setting. Exit code 2, HTTP 4xx."""

    code = "bad_request"
    exit_code = 2


class FailureError(AkmaError):
    """The request was right and the machine failed: disk full, device lost. Exit code 1, HTTP 5xx."""

    code = "failure"
    exit_code = 1
