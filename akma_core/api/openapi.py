"""The forms that routes read by hand, told to OpenAPI: what stands here is derived from the settings themselves."""

from collections.abc import Iterable
from typing import Any

from pydantic import BaseModel, Field

from akma_core.settings import RenderSettings

Schema = dict[str, Any]

AUDIO: Schema = {
    "type": "string",
    "format": "binary",
    "description": "the song: WAV, FLAC, MP3, OGG, M4A and others",
}
SONG: Schema = {
    "type": "string",
    "pattern": "^[0-9a-f]{64}$",
    "description": "in place of audio: the id of a song that was sent to /v1/songs",
}
STEMS: Schema = {
    "type": "string",
    "contentMediaType": "application/json",
    "description": "parts of the song by themselves, ids of songs by name, for rows such as kick@drums -> pull",
    "examples": ['{"drums": "SHA256"}'],
}
SETTINGS: Schema = {
    "type": "string",
    "contentMediaType": "application/json",
    "description": "settings as one JSON object, in place of fields or beside them",
    "examples": ['{"fps": 24, "seeds_top": [3, 14, 15, 16]}'],
}
SEEDS: Schema = {"type": "string", "pattern": r"^\d{1,10}(-\d{1,10})?([, ]\d{1,10}(-\d{1,10})?)*$"}
TYPED: dict[str, Schema] = {  # as they are written in a form
    "seeds_top": SEEDS,
    "seeds_bottom": SEEDS,
    "modulation": {"type": "string", "examples": ['["kick -> pull:coarse 0.4 decay=0.25"]']},
    "keys": {"type": "string", "examples": ["seed 12 at 0:31 hold 2, seed 40 at 0:40"]},
    "hits": {"type": "string", "examples": ['[{"time": 1.5, "strength": 0.8, "drum": "kick"}]']},
    "curves": {"type": "string", "contentMediaType": "application/json", "examples": ['{"marks": [0.5, [1.5, 0.8]]}']},
    "bit_rate": {"type": "string", "pattern": r"^(auto|\d{1,9}[kM]?)$"},
}
CHANGED: dict[str, Schema] = {  # what is narrower over HTTP than on the command line
    "preset": {
        "description": "how the picture moves: a name that GET /v1/presets lists (default: pulse)",
        "maxLength": 60,
    },
    "model": {"description": "network: a name that GET /v1/models lists", "maxLength": 80},
    "upscale": {
        "description": "Real-ESRGAN after the network: none, or a name that GET /v1/models lists",
        "maxLength": 80,
    },
    "curves": {
        "description": "curves and events of one's own by name, for rows such as 'file:light -> exposure 0.3': JSON, "
        "see the settings, or each in a field of its own, curve_light: a CSV, JSON or label file, or its text",
    },
    "device": {"description": "auto, cpu or cuda", "enum": ["auto", "cpu", "cuda"], "pattern": None},
}


class ErrorDetail(BaseModel):
    """An error: what is wrong and how to mend it."""

    code: str = Field(examples=["bad_setting"])
    message: str = Field(examples=["fps should be between 1 and 240 frames a second"])
    field: str | None = Field(None, description="the setting at fault")


class ErrorResponse(BaseModel):
    """Every error."""

    error: ErrorDetail


ERRORS: dict[int | str, Schema] = {
    "4XX": {"model": ErrorResponse, "description": "What was asked for cannot be done as asked"},
    "5XX": {"model": ErrorResponse, "description": "The service failed"},
}


def settings_fields(names: Iterable[str] = ()) -> dict[str, Schema]:
    """Schemas of form fields, one a setting (by default all of them)."""
    known: dict[str, Schema] = RenderSettings.model_json_schema(by_alias=True)["properties"]
    return {name: _typed(name, known[name]) for name in (names or known)}


def form(fields: dict[str, Schema], required: Iterable[str] = ()) -> Schema:
    """`openapi_extra` of a route that reads such a multipart form."""
    schema = {"type": "object", "properties": fields, "required": list(required), "additionalProperties": False}
    return {"requestBody": {"required": True, "content": {"multipart/form-data": {"schema": schema}}}}


def _typed(name: str, schema: Schema) -> Schema:
    """A setting's schema as a form field: lists as they are typed; no null, for that is leaving the field out."""
    kinds = [kind for kind in schema.get("anyOf", []) if kind.get("type") != "null"]
    plain = {key: value for key, value in schema.items() if key not in ("anyOf", "title")}
    if plain.get("default", "") is None:
        del plain["default"]
    merged = {**plain, **(kinds[0] if len(kinds) == 1 else {}), **CHANGED.get(name, {})}
    if name in TYPED:
        merged = {"description": merged["description"], **TYPED[name]}
    return {key: value for key, value in merged.items() if value is not None}
