"""Health of the service: does the database answer, the storage, is a worker there."""

import asyncio
import time
from functools import partial

from anyio import CapacityLimiter, to_thread
from fastapi import APIRouter, Request, Response

from akma_core.api.cache import one
from akma_core.api.dependencies import StateDep
from akma_core.api.errors import public_message
from akma_core.api.schemas import HealthResponse
from akma_core.api.state import State
from akma_core.errors import AkmaError

TIMEOUT = 2.0  # until a database or a storage that does not answer counts as gone
FRESH = 1.0  # seconds that an answer is good for
CHECK_THREADS = CapacityLimiter(2)  # one that hangs keeps a thread until it is done

router = APIRouter(prefix="/v1", tags=["health"])


@router.get("/health", responses={503: {"model": HealthResponse, "description": "Renders wait, or are not accepted"}})
async def get_health(request: Request, state: StateDep, response: Response) -> HealthResponse:
    """200 if database and storage answer and a worker is there, else 503 and the reason. Needs no key.

    Checked once a second at most, however many ask.
    """
    found = await one(request, "health", lambda: HealthCache(state)).get()
    response.status_code = 200 if found.status == "ready" else 503
    response.headers["Cache-Control"] = "no-store"
    return found


class HealthCache:
    """The health as it was found in the last second."""

    def __init__(self, state: State) -> None:
        self._state = state
        self._lock = asyncio.Lock()
        self._found: HealthResponse | None = None
        self._at = 0.0

    async def get(self) -> HealthResponse:
        """Check, or wait for a check that is under way, or give what is fresh."""
        async with self._lock:
            if self._found is None or time.monotonic() - self._at >= FRESH:
                self._found = await self._check()
                self._at = time.monotonic()
            return self._found

    async def _check(self) -> HealthResponse:
        try:
            async with asyncio.timeout(TIMEOUT):
                glance = partial(check_health, self._state)
                return await to_thread.run_sync(glance, limiter=CHECK_THREADS, abandon_on_cancel=True)
        except TimeoutError:
            return _unready("the database or the storage does not answer in time")


def check_health(state: State) -> HealthResponse:
    """The health right now; blocks for as long as the database and the storage take."""
    try:
        workers = len(state.database.workers())
        state.storage.size("check/health")
    except AkmaError as error:
        return _unready(public_message(error))
    if not workers:
        return _unready("no worker was heard of in the last 10 seconds: start one")
    return HealthResponse(status="ready", workers=workers)


def _unready(reason: str) -> HealthResponse:
    return HealthResponse(status="unready", workers=0, reason=reason)
