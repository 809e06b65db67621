"""Analysis of a song, over HTTP: curves, hits, beats and sections as the settings have them."""

from enum import StrEnum
from typing import Annotated

from fastapi import APIRouter, Query, Request
from starlette.responses import Response

from akma_core.api.dependencies import CallerDep, SongId, StateDep
from akma_core.api.json_body import body, read_object
from akma_core.api.responses import disposition
from akma_core.api.song_input import STEMS_SCHEMA, stems_of
from akma_core.api.songs import end_of
from akma_core.jobs.submission import parse
from akma_core.modulation.analysis_json import POINTS
from akma_core.modulation.hit_export import TYPES

router = APIRouter(prefix="/v1/songs", tags=["songs"])


class HitFormat(StrEnum):
    """Formats of hits: those that `hits` takes again, and markers for editors."""

    csv = "csv"
    json = "json"
    edl = "edl"
    fcpxml = "fcpxml"


@router.post(
    "/{song_id}/analysis",
    response_class=Response,
    responses={200: {"content": {"application/json": {"schema": {"type": "object"}}}}},
    openapi_extra=body({"stems": STEMS_SCHEMA}, settings=True),
)
async def analyse_song(
    request: Request,
    song_id: SongId,
    state: StateDep,
    caller: CallerDep,
    points: Annotated[int, Query(ge=1, le=POINTS, description="values of a curve, at most")] = POINTS,
    start: Annotated[float, Query(ge=0, le=1e6, description="seconds: of the curves alone")] = 0.0,
    curve: Annotated[
        list[str] | None, Query(max_length=100, description="names of the curves that come with values (default: all)")
    ] = None,
    end: Annotated[float | None, Query(gt=0, le=1e6, description="seconds (default: the song's end)")] = None,
) -> Response:
    """Get what moves the picture under these settings: curves, hits, beats, tempo, sections and rows.

    The song is listened to once; then a changed setting is answered in some 20 milliseconds. `stems`, {"drums": ID},
    beside the settings are songs for rows such as `kick@drums -> pull 0.4`.

    ```
    curl -d '{"preset": "club"}' http://127.0.0.1:3000/v1/songs/ID/analysis
    ```
    """
    fields = await read_object(request)
    stems = await stems_of(state, caller, fields.pop("stems", None))
    settings, song = parse(fields, stems), await state.songs.find(caller, song_id)
    stop = end_of(song, start, end)
    data = await state.songs.analysis(song, settings, caller.name, (start, stop), points, curve, stems)
    return Response(data, media_type="application/json", headers={"Cache-Control": "no-store"})


@router.post(
    "/{song_id}/hits.{format}",
    response_class=Response,
    responses={200: {"content": {kind: {} for kind in sorted(set(TYPES.values()))}}},
    openapi_extra=body({"stems": STEMS_SCHEMA}, settings=True),
)
async def export_hits(
    request: Request, song_id: SongId, format: HitFormat, state: StateDep, caller: CallerDep
) -> Response:
    """The hits of these settings, or those that are found, as a file: CSV and JSON, EDL and FCPXML with markers.

    ```
    curl -d '{"fps": 25}' -o hits.edl http://127.0.0.1:3000/v1/songs/ID/hits.edl
    ```
    """
    fields = await read_object(request)
    settings = parse(fields, await stems_of(state, caller, fields.pop("stems", None)))
    song = await state.songs.find(caller, song_id)
    suffix = f".{format}"
    data = await state.songs.hits(song, settings, suffix, caller.name)
    headers = {"Cache-Control": "no-store", "Content-Disposition": disposition(f"{song.name} hits", suffix)}
    return Response(data, media_type=TYPES[suffix], headers=headers)
