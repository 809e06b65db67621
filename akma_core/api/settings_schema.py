"""The settings as pages draw them: groups, units, steps and the range of each knob, beside what the model says."""

from dataclasses import dataclass
from typing import Any, Literal

from akma_core.settings import RenderSettings

Group = Literal["curve", "beats", "look", "motion", "output"]


@dataclass(frozen=True)
class Knob:
    """Form in which a setting is shown; `low` and `high` are the useful range, where what is allowed is wider."""

    group: Group
    title: str
    unit: str = ""
    step: float | None = None
    low: float | None = None
    high: float | None = None
    advanced: bool = False


KNOBS: dict[str, Knob] = {
    "fps": Knob("output", "Frames a second", "frames/s", 1, 12, 60),
    "window_length": Knob("curve", "Smoothing", "frames", 2, 5, 199),
    "polyorder": Knob("curve", "Detail", "", 1, 0, 6, advanced=True),
    "compression": Knob("curve", "Quiet parts", "", 0.05, 0.25, 4),
    "own_curve": Knob("curve", "This curve in place of the preset's loudness", advanced=True),
    "channels": Knob("curve", "Channels"),
    "original": Knob("curve", "The curve of 2022", advanced=True),
    "hits": Knob("beats", "Hits", "s"),
    "curves": Knob("motion", "Curves of one's own", advanced=True),
    "loop": Knob("beats", "Loop whole bars"),
    "model": Knob("look", "Network"),
    "class": Knob("look", "Class", "", 1, 0, None, advanced=True),
    "seeds_top": Knob("look", "Loud pictures"),
    "seeds_bottom": Knob("look", "Quiet pictures"),
    "seeds_top_num": Knob("look", "Number of loud pictures", "seeds", 1, 4, 400),
    "seeds_bottom_num": Knob("look", "Number of quiet pictures", "seeds", 1, 4, 400),
    "seed": Knob("look", "Draw", "", 1),
    "truncation_psi": Knob("look", "Distance from the average", "", 0.05, 0, 1.5),
    "noise": Knob("look", "Noise", advanced=True),
    "keys": Knob("look", "Key frames", "s", advanced=True),
    "preset": Knob("motion", "Preset"),
    "strength": Knob("motion", "Strength", "", 0.05, 0, 2),
    "modulation": Knob("motion", "Rows"),
    "own_rows": Knob("motion", "Rows of one's own alone", advanced=True),
    "shape": Knob("output", "Shape"),
    "upscale": Knob("output", "Upscaler"),
    "outscale": Knob("output", "Scale", "", 0.5, 1, 4),
    "size": Knob("output", "Size", "pixels"),
    "start": Knob("output", "Start", "s", 0.1, 0, None),
    "duration": Knob("output", "Duration", "s", 0.1, 0.1, None),
    "flash_limit": Knob("output", "Hold flashes"),
    "crf": Knob("output", "Quality", "crf", 1, 10, 30),
    "bit_rate": Knob("output", "Bit rate", "bit/s", 100_000, advanced=True),
    "encoder": Knob("output", "Encoder", advanced=True),
    "audio_codec": Knob("output", "Sound", advanced=True),
    "device": Knob("output", "Device", advanced=True),
}


def settings_schema() -> dict[str, Any]:
    """JSON schema of the settings; every property has title, description, x-group and what else is known of it."""
    schema = RenderSettings.model_json_schema(by_alias=True)
    schema["properties"] = {name: _shown(name, each) for name, each in schema["properties"].items()}
    return schema


def _shown(name: str, schema: dict[str, Any]) -> dict[str, Any]:
    knob = KNOBS.get(name) or Knob("output", name.replace("_", " ").capitalize(), advanced=True)
    told = {
        "x-group": knob.group,
        "x-unit": knob.unit,
        "x-step": knob.step,
        "x-low": knob.low,
        "x-high": knob.high,
        "x-advanced": knob.advanced or None,
    }
    return {**schema, "title": knob.title, **{key: value for key, value in told.items() if value is not None}}
