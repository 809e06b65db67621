"""Songs over HTTP: upload once, list, draw, play, delete."""

from pathlib import Path
from typing import Annotated

from fastapi import APIRouter, Query, Request, Response
from starlette.concurrency import run_in_threadpool

from akma_core.api.dependencies import CallerDep, SongId, StateDep
from akma_core.api.multipart import Limits
from akma_core.api.openapi import AUDIO, form
from akma_core.api.paging import after, page_of
from akma_core.api.responses import stored_file
from akma_core.api.song_schemas import PeaksResponse, SongPage, SongResponse, song_response
from akma_core.api.songs import end_of
from akma_core.api.upload import receive
from akma_core.audio.peaks import FULL_SCALE, PEAK_RATE, reduced
from akma_core.errors import RequestError
from akma_core.jobs.song_cleanup import clear_song
from akma_core.log import event

POINTS = 20_000  # of peaks at a time
TYPES = {
    ".aac": "audio/aac", ".flac": "audio/flac", ".m4a": "audio/mp4", ".m4v": "video/mp4", ".mov": "video/mp4",
    ".mp3": "audio/mpeg", ".mp4": "video/mp4", ".oga": "audio/ogg", ".ogg": "audio/ogg", ".opus": "audio/ogg",
    ".wav": "audio/wav", ".wave": "audio/wav", ".webm": "video/webm",
}  # fmt: skip

router = APIRouter(prefix="/v1/songs", tags=["songs"])


@router.post(
    "",
    status_code=201,
    responses={200: {"model": SongResponse, "description": "You had it already"}},
    openapi_extra=form({"audio": AUDIO}, required=["audio"]),
)
async def upload_song(request: Request, response: Response, state: StateDep, caller: CallerDep) -> SongResponse:
    """Upload a song once; everything else then takes `song=ID` in place of the file. The same bytes are the same id.

    ```
    curl -F audio=@song.wav http://127.0.0.1:3000/v1/songs
    curl -F song=ID -F fps=30 http://127.0.0.1:3000/v1/renders
    ```
    """
    limits = Limits.of(state.environment)
    with await receive(request, state.uploads, "audio", limits) as upload:
        if unknown := next(iter(upload.fields), None):
            raise RequestError(f"unknown field {unknown[:60]!r}", code="unknown_setting", field=unknown[:60])
        song, new = await state.songs.keep(caller.name, upload)
    if new:
        event("song_kept", song=song.id, owner=caller.name, bytes=song.bytes)
    else:
        response.status_code = 200
    rendered = await run_in_threadpool(state.database.rendered_songs, [song.audio])
    answer = song_response(state, song, rendered=bool(rendered))
    response.headers["Location"] = answer.links.self
    return answer


@router.get("")
def list_songs(
    state: StateDep,
    caller: CallerDep,
    cursor: Annotated[str | None, Query(max_length=120, description="of the page before")] = None,
    limit: Annotated[int, Query(ge=1, le=100)] = 20,
) -> SongPage:
    """List your songs, the newest first; an administrator sees everyone's."""
    found = state.database.song_page(None if caller.is_admin else caller.name, after(cursor, 64), limit + 1)
    page, last = page_of(found, limit)
    rendered = state.database.rendered_songs(song.audio for song in page)
    return SongPage(songs=[song_response(state, song, rendered=song.audio in rendered) for song in page], next=last)


@router.get("/{song_id}")
def get_song(song_id: SongId, state: StateDep, caller: CallerDep) -> SongResponse:
    """Get a song."""
    song = state.songs.find_now(caller, song_id)
    return song_response(state, song, rendered=bool(state.database.rendered_songs([song.audio])))


@router.delete("/{song_id}", status_code=204)
def delete_song(song_id: SongId, state: StateDep, caller: CallerDep) -> Response:
    """Take a song off your list. Its bytes go once nobody has it and no render is of it."""
    state.songs.find_now(caller, song_id)
    state.database.forget_song(song_id, None if caller.is_admin else caller.name)
    clear_song(state.database, state.storage, song_id)
    event("song_deleted", song=song_id, by=caller.name)
    return Response(status_code=204)


@router.get("/{song_id}/peaks")
async def get_peaks(
    song_id: SongId,
    state: StateDep,
    caller: CallerDep,
    points: Annotated[int, Query(ge=1, le=POINTS, description="at most so many; fewer where there are no more")] = 2000,
    start: Annotated[float, Query(ge=0, le=1e6, description="seconds")] = 0.0,
    end: Annotated[float | None, Query(gt=0, le=1e6, description="seconds (default: the song's end)")] = None,
) -> PeaksResponse:
    """Get the outline of the waveform, to draw it."""
    song = await state.songs.find(caller, song_id)
    stop = end_of(song, start, end)
    peaks = await state.songs.peaks(song, caller.name)
    first = min(int(start * PEAK_RATE), len(peaks) - 1)
    part = reduced(peaks, first, max(first + 1, round(stop * PEAK_RATE)), points) / FULL_SCALE
    low, high = part.round(4).T.tolist()
    return PeaksResponse(start=start, end=stop, points=len(low), min=low, max=high)


@router.get(
    "/{song_id}/audio",
    response_class=Response,
    responses={
        200: {"content": {"audio/*": {}}},
        206: {"content": {"audio/*": {}}, "description": "The Range that was asked for"},
        304: {"description": "What If-None-Match says"},
        416: {"description": "There are no such bytes"},
    },
)
@router.head("/{song_id}/audio", include_in_schema=False)
async def get_audio(request: Request, song_id: SongId, state: StateDep, caller: CallerDep) -> Response:
    """The song as it was sent: whole, or the Range that is asked for."""
    song = await state.songs.find(caller, song_id)
    kind = TYPES.get(Path(song.audio).suffix, "application/octet-stream")
    return await stored_file(request, state.storage, song, song.audio, kind)
