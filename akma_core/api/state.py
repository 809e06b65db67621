"""The state that the routes share: one object, made when the service starts."""

import asyncio
import fcntl
import json
import secrets
import shutil
import time
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Any

from starlette.concurrency import run_in_threadpool
from starlette.requests import ClientDisconnect

from akma_core.api.auth import Authenticator
from akma_core.api.songs import SongLibrary
from akma_core.config import Environment, parse_keys
from akma_core.database import Database
from akma_core.errors import AkmaError, FailureError
from akma_core.jobs.submission import Submission
from akma_core.sandbox.pool import SandboxPool
from akma_core.storage import Storage, open_storage

POLL = 0.05  # seconds between two looks for an answer
STORAGE_SECONDS = 15.0  # until a bucket that does not answer is told of: a client waits for its answer
PREVIEWS = 16  # at a time, of a process


@dataclass(frozen=True)
class State:
    """`database` and `storage` block: routes that touch them are plain functions, or go through a thread."""

    environment: Environment
    database: Database
    storage: Storage
    access: Authenticator
    probe: SandboxPool
    submission: Submission
    uploads: Path
    """Folder of this process' own for what is being uploaded."""
    lock: IO[str]
    """Held as long as that folder is in use."""
    previews: asyncio.Semaphore
    """Limits the previews that are made at a time."""
    songs: SongLibrary

    async def ask(
        self, kind: str, request: dict[str, Any], seconds: float, gone: Callable[[], Awaitable[bool]] | None = None
    ) -> dict[str, Any]:
        """Have a worker do something short and return its answer. `gone`: whether the client has left meanwhile.

        FailureError, code no_worker or no_answer, where none does it within `seconds`; the worker's own error, which
        is a RequestError unless its answer says {"failure": true}.
        """
        if not await run_in_threadpool(self.database.workers):
            raise FailureError("no worker is there to do this: start one, or try again later", code="no_worker")
        task = await run_in_threadpool(self.database.ask, kind, request)
        until = time.monotonic() + seconds
        while (row := await run_in_threadpool(self.database.answered, task)) is None:
            if gone is not None and await gone():
                await run_in_threadpool(self.database.withdraw, task)
                raise ClientDisconnect
            if time.monotonic() > until:
                await run_in_threadpool(self.database.withdraw, task)
                message = f"no worker found the time for this within {seconds:g} seconds: try again later"
                raise FailureError(message, code="no_answer")
            await asyncio.sleep(POLL)
        answer: dict[str, Any] = json.loads(row["answer"]) or {}
        if row["error_code"]:
            message = row["error_message"] or "it failed"
            raise AkmaError.from_dict({**answer, "code": row["error_code"], "message": message})
        return answer

    def close(self) -> None:
        self.probe.close()
        self.database.close()
        shutil.rmtree(self.uploads, ignore_errors=True)
        Path(self.lock.name).unlink(missing_ok=True)
        self.lock.close()


def open_state(environment: Environment) -> State:
    """Connect; FailureError where the database does not answer, RequestError where a setting is wrong."""
    keys = parse_keys(environment.api_keys.get_secret_value())
    storage = open_storage(environment.storage_url, deadline=STORAGE_SECONDS)
    database = Database(environment.database("akma"))
    given = environment.link_secret
    secret = given.get_secret_value() if given else database.fact("link_secret", secrets.token_hex(32))
    uploads, lock = _own_folder(environment.home / "uploads")
    probe = SandboxPool()
    probe.start()
    return State(
        environment=environment,
        database=database,
        storage=storage,
        access=Authenticator(keys, secret.encode(), origins=environment.cors_origins),
        probe=probe,
        submission=Submission(environment, database, storage, probe),
        uploads=uploads,
        lock=lock,
        previews=asyncio.Semaphore(PREVIEWS),
        songs=SongLibrary(
            database,
            storage,
            probe,
            uploads / "songs",
            environment.max_audio_seconds,
            environment.max_songs_per_key,
        ),
    )


def _own_folder(parent: Path) -> tuple[Path, IO[str]]:
    """A new folder in `parent` and the lock that says that it is in use; those that nobody uses any more go."""
    try:
        parent.mkdir(parents=True, exist_ok=True)
        with (parent / "lock").open("w") as door:  # one process at a time
            fcntl.flock(door, fcntl.LOCK_EX)
            for path in parent.glob("*.lock"):
                with path.open("w") as other:
                    try:
                        fcntl.flock(other, fcntl.LOCK_EX | fcntl.LOCK_NB)
                    except OSError:
                        continue
                    shutil.rmtree(path.with_suffix(""), ignore_errors=True)
                    path.unlink()
            folder = parent / secrets.token_hex(8)
            held = folder.with_suffix(".lock").open("w")
            fcntl.flock(held, fcntl.LOCK_EX)
            folder.mkdir()
    except OSError as error:
        message = f"cannot keep uploads in {parent}: {error.strerror}; set AKMA_HOME to a folder that can be written"
        raise FailureError(message, code="write_failed") from error
    return folder, held
