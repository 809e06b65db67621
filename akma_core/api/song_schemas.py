"""Responses about songs, as OpenAPI shows them."""

from pydantic import BaseModel, Field

from akma_core.api.prefix import prefix
from akma_core.api.state import State
from akma_core.database import Song
from akma_core.log import moment

DAY = 86400.0  # seconds
LAST = 253402300799.0  # seconds: the end of the year 9999


class SongLinks(BaseModel):
    """Paths on this server. Those that a browser opens by itself carry a token that expires."""

    self: str
    audio: str
    peaks: str
    analysis: str


class SongResponse(BaseModel):
    """A song that is kept."""

    id: str = Field(description="SHA-256 of its bytes, 64 hexadecimal digits: the same song is the same id")
    name: str = Field(description="as the client called it")
    duration: float = Field(description="seconds")
    sample_rate: int = Field(description="Hz")
    channels: int
    bytes: int
    created_at: str = Field(description="ISO 8601, UTC, as all times", examples=["2025-03-01T12:00:00.000Z"])
    expires_at: str | None = Field(description="when it goes unless somebody uses it; null while a render is of it")
    links: SongLinks


class SongPage(BaseModel):
    """Some songs, the newest first."""

    songs: list[SongResponse]
    next: str | None = Field(description="give it back as cursor for the next page; null on the last one")


class PeaksResponse(BaseModel):
    """The outline of a song's waveform: the mean of its channels, -1 to 1."""

    start: float = Field(description="seconds")
    end: float
    points: int
    min: list[float] = Field(description="lowest sample of each of `points` equal parts")
    max: list[float]


def song_response(state: State, song: Song, *, rendered: bool) -> SongResponse:
    """Make the response about a song; `rendered`: whether a render is of it."""
    path = f"{prefix()}/v1/songs/{song.id}"
    token = state.access.token(f"songs/{song.id}", state.environment.link_seconds)
    return SongResponse(
        id=song.id,
        name=song.name,
        duration=song.duration,
        sample_rate=song.sample_rate,
        channels=song.channels,
        bytes=song.bytes,
        created_at=moment(song.created),
        expires_at=None if rendered else moment(min(song.used + state.environment.retention_days * DAY, LAST)),
        links=SongLinks(
            self=path, audio=f"{path}/audio?token={token}", peaks=f"{path}/peaks", analysis=f"{path}/analysis"
        ),
    )
