"""Settings over HTTP: what a render can be asked for, so that a page invents none of it."""

from dataclasses import asdict
from typing import Any

from fastapi import APIRouter
from pydantic import BaseModel, Field

from akma_core import __version__
from akma_core.api.dependencies import CallerDep, StateDep
from akma_core.api.motion_schema import ROW_KEYS, TARGET_TITLES, all_features, bounds, choices
from akma_core.api.settings_schema import settings_schema
from akma_core.modulation.edited_hits import MAX_HITS
from akma_core.modulation.presets import preset_names
from akma_core.modulation.rows import MAX_ROWS
from akma_core.modulation.targets import EVENTS_ONLY, TARGETS
from akma_core.settings import MAX_FPS, MAX_SEEDS, MAX_SIDE, MIN_SIDE

router = APIRouter(prefix="/v1/settings", tags=["settings"])


class FeatureResponse(BaseModel):
    """Word that may stand at the left of a row."""

    name: str
    title: str
    kind: str = Field(description="curve or events")
    text: str


class ChoiceResponse(BaseModel):
    """Word that may stand after a target's colon."""

    name: str
    title: str


class TargetResponse(BaseModel):
    """Word that may stand at the right of a row."""

    name: str
    title: str
    unit: str = Field(description="of the amount")
    amount: float = Field(description="where a row does not say")
    range: tuple[float, float]
    text: str
    kind: str | None = Field(description="features that it takes: events, or null: all")
    choices: list[ChoiceResponse] = Field(description="what may stand after its colon, the default first")
    rows: bool = Field(description="whether it takes rows of ws: coarse, middle, fine")
    strength: bool = Field(description="whether `strength` scales it")


class RowKeyResponse(BaseModel):
    """Key of a row, KEY=VALUE; without kind, targets or features it goes with all."""

    name: str
    title: str
    text: str
    unit: str
    form: str = Field(description="number, flag (true where it stands alone), pair (two numbers, 5,98) or text")
    kind: str | None = Field(description="features that it goes with: curve or events")
    targets: list[str]
    features: list[str]
    step: float | None
    minimum: float | None
    maximum: float | None
    default: float | str | bool | None


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
    row_keys: list[RowKeyResponse]
    limits: LimitsResponse


@router.get("")
def describe_settings(state: StateDep, caller: CallerDep) -> SettingsResponse:
    """The settings of a render: their schema, the features and targets of rows, presets, and this service's limits."""
    known = state.environment
    return SettingsResponse(
        version=__version__,
        caller=WhoResponse(name=caller.name, role=caller.role),
        schema=settings_schema(),
        presets=list(preset_names()),
        features=[
            FeatureResponse(name=name, title=title, kind=each.kind, text=each.text)
            for name, (title, each) in all_features().items()
        ],
        targets=[_target(name) for name in TARGETS],
        row_keys=[RowKeyResponse.model_validate(asdict(each) | bounds(each)) for each in ROW_KEYS],
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


def _target(name: str) -> TargetResponse:
    (title, unit), known = TARGET_TITLES[name], TARGETS[name]
    return TargetResponse(
        name=name,
        title=title,
        unit=unit,
        amount=known.amount,
        range=known.range,
        text=known.text,
        kind="events" if name in EVENTS_ONLY else None,
        choices=[ChoiceResponse(name=each, title=words) for each, words in choices(name).items()],
        rows=known.rows,
        strength=known.strength,
    )
