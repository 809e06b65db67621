"""Hits in files: AKMA's own CSV and JSON, and every list of events that read_curve_file takes."""

import csv
import io
import json
from pathlib import Path
from typing import Any

from pydantic import TypeAdapter, ValidationError

from akma_core.audio.features.curve_files import read_curve_file
from akma_core.errors import RequestError

from .edited_hits import Hit, Hits

MAX_BYTES = 16 << 20
HITS: TypeAdapter[tuple[Hit, ...]] = TypeAdapter(Hits)


def read_hits(path: Path) -> tuple[Hit, ...]:
    """The hits in a file: JSON as `hits` takes it or {"hits": that}, CSV with time, strength and drum, or any list of
    events. RequestError (field "hits") in one line that names the file.
    """
    try:
        with path.open("rb") as file:
            data = file.read(MAX_BYTES + 1)
    except OSError as error:
        raise _bad(path, f"cannot be read: {error.strerror}") from None
    if len(data) > MAX_BYTES:
        raise _bad(path, f"is larger than {MAX_BYTES >> 20} MB: give fewer hits")
    text = data.decode("utf-8-sig", "replace")
    if text.lstrip()[:1] in ("[", "{"):
        return _checked(path, _of_json(path, text))
    first = next((line for line in text.splitlines() if line.strip()), "")
    if "drum" in first.lower().split(","):
        return _checked(path, _of_csv(path, text))
    try:
        found = read_curve_file(path)
    except RequestError as error:
        raise RequestError(error.message, code="bad_hits", field="hits") from None
    if found.kind != "events":
        raise _bad(path, "is a curve: give times, or time and strength under such names")
    return _checked(path, found.rows.tolist())


def _of_json(path: Path, text: str) -> Any:
    try:
        value = json.loads(text)
    except (ValueError, RecursionError):
        raise _bad(path, "is not JSON: export it again") from None
    if isinstance(value, dict):
        value = value.get("hits", value.get("events"))
    return value


def _of_csv(path: Path, text: str) -> list[dict[str, Any]]:
    hits = []
    try:
        for row in csv.DictReader(io.StringIO(text)):
            named = {(name or "").strip().lower(): (value or "").strip() for name, value in row.items()}
            hit: dict[str, Any] = {"time": float(named["time"]), "strength": float(named.get("strength") or 1)}
            hits.append({**hit, "drum": named["drum"]} if named["drum"] else hit)
    except (KeyError, ValueError, AttributeError, csv.Error):
        line = len(hits) + 2
        raise _bad(path, f"has no hit in line {line}: give time,strength,drum such as 1.5,0.8,kick") from None
    return hits


def _checked(path: Path, value: Any) -> tuple[Hit, ...]:
    try:
        return HITS.validate_python(value)
    except ValidationError as error:
        message = error.errors(include_url=False)[0]["msg"].removeprefix("Value error, ")
        raise _bad(path, message) from None


def _bad(path: Path, what: str) -> RequestError:
    return RequestError(f"{path.name} {what}", code="bad_hits", field="hits")
