"""Dependencies of the routes: the app's state, the caller, a render that the caller may see."""

from typing import Annotated

from fastapi import Depends, Path, Request

from akma_core.api.auth import Caller
from akma_core.api.state import State
from akma_core.database import Render
from akma_core.errors import RequestError

RenderId = Annotated[str, Path(pattern="^[0-9a-f]{32}$", description="32 hexadecimal digits")]

SongId = Annotated[str, Path(pattern="^[0-9a-f]{64}$", description="SHA-256 of the song, 64 hexadecimal digits")]


async def state_of(request: Request) -> State:
    """The app's state. Async: FastAPI sends what is not to a thread, which costs more than this does."""
    state: State = request.app.state.akma
    return state


async def caller_of(request: Request) -> Caller:
    """The caller, as the middleware found it."""
    caller: Caller = request.state.caller
    return caller


StateDep = Annotated[State, Depends(state_of)]
CallerDep = Annotated[Caller, Depends(caller_of)]


def find_render(state: State, caller: Caller, render_id: str) -> Render:
    """A render that `caller` may see; RequestError, code not_found, otherwise."""
    return check_visible(state.database.get(render_id), caller)


def check_visible(render: Render | None, caller: Caller) -> Render:
    """`render`; RequestError, code not_found, where there is none or `caller` may not see it."""
    if render is None or (caller.role == "user" and render.owner != caller.name):
        raise RequestError("there is no such render, or it is not yours", code="not_found")
    return render
