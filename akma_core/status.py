"""Status of a render: its words, and the named transitions from one to the next."""

from typing import Literal, get_args

Status = Literal["queued", "running", "done", "failed", "cancelled"]
STATUSES: tuple[Status, ...] = get_args(Status)
WAITING: tuple[Status, ...] = ("queued", "running")
ENDED: tuple[Status, ...] = ("done", "failed", "cancelled")

Transition = Literal["start", "finish", "fail", "cancel", "restart"]
# Every change of a status, by name. None leads out of ENDED: what is over stays as it is.
TRANSITIONS: dict[Transition, Status] = {
    "start": "running",  # it has a plan; once more where a plan was made again
    "finish": "done",
    "fail": "failed",
    "cancel": "cancelled",
    "restart": "queued",  # another version of the workers begins it again
}
