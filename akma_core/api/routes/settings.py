"""Settings over HTTP: what a render can be asked for, so that a page invents none of it."""

from typing import Any

from fastapi import APIRouter
from pydantic import BaseModel, Field

from akma_core import __version__
from akma_core.api.dependencies import CallerDep, StateDep
from akma_core.api.settings_schema import settings_schema
from akma_core.modulation.edited_hits import MAX_HITS
from akma_core.modulation.features import CHROMA_FEATURE, FEATURES
from akma_core.modulation.presets import preset_names
from akma_core.modulation.rows import MAX_ROWS
from akma_core.modulation.targets import TARGETS
from akma_core.settings import MAX_FPS, MAX_SEEDS, MAX_SIDE, MIN_SIDE

router = APIRouter(prefix="/v1/settings", tags=["settings"])


class FeatureResponse(BaseModel):
    """Word that may stand at the left of a row."""

    name: str
    kind: str = Field(description="curve or events")
    text: str


class TargetResponse(BaseModel):
    """Word that may stand at the right of a row."""

    name: str
    amount: float = Field(description="where a row does not say")
    range: tuple[float, float]
    text: str
    rows: bool = Field(description="whether it takes rows of ws: coarse, middle, fine")
    strength: bool = Field(description="whether `strength` scales it")


class WhoResponse(BaseModel):
    """Whose key this is."""

    name: str
    role: str = Field(description="user or admin")


class LimitsResponse(BaseModel):
    """Settings that this service takes."""

    upload_bytes: int
    audio_seconds: float
    pixels: int = Field(description="of a picture of the video")
    frames: int = Field(description="of a video")
    fps: int
    seeds: int
    rows: int
    hits: int
    min_side: int
    max_side: int
    retention_days: float


class SettingsResponse(BaseModel):
    """All that a page needs to draw the settings."""

    version: str
    caller: WhoResponse
    settings_schema: dict[str, Any] = Field(
        alias="schema", description="JSON schema of the settings, with x-group, x-unit, x-step, x-low, x-high"
    )
    presets: list[str] = Field(description="names, the default first: see GET /v1/presets")
    features: list[FeatureResponse]
    targets: list[TargetResponse]
    limits: LimitsResponse


@router.get("")
def describe_settings(state: StateDep, caller: CallerDep) -> SettingsResponse:
    """The settings of a render: their schema, the features and targets of rows, presets, and this service's limits."""
    known = state.environment
    features = [FeatureResponse(name=name, kind=each.kind, text=each.text) for name, each in FEATURES.items()]
    features.append(FeatureResponse(name="chroma:0", kind=CHROMA_FEATURE.kind, text=CHROMA_FEATURE.text))
    return SettingsResponse(
        version=__version__,
        caller=WhoResponse(name=caller.name, role=caller.role),
        schema=settings_schema(),
        presets=list(preset_names()),
        features=features,
        targets=[
            TargetResponse(
                name=name, amount=each.amount, range=each.range, text=each.text, rows=each.rows, strength=each.strength
            )
            for name, each in TARGETS.items()
        ],
        limits=LimitsResponse(
            upload_bytes=known.max_upload_bytes,
            audio_seconds=known.max_audio_seconds,
            pixels=known.max_pixels,
            frames=known.max_frames,
            fps=MAX_FPS,
            seeds=MAX_SEEDS,
            rows=MAX_ROWS,
            hits=MAX_HITS,
            min_side=MIN_SIDE,
            max_side=MAX_SIDE,
            retention_days=known.retention_days,
        ),
    )
