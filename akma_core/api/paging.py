"""Pages of a list, the newest first: the cursor that a page gives, and the next one takes."""

import re
from collections.abc import Sequence
from typing import Protocol, TypeVar

from akma_core.errors import RequestError

CURSOR = re.compile(r"([0-9]{1,11}\.[0-9]{1,9})_([0-9a-f]+)")


class Listed(Protocol):
    """A row of a list."""

    @property
    def created(self) -> float: ...
    @property
    def id(self) -> str: ...


Row = TypeVar("Row", bound=Listed)


def after(cursor: str | None, digits: int) -> tuple[float, str] | None:
    """(created, id) of the last row of the page before; None for the first page, also of an empty cursor, as forms
    send it. `digits` of an id, hexadecimal. RequestError, code bad_cursor.
    """
    match = CURSOR.fullmatch(cursor) if cursor else None
    if cursor and not (match and len(match[2]) == digits):
        raise RequestError("cursor should be what the page before gave", code="bad_cursor", field="cursor")
    return (float(match[1]), match[2]) if match else None


def page_of(found: Sequence[Row], limit: int) -> tuple[Sequence[Row], str | None]:
    """The first `limit` rows of `limit` + 1 that were asked for, and the cursor of the next page; None on the last."""
    page = found[:limit]
    return page, f"{page[-1].created:.9f}_{page[-1].id}" if len(found) > limit else None
