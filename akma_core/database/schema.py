"""The tables at the last step of `migrations`, and what their rows are called outside."""

from dataclasses import dataclass
from typing import Any

import sqlalchemy as sa
from sqlalchemy import Column, Float, Integer, Text

from akma_core.status import WAITING, Status

Row = dict[str, Any]

metadata = sa.MetaData()
renders = sa.Table(
    "akma_renders",
    metadata,
    Column("id", Text, primary_key=True),
    Column("created", Float, nullable=False),
    Column("updated", Float, nullable=False),
    Column("started", Float),
    Column("finished", Float),
    Column("owner", Text, nullable=False),
    Column("idempotency_key", Text),
    Column("fingerprint", Text, nullable=False),
    Column("status", Text, nullable=False),
    Column("stage", Text, nullable=False),
    Column("version", Text, nullable=False),
    Column("adopted", Integer, key="attempt", nullable=False, default=0),
    Column("settings", Text, nullable=False),
    Column("name", Text, nullable=False),
    Column("audio", Text, nullable=False),
    Column("seconds", Float, nullable=False),
    Column("frames", Integer, nullable=False),
    Column("chunks", Integer),
    Column("width", Integer),
    Column("height", Integer),
    Column("fps", Text, nullable=False),
    Column("base", sa.BigInteger, nullable=False, default=0),
    Column("sound", Integer, nullable=False, default=0),
    Column("bytes", sa.BigInteger, nullable=False, default=0),
    Column("error_code", Text),
    Column("error_message", Text),
    Column("webhook_url", Text),
    Column("webhook", Text),
    Column("metadata", Text),
    Column("video_bytes", sa.BigInteger),
    Column("video_sha256", Text),
    Column("files", Text),
    sa.UniqueConstraint("owner", "idempotency_key"),
    sa.Index("akma_renders_status", "status", "created"),
    sa.Index("akma_renders_created", "created", "id"),
)
segments = sa.Table(
    "akma_segments",
    metadata,
    Column("render", Text, primary_key=True),
    Column("index", Integer, primary_key=True),
    Column("frames", Integer, nullable=False),
    Column("done", Integer, nullable=False, default=0),
    Column("whole", Integer, nullable=False, default=0),
    Column("rate", Float, nullable=False, default=0.0),
    Column("updated", Float, nullable=False, default=0.0),
    Column("worker", Text),
    Column("rendered", Integer, nullable=False, default=0),
    Column("notes", Text, nullable=False, default="[]"),
)
objects = sa.Table(
    "akma_objects",
    metadata,
    Column("render", Text, primary_key=True),
    Column("name", Text, primary_key=True),
    Column("bytes", sa.BigInteger, nullable=False),
    Column("sha256", Text, nullable=False),
)
deliveries = sa.Table(
    "akma_deliveries",
    metadata,
    Column("id", Text, primary_key=True),
    Column("created", Float, nullable=False),
    Column("owner", Text, nullable=False),
    Column("url", Text, nullable=False),
    Column("type", Text, nullable=False),
    Column("render", Text),
    Column("body", Text, nullable=False),
    Column("status", Text, nullable=False),
    Column("attempts", Integer, nullable=False),
    Column("due", Float, nullable=False),
    Column("finished", Float),
    Column("outcome", Text),
    sa.Index("akma_deliveries_due", "status", "due"),
    sa.Index("akma_deliveries_created", "created", "id"),
)
workers = sa.Table(
    "akma_workers",
    metadata,
    Column("id", Text, primary_key=True),
    Column("version", Text, nullable=False),
    Column("profile", Text, nullable=False),
    Column("device", Text, nullable=False),
    Column("seen", Float, nullable=False),
    Column("frames", sa.BigInteger, nullable=False, default=0),
)
tasks = sa.Table(
    "akma_errands",
    metadata,
    Column("id", Text, primary_key=True),
    Column("created", Float, nullable=False),
    Column("kind", Text, nullable=False),
    Column("request", Text, nullable=False),
    Column("worker", Text),
    Column("answer", Text),
    Column("error_code", Text),
    Column("error_message", Text),
    sa.Index("akma_errands_open", "worker", "created"),
)
events = sa.Table(
    "akma_events",
    metadata,
    Column("number", Integer, primary_key=True, autoincrement=True),
    Column("render", Text, nullable=False),
    Column("at", Float, nullable=False),
    Column("text", Text, nullable=False),
    sa.Index("akma_events_render", "render", "number"),
)
songs = sa.Table(
    "akma_songs",
    metadata,
    Column("owner", Text, primary_key=True),
    Column("id", Text, primary_key=True),
    Column("created", Float, nullable=False),
    Column("used", Float, nullable=False),
    Column("name", Text, nullable=False),
    Column("audio", Text, nullable=False),
    Column("bytes", sa.BigInteger, nullable=False),
    Column("duration", Float, nullable=False),
    Column("sample_rate", Integer, nullable=False),
    Column("channels", Integer, nullable=False),
    sa.Index("akma_songs_created", "created", "id"),
    sa.Index("akma_songs_id", "id"),
)
facts = sa.Table("akma_facts", metadata, Column("key", Text, primary_key=True), Column("value", Text, nullable=False))


