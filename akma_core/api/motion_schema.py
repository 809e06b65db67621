"""Rows of the modulation as pages draw them: plain words, units and ranges of features, targets and keys."""

from dataclasses import dataclass
from typing import Any, Literal

from akma_core.modulation.features import CHROMA_FEATURE, FEATURES, Feature, Kind
from akma_core.modulation.rows import Row, Shape
from akma_core.modulation.targets import CAMERA, EVENTS_ONLY, PACES, TARGETS

Form = Literal["number", "flag", "pair", "text"]
TONES = ("C", "C sharp", "D", "D sharp", "E", "F", "F sharp", "G", "G sharp", "A", "A sharp", "B")
FEATURE_TITLES = {
    "loudness": "Loudness", "low": "Low tones", "mid": "Middle tones", "high": "High tones",
    "percussive": "Struck sounds", "harmonic": "Held tones", "brightness": "Brightness of the sound",
    "phase": "From beat to beat", "swing": "To and fro with the beat", "curve": "AKMA’s curve",
    "constant": "Always the same",
    "onset": "Every onset", "hit": "Hits", "kick": "Kick drum", "snare": "Snare drum", "hat": "Hi-hat", "tom": "Tom",
    "cymbal": "Cymbal", "note": "Notes", "beat": "Beats", "downbeat": "First beats of bars",
    "section": "Starts of sections",
}  # fmt: skip
TARGET_TITLES = {  # title, unit of the amount
    "walk.blend": ("From quiet to loud pictures", ""),
    "walk.top": ("Pace of the loud pictures", "seeds/s"),
    "walk.bottom": ("Pace of the quiet pictures", "seeds/s"),
    "walk.step": ("Step on to the next pictures", "seeds"),
    "psi": ("Distance from the average picture", ""),
    "pull": ("Pull towards another picture", "of the way"),
    "direction": ("Push along a direction", "distances"),
    "mix": ("Mix with other pictures", "of the way"),
    "class": ("Weight of a class", ""),
    "time": ("Time of the network itself", "times"),
    "camera.x": ("Camera to the right", "widths"),
    "camera.y": ("Camera down", "widths"),
    "camera.angle": ("Camera turns", "radians"),
    "camera.zoom": ("Camera zooms", "factor − 1"),
    "exposure": ("Brightness", "factor − 1"),
    "contrast": ("Contrast", "factor − 1"),
    "saturation": ("Strength of colours", "factor − 1"),
}
LAYERS = {
    "all": "the whole picture",
    "coarse": "large forms",
    "middle": "middle forms",
    "fine": "fine details",
    "coarse+middle": "large and middle forms",
    "middle+fine": "middle forms and details",
}
DIRECTIONS = {
    "walks": "from quiet to loud pictures",
    "pca:1": "the network’s widest",
    "pca:2": "its second widest",
    "pca:3": "its third widest",
}


@dataclass(frozen=True)
class RowKey:
    """A key of a row; no kind, targets or features: it goes with all of them."""

    name: str
    title: str
    text: str
    unit: str = ""
    step: float | None = None
    kind: Kind | None = None
    targets: tuple[str, ...] = ()
    features: tuple[str, ...] = ()
    form: Form = "number"


_FALLING = tuple(name for name in TARGETS if name != "walk.step")
_RANGED = tuple(name for name in TARGETS if name not in EVENTS_ONLY)
# In the order of a page: what is turned most comes first.
ROW_KEYS = (
    RowKey("attack", "Rise", "time that a rise takes (time constant)", "s", 0.05, "curve"),
    RowKey("release", "Fall", "time that a fall takes (time constant)", "s", 0.05, "curve"),
    RowKey("decay", "Fall", "time in which it dies away after a hit (time constant)", "s", 0.05, "events", _FALLING),
    RowKey("settle", "Arrival", "time in which a step arrives (time constant)", "s", 0.02, "events", ("walk.step",)),
    RowKey("loudness", "With loudness", "hits in quiet passages count less: loudness to this power", "", 0.1, "events"),
    RowKey("floor", "Left in silence", "share of a hit’s strength in silence, 0 to 1", "", 0.01, "events"),
    RowKey("gap", "Least gap", "a hit closer than this to the one before is left out", "s", 0.01, "events"),
    RowKey("rate", "Most hits", "of full strength; what comes on top counts 0.3", "hits/s", 0.5, "events"),
    RowKey("attack", "Ahead", "frames over which it comes up before the hit is heard", "frames", 1, "events"),
    RowKey("window", "Smoothing", "smoothing window at 30 frames a second, odd", "frames", 2, "curve"),
    RowKey("polyorder", "Detail", "order of the smoothing polynomial, smaller than the window", "", 1, "curve"),
    RowKey("compression", "Quiet parts", "below 1 loud parts stand out, above 1 quiet ones", "", 0.05, "curve"),
    RowKey("power", "Peaks", "above 1 peaks count more, below 1 less", "", 0.1, "curve"),
    RowKey("gain", "Gain", "factor of the curve, which is cut at 1", "", 0.1, "curve"),
    RowKey("percentile", "From the heard", "percentiles that become 0 and 1: 5,98", "%", None, "curve", form="pair"),
    RowKey("invert", "Turned over", "much where there was little", kind="curve", form="flag"),
    RowKey("delay", "Delay", "so much later; below 0 earlier", "s", 0.01),
    RowKey("range", "Kept within", "least and most of the target: -1,1", targets=_RANGED, form="pair"),
    RowKey("offset", "Offset", "added to amount times the curve", "", 0.05, "curve"),
    RowKey("rows", "Of the picture", "all, coarse, middle, fine, or a sum", targets=("direction",), form="text"),
    RowKey("band", "Band", "loudness from and to, Hz: 60,120", "Hz", None, "curve", features=("loudness",),
           form="pair"),
    RowKey("beats_per_seed", "Beats a seed", "pace by the song’s beats, without an amount", "beats", 1, "curve", PACES),
    RowKey("speed", "As a speed", "the amount is a speed a second, not a place", "", None, "curve", CAMERA[:3],
           form="flag"),
    RowKey("golden", "Each another way", "every hit pushes another way", "", None, "events", CAMERA[:2], form="flag"),
    RowKey("raw", "To the letter", "w + direction × (range by the curve) × amount", "", None, "curve", ("direction",),
           form="flag"),
)  # fmt: skip


def all_features() -> dict[str, tuple[str, Feature]]:
    """Title and facts of every feature by name, the twelve tones among them."""
    known = {name: (FEATURE_TITLES[name], each) for name, each in FEATURES.items()}
    return known | {f"chroma:{k}": (f"Tone {tone}", CHROMA_FEATURE) for k, tone in enumerate(TONES)}


def choices(target: str) -> dict[str, str]:
    """List what may stand after a target's colon, the default first, with its title."""
    if target == "direction":
        return DIRECTIONS
    return LAYERS if TARGETS[target].rows else {}


def bounds(key: RowKey) -> dict[str, Any]:
    """`minimum`, `maximum` and `default` of a key, as far as the model of a row has them."""
    field = (Shape if key.name in Shape.model_fields else Row).model_json_schema()["properties"][key.name]
    told = next((each for each in field.get("anyOf", [field]) if each.get("type") != "null"), field)
    low, high = (told.get(name, told.get(f"exclusive{name.capitalize()}")) for name in ("minimum", "maximum"))
    return {"minimum": low, "maximum": high, "default": field.get("default")}
