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
    help: str = ""
    """In place of the model's description, where that speaks of the command line or of other settings by name."""


KNOBS: dict[str, Knob] = {
    "fps": Knob("output", "Frames a second", "frames/s", 1, 12, 60),
    "window_length": Knob("curve", "Smoothing", "frames", 2, 5, 199),
    "polyorder": Knob("curve", "Detail", "", 1, 0, 6, advanced=True),
    "compression": Knob(
        "curve", "Quiet parts", "", 0.05, 0.25, 4,
        help="compression of loudness, above 0 to 1000: below 1 loud parts stand out, above 1 quiet ones",
    ),
    "own_curve": Knob(
        "curve", "This curve in place of the preset's loudness", advanced=True,
        help="the curve of Smoothing, Detail and Quiet parts moves the picture (default: where one of them is given)",
    ),
    "channels": Knob("curve", "Channels"),
    "original": Knob("curve", "The curve of 2022", advanced=True),
    "hits": Knob("beats", "Hits", "s"),
    "curves": Knob("motion", "Curves of one's own", advanced=True),
    "loop": Knob("beats", "Loop whole bars"),
    "model": Knob("look", "Network", help="network that makes the pictures"),
    "class": Knob("look", "Class", "", 1, 0, None, advanced=True),
    "seeds_top": Knob("look", "Loud pictures"),
    "seeds_bottom": Knob("look", "Quiet pictures"),
    "seeds_top_num": Knob("look", "Number of loud pictures", "seeds", 1, 4, 400),
    "seeds_bottom_num": Knob("look", "Number of quiet pictures", "seeds", 1, 4, 400),
    "seed": Knob(
        "look", "Another draw", "", 1,
        help="number that both lists of pictures are drawn by (seed), 0 to 4294967295 (default: follows from the song)",
    ),
    "truncation_psi": Knob(
        "look", "Distance from the average", "", 0.05, 0, 1.5,
        help="truncation psi, -10 to 10: how far pictures lie from the network's average; 1 as trained, below 1 tamer",
    ),
    "noise": Knob("look", "Noise", advanced=True),
    "keys": Knob("look", "Key frames", "s", advanced=True),
    "preset": Knob("motion", "Preset", help="how the picture moves (default: pulse, which lands on the hits)"),
    "strength": Knob("motion", "Strength", "", 0.05, 0, 2),
    "modulation": Knob("motion", "Rows", help="what is heard, and what it moves, beside the preset's rows"),
    "own_rows": Knob("motion", "Rows of one's own alone", advanced=True),
    "shape": Knob("output", "Shape"),
    "canvas": Knob("output", "Way to fill the shape", advanced=True),
    "upscale": Knob(
        "output", "Upscaler",
        help="makes the network's pictures larger (Real-ESRGAN): realesr-animevideov3 is fast, realesrgan-x4plus good, "
        "none leaves them as they are",
    ),
    "outscale": Knob("output", "Scale", "", 0.5, 1, 4),
    "size": Knob(
        "output", "Size", "pixels",
        help="16x16 to 8192x8192: the picture is scaled to fill it, what stands over is cut (default: the "
        "network's, or the upscaler's)",
    ),
    "start": Knob("output", "Start", "s", 0.1, 0, None),
    "duration": Knob("output", "Duration", "s", 0.1, 0.1, None),
    "flash_limit": Knob("output", "Hold flashes"),
    "crf": Knob(
        "output", "Quality", "CRF", 1, 10, 30,
        help="rate factor of the encoder, 1 (huge file) to 51 (poor picture); 16 looks lossless",
    ),
    "bit_rate": Knob(
        "output", "Bit rate", "bit/s", 100_000, advanced=True,
        help="10k to 1000M: 5M, 3500k, or auto for what fits the size (default: none, Quality decides)",
    ),
    "encoder": Knob("output", "Encoder", advanced=True),
    "audio_codec": Knob("output", "Sound", advanced=True),
    "device": Knob("output", "Device", advanced=True),
}  # fmt: skip


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
    if knob.help:
        schema = {**schema, "description": knob.help}
    return {**schema, "title": knob.title, **{key: value for key, value in told.items() if value is not None}}