@dataclass(frozen=True, kw_only=True)
class Render:
    """A render as it is known; times are seconds since 1970, UTC."""

    id: str
    created: float
    updated: float = 0.0
    started: float | None = None
    finished: float | None = None
    owner: str
    idempotency_key: str | None = None
    fingerprint: str
    """Digest of what was asked for: the same key with another is a mistake."""
    status: Status = "queued"
    stage: str = "waiting"
    """waiting, planning, rendering, joining, done."""
    version: str = ""
    """Version of the workers that it is for: see workflows.version."""
    attempt: int = 0
    """Number of versions that have begun it, one after the other."""
    settings: str
    """RenderSettings as JSON."""
    name: str
    """Name of the song, as the client called it; never a path."""
    audio: str
    """Key of the song in storage."""
    seconds: float
    """Seconds of video."""
    frames: int
    chunks: int | None = None
    width: int | None = None
    height: int | None = None
    fps: str
    base: int = 0
    """Priority of its first chunk."""
    sound: int = 0
    """Pieces of encoded sound in storage."""
    bytes: int = 0
    """In storage."""
    error_code: str | None = None
    error_message: str | None = None
    webhook_url: str | None = None
    webhook: str | None = None
    """Outcome of the webhook: pending, sent, or why not."""
    metadata: str | None = None
    """The caller's own words, JSON."""
    video_bytes: int | None = None
    video_sha256: str | None = None
    """Digest of the finished video, hex."""
    files: str | None = None
    """Stems and curves, JSON: stem:NAME and curve:NAME -> key in storage."""

    @property
    def song(self) -> str | None:
        """Id of the song that it is of, where that was uploaded by itself."""
        top, _, rest = self.audio.partition("/")
        return rest.partition("/")[0] if top == "songs" else None

    @property
    def is_over(self) -> bool:
        return self.status not in WAITING


@dataclass(frozen=True, kw_only=True)
class Song:
    """A song that one owner uploaded; several may own the same bytes. Times are seconds since 1970, UTC."""

    owner: str
    id: str
    """SHA-256 of its bytes, hexadecimal."""
    created: float
    used: float
    """Time it was last asked for, to the hour."""
    name: str
    """As the client called it; never a path."""
    audio: str
    """Key in storage, the same for all who own it."""
    bytes: int
    duration: float
    """Seconds."""
    sample_rate: int
    channels: int


@dataclass(frozen=True, kw_only=True)
class Progress:
    """Progress of a render."""

    frames_done: int = 0
    rate: float = 0.0
    """Frames a second of late, on all devices together."""
    segments: int = 0
    """Chunks finished from the first on without a gap."""
    position: int | None = None
    """Renders before it in the queue; None once it has begun."""
    has_device: bool = True
    """False while no worker lives."""


@dataclass(frozen=True)
class ChunkProgress:
    """Progress of a chunk, as its worker reports it."""

    render: str
    index: int
    done: int
    rate: float


@dataclass(frozen=True)
class Caps:
    """Limits of what may wait at a time; `key`: renders of one owner."""

    jobs: int
    seconds: float
    key: int
