"""The song of a request: a file in its form, or `song`, the id of one that is kept; with it, the settings."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

from fastapi import Request

from akma_core.api.auth import Caller
from akma_core.api.json_body import read_object, settings_in
from akma_core.api.multipart import Limits
from akma_core.api.state import State
from akma_core.api.upload import Received, fields_of, merged, parse_object, receive
from akma_core.database import Song
from akma_core.errors import RequestError
from akma_core.modulation.features import NAME
from akma_core.storage.layout import SONG_ID

SONG = "song"
STEMS = 8  # of a render
STEMS_SCHEMA = {
    "type": "object",
    "additionalProperties": {"type": "string"},
    "maxProperties": STEMS,
    "description": 'ids of songs by the name that rows have behind @, such as {"drums": ID}',
}


@asynccontextmanager
async def song_input(request: Request, state: State, caller: Caller) -> AsyncIterator[tuple[Received, dict[str, Any]]]:
    """The song, a file for as long as the block lasts, and the other fields.

    A form with `audio` or `song`, or JSON {"song", "settings", ...}. RequestError where the song is neither.
    """
    if is_json(request):
        fields = await read_object(request)
        settings = settings_in(fields)
        async with kept_song(state, caller, fields.pop(SONG, None)) as song:
            yield song, merged(fields, settings)
        return
    limits = Limits.of(state.environment)
    with await receive(request, state.uploads, "audio", limits, instead=SONG) as upload:
        fields = fields_of(upload)
        song_id = fields.pop(SONG, None)
        if song_id is None:
            yield upload, fields
            return
        async with kept_song(state, caller, song_id) as song:
            yield song, fields


def is_json(request: Request) -> bool:
    """True if the request says that its body is JSON."""
    return request.headers.get("content-type", "").partition(";")[0].strip().lower() == "application/json"


@asynccontextmanager
async def kept_song(state: State, caller: Caller, song_id: object) -> AsyncIterator[Received]:
    """A song that is kept, as if it had been uploaded; RequestError, code not_found, where the caller has none such."""
    song = await state.songs.find(caller, song_id_of(song_id))
    async with state.songs.file(song) as path:
        yield Received(path, song.name, song.bytes, song.id, {}, song.audio)


async def stems_of(state: State, caller: Caller, value: Any) -> dict[str, Song]:
    """Songs by name, of {NAME: ID of a song}, also as JSON text; RequestError where that is none."""
    if value is None:
        return {}
    named = parse_object(value, "stems") if isinstance(value, str) else value
    if not isinstance(named, dict) or len(named) > STEMS or not all(map(NAME.fullmatch, named)) or "mix" in named:
        message = f'stems should be up to {STEMS} songs by name such as {{"drums": ID}}, none of them called mix'
        raise RequestError(message, code="bad_setting", field="stems")
    return {name: await state.songs.find(caller, song_id_of(each)) for name, each in named.items()}


def song_id_of(value: object) -> str:
    """The id of a song; RequestError where it is none."""
    if not isinstance(value, str) or not SONG_ID.fullmatch(value):
        message = "song should be the id of a song, 64 hexadecimal digits: upload it to /v1/songs"
        raise RequestError(message, code="bad_setting", field=SONG)
    return value
