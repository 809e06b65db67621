"""Renders over HTTP: submit, look, list, cancel, delete."""

from typing import Annotated

from anyio import CapacityLimiter, to_thread
from fastapi import APIRouter, Header, Query, Request, Response
from starlette.concurrency import run_in_threadpool

from akma_core import metrics
from akma_core.api.dependencies import CallerDep, RenderId, StateDep, find_render
from akma_core.api.openapi import AUDIO, SETTINGS, SONG, STEMS, form, settings_fields
from akma_core.api.paging import after, page_of
from akma_core.api.schemas import RenderPage, RenderResponse, render_response
from akma_core.api.song_input import song_input, stems_of
from akma_core.errors import RequestError
from akma_core.jobs import cleanup
from akma_core.log import event
from akma_core.status import Status

METADATA = {
    "type": "string",
    "contentMediaType": "application/json",
    "maxLength": 4096,
    "description": "your own words, a JSON object: status and webhook have them again",
}
WEBHOOK = {
    "type": "string",
    "format": "uri",
    "maxLength": 2048,
    "description": "where to tell that the render ended, on a host that the service allows",
}

router = APIRouter(prefix="/v1/renders", tags=["renders"])

STATUS_THREADS = CapacityLimiter(2)  # threads of their own: uploads may keep all the others busy with a slow disk


@router.post(
    "",
    status_code=202,
    openapi_extra=form(
        {
            "audio": AUDIO,
            "song": SONG,
            "stems": STEMS,
            **settings_fields(),
            "settings": SETTINGS,
            "webhook_url": WEBHOOK,
            "metadata": METADATA,
        },
    ),
)
async def create_render(
    request: Request,
    response: Response,
    state: StateDep,
    caller: CallerDep,
    idempotency_key: Annotated[
        str | None, Header(description="up to 200 printable characters: the same key is the same render")
    ] = None,
) -> RenderResponse:
    """Submit a song. It is rendered in the background; the answer says where to follow it.

    A form, or JSON {"song": ID, "settings": {...}, "webhook_url", "metadata"} for a song that was uploaded before.

    ```
    curl -F audio=@song.wav -F fps=30 http://127.0.0.1:3000/v1/renders
    curl -F audio=@song.wav -F 'settings={"fps": 24, "seed": 7}' http://127.0.0.1:3000/v1/renders
    ```
    """
    await state.submission.check_room(caller.name, idempotency_key)
    async with song_input(request, state, caller) as (song, fields):
        songs = await stems_of(state, caller, fields.pop("stems", None))
        stems = {name: each.audio for name, each in songs.items()}
        render, new = await state.submission.submit(caller.name, song, fields, idempotency_key, stems)
    if new:
        event("render_accepted", render=render.id, owner=caller.name, bytes=song.size, frames=render.frames)
    progress = await run_in_threadpool(state.database.progress, [render.id])
    answer = render_response(state, render, progress[render.id])
    response.headers["Location"] = answer.links.self
    return answer


@router.get("")
def list_renders(
    state: StateDep,
    caller: CallerDep,
    cursor: Annotated[str | None, Query(max_length=80, description="of the page before")] = None,
    limit: Annotated[int, Query(ge=1, le=100)] = 20,
    status: Annotated[Status | None, Query(description="only those")] = None,
) -> RenderPage:
    """List your renders, the newest first; an administrator sees everyone's."""
    found = state.database.page(None if caller.is_admin else caller.name, after(cursor, 32), limit + 1, status)
    page, last = page_of(found, limit)
    progress = state.database.progress(render.id for render in page)
    return RenderPage(renders=[render_response(state, render, progress[render.id]) for render in page], cursor=last)


@router.get("/{render_id}")
async def get_render(render_id: RenderId, state: StateDep, caller: CallerDep) -> RenderResponse:
    """Get a render: its status and how far it is."""

    def look() -> RenderResponse:
        render = find_render(state, caller, render_id)
        return render_response(state, render, state.database.progress([render_id])[render_id])

    return await to_thread.run_sync(look, limiter=STATUS_THREADS)


@router.delete("/{render_id}")
def delete_render(
    render_id: RenderId,
    state: StateDep,
    caller: CallerDep,
    only_cancel: Annotated[bool, Query(description="true: leave one that is over as it is, 409")] = False,
) -> RenderResponse:
    """Cancel a render that waits or runs; remove one that is over, with its files. The answer is how it was left."""
    find_render(state, caller, render_id)
    cancelled = state.database.cancel(render_id)
    render = find_render(state, caller, render_id)
    answer = render_response(state, render, state.database.progress([render_id])[render_id])
    if cancelled:
        metrics.ended("cancelled")
        event("render_cancelled", render=render_id, by=caller.name)
    elif only_cancel and render.status != "cancelled":
        raise RequestError(f"this render is over already: it is {render.status}", code="already_over")
    elif not only_cancel:
        cleanup.delete_render(state.database, state.storage, render_id)
        event("render_deleted", render=render_id, by=caller.name)
    return answer
