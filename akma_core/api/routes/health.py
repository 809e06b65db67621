"""Whether the service does what it is for: quick, and honest."""

import asyncio
from functools import partial

from anyio import CapacityLimiter, to_thread
from fastapi import APIRouter, Request, Response

from akma_core.api.schemas import HealthResponse
from akma_core.api.state import State, state_of
from akma_core.errors import AkmaError

SECONDS = 2.0  # until a database or a storage that does not answer counts as gone
LOOKS = CapacityLimiter(2)  # one that hangs keeps a thread until it is done

router = APIRouter(prefix="/v1", tags=["health"])


@router.get("/health", responses={503: {"model": HealthResponse, "description": "Renders wait, or are not accepted"}})
async def health(request: Request, response: Response) -> HealthResponse:
    """200 if database and storage answer and a worker is there, else 503 and the reason. Needs no key."""
    glance = partial(look, state_of(request))
    try:
        async with asyncio.timeout(SECONDS):
            found = await to_thread.run_sync(glance, limiter=LOOKS, abandon_on_cancel=True)
    except TimeoutError:
        found = _unready("the database or the storage does not answer in time")
    response.status_code = 200 if found.status == "ready" else 503
    response.headers["Cache-Control"] = "no-store"
    return found


def look(state: State) -> HealthResponse:
    """What there is to say now; it blocks for as long as the database and the storage take."""
    try:
        workers = len(state.database.workers())
        state.storage.size("check/health")
    except AkmaError as error:
        return _unready(error.message)
    if not workers:
        return _unready("no worker was heard of in the last 10 seconds: start one")
    return HealthResponse(status="ready", workers=workers)


def _unready(reason: str) -> HealthResponse:
    return HealthResponse(status="unready", workers=0, reason=reason)
