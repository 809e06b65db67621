"""The app under a real uvicorn, with a database and a storage that tests fill as workers would, with real chunks."""

import hashlib
import json
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path
from typing import Any
from uuid import uuid4

import httpx
import numpy as np
import pytest
import uvicorn

from akma_core import timeline
from akma_core.api.app import create_app
from akma_core.api.state import State
from akma_core.config import Environment
from akma_core.database import Caps, Database, Render
from akma_core.media.audio_segments import AudioSegments
from akma_core.media.mux import finish
from akma_core.sandbox.pool import SandboxPool
from akma_core.storage import Storage
from tests.media.test_hls import Made, make
from tests.support.gcs import free_port
from tests.support.media import Song

KEYS = "ann:user:ann-secret-0123456789,bob:user:bob-secret-0123456789,eve:admin:eve-secret-0123456789"
CAPS = Caps(jobs=10_000, seconds=1e9, key=10_000)


@dataclass
class House:
    """A server; `as_(name)` are the headers of a key's owner."""

    url: str
    state: State
    server: uvicorn.Server
    made: Made

    @property
    def database(self) -> Database:
        return self.state.database

    @property
    def storage(self) -> Storage:
        return self.state.storage

    def as_(self, name: str) -> dict[str, str]:
        return {"Authorization": f"Bearer {name}-secret-0123456789"}

    def path(self, render_id: str, what: str = "") -> str:
        return f"{self.url}/v1/renders/{render_id}{what}"

    def token(self, render_id: str, seconds: float = 60) -> str:
        return self.state.access.token(render_id, seconds)

    def get(self, render_id: str, what: str = "", *, name: str = "ann", **headers: str) -> httpx.Response:
        headers = {key.replace("_", "-"): value for key, value in headers.items()}
        return httpx.get(self.path(render_id, what), headers=self.as_(name) | headers, timeout=20)

    def accept(self, owner: str = "ann", name: str = "song.wav", settings: dict[str, Any] | None = None) -> str:
        """A new render, queued."""
        plan = self.made.plan
        return self.database.accept(new_render(owner, name, settings, plan.frames, plan.fps), CAPS).id

    def plan(self, render_id: str) -> None:
        plan = self.made.plan
        curve = Path(self.state.uploads, "curve.npy")
        np.save(curve, np.linspace(0, 1, plan.total_frames))
        self.storage.put_bytes(f"renders/{render_id}/plan.json", plan.model_dump_json(by_alias=True).encode())
        self.storage.put_file(f"renders/{render_id}/curve.npy", curve)
        frames = [chunk.frames for chunk in plan.chunks()]
        assert self.database.start(render_id, frames, started=time.time())

    def sound(self, render_id: str, *indices: int) -> None:
        for index in indices:
            self.storage.put_file(f"renders/{render_id}/sound/{index:05d}.mp4", self.made.pieces[index])
            self.database.update(render_id, sound=index + 1)

    def chunk(self, render_id: str, *indices: int) -> None:
        for index in indices:
            self.storage.put_file(f"renders/{render_id}/chunks/{index:05d}.mp4", self.made.segments[index])
            self.database.finish_segment(render_id, index, "w", [], rendered=True)

    def finish(self, render_id: str, video: bytes | None = None) -> bytes:
        """Everything that is missing to its end; the video."""
        if self.database.get(render_id).status == "queued":  # type: ignore[union-attr]
            self.plan(render_id)
        everything = range(len(self.made.segments))
        self.sound(render_id, *everything)
        self.chunk(render_id, *everything)
        data = whole(self.made) if video is None else video
        manifest = {
            "akma": "manifest",
            "plan": self.made.plan.model_dump(mode="json", by_alias=True),
            "video": {"bytes": len(data), "sha256": hashlib.sha256(data).hexdigest()},
        }
        self.storage.put_bytes(f"renders/{render_id}/video.mp4", data)
        self.storage.put_bytes(f"renders/{render_id}/manifest.json", json.dumps(manifest).encode())
        assert self.database.finish(render_id)
        return data

    def end(self, render_id: str, status: str) -> None:
        """Make it failed or cancelled, as `status` says."""
        if status == "failed":
            assert self.database.fail(render_id, "song_broken", "the song is broken: export it again")
        else:
            assert self.database.cancel(render_id)

    def done(self, **fields: Any) -> str:
        render_id = self.accept(**fields)
        self.finish(render_id)
        return render_id


def new_render(
    owner: str = "ann",
    name: str = "song.wav",
    settings: dict[str, Any] | None = None,
    frames: int = 36,
    fps: Fraction = Fraction(12),
) -> Render:
    render_id = uuid4().hex
    return Render(
        id=render_id,
        created=time.time(),
        owner=owner,
        fingerprint="f",
        settings=json.dumps({"model": "ink"} | (settings or {})),
        name=name,
        audio=f"renders/{render_id}/audio.wav",
        seconds=float(frames / fps),
        frames=frames,
        fps=str(fps),
    )


def whole(made: Made) -> bytes:
    """The joined video, made once."""
    path = made.segments[0].with_name("video.mp4")
    if not path.exists():
        finish(made.segments, made.plan.make_encoder(), AudioSegments(made.pieces), path)
    return path.read_bytes()


@contextmanager
def keeping(folder: Path, **environment: Any) -> Iterator[House]:
    """A house whose chunks last a quarter, a quarter, and half a second each; 3 seconds of song."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(timeline, "CHUNK_SECONDS", (0.25, 0.25, 0.5))
        patch.setattr(SandboxPool, "start", lambda _: None)  # they start when they are needed, which is seldom here
        patch.setenv("AKMA_HOME", str(folder / "home"))
        (folder / "made").mkdir(parents=True)
        made = make(folder / "made", Song(48000, 3 * 48000, clicks=(30_000, 96_123)))
        app = create_app(Environment(**{"api_keys": KEYS, "storage": (folder / "storage").as_uri()} | environment))
        port = free_port()
        server = uvicorn.Server(uvicorn.Config(app, port=port, log_config=None, ws="none", access_log=False))
        thread = threading.Thread(target=server.run)
        thread.start()
        try:
            while not server.started:
                assert thread.is_alive()
                time.sleep(0.005)
            yield House(f"http://127.0.0.1:{port}", app.state.akma, server, made)
        finally:
            server.should_exit = True
            thread.join()
