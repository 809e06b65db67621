"""Presets over HTTP: the ways in which a picture can move."""

from typing import Annotated

from fastapi import APIRouter, Path
from pydantic import BaseModel, Field

from akma_core.api.dependencies import CallerDep
from akma_core.modulation.grammar import line_of
from akma_core.modulation.presets import Preset, find_preset, preset_names

router = APIRouter(prefix="/v1/presets", tags=["presets"])


class PresetResponse(BaseModel):
    """A preset."""

    name: str
    description: str
    walk: dict[str, object] = Field(description="how the two walks go")
    modulation: list[str] = Field(description="rows: FEATURE -> TARGET [AMOUNT] [key=value ...]")


class PresetList(BaseModel):
    """Presets that `preset` takes, the default first."""

    presets: list[PresetResponse]


@router.get("")
def list_presets(_: CallerDep) -> PresetList:
    """Presets that `preset` takes, the default first."""
    return PresetList(presets=[_response(name, find_preset(name, files=False)) for name in preset_names()])


@router.get("/{name}")
def get_preset(name: Annotated[str, Path(max_length=60)], _: CallerDep) -> PresetResponse:
    """One of them."""
    return _response(name, find_preset(name, files=False))


def _response(name: str, preset: Preset) -> PresetResponse:
    rows = [line_of(row) for row in preset.modulation]
    walk = preset.walk.model_dump(mode="json", exclude_defaults=True)
    return PresetResponse(name=name, description=preset.description, walk=walk, modulation=rows)
