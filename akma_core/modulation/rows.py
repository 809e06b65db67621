"""One row of the modulation: a feature, its shape, and the target that it drives. The same model for every way in."""

from typing import Annotated, Any

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, ValidationError, model_validator

from akma_core.errors import RequestError

from . import features
from .targets import CAMERA, EVENTS_ONLY, PACES, TARGETS

MAX_ROWS = 64
DIRECTION = r"^(walks|pca:([1-9]|[1-5]\d|6[0-4])|\S{1,200}\.npy)$"
LAYERS = ("coarse", "middle", "fine")
CURVE_KEYS = ("percentile", "compression", "window", "polyorder", "release", "invert", "power", "gain")
EVENT_KEYS = ("decay", "settle", "rate", "gap", "floor", "loudness")


def _pair(value: Any) -> Any:
    return tuple(value) if isinstance(value, list) else value


def _layers(value: Any) -> Any:
    """Rows of ws as written: all, names joined by +, or [first, last]."""
    if isinstance(value, list | tuple):
        return tuple(value)
    if isinstance(value, str):
        names = value.split("+")
        if value == "all" or (set(names) <= set(LAYERS) and len(set(names)) == len(names)):
            return value
    raise ValueError("must be all, coarse, middle, fine, a sum such as coarse+middle, or [first, last]")


Number = Annotated[float, Field(strict=True, allow_inf_nan=False, ge=-1000, le=1000)]
Seconds = Annotated[float, Field(strict=True, ge=0, le=60)]
Hertz = Annotated[float, Field(strict=True, ge=0, le=200_000)]
Tau = Annotated[float, Field(strict=True, gt=0, le=60)]
Flag = Annotated[bool, Field(strict=True)]
Whole = Annotated[int, Field(strict=True, ge=0, le=9999)]
Fraction01 = Annotated[float, Field(strict=True, ge=0, le=1)]
Pair = Annotated[tuple[Number, Number], BeforeValidator(_pair)]
Layers = Annotated[str | tuple[Whole, Whole], BeforeValidator(_layers)]


class Strict(BaseModel):
    """Frozen, unknown keys are errors, no number is made of text."""

    model_config = ConfigDict(frozen=True, extra="forbid", allow_inf_nan=False, populate_by_name=True)


class Shape(Strict):
    """Shaping of a feature before it drives a target, in this order (curves above, events below)."""

    percentile: Annotated[tuple[Number, Number], BeforeValidator(_pair)] | None = None
    """Clip to these percentiles of the whole song, scale to 0..1."""
    compression: Annotated[float, Field(strict=True, gt=0, le=1000)] | None = None
    """x ** (1 / compression)."""
    window: Annotated[int, Field(strict=True, ge=1, le=1199)] | None = None
    """Savitzky-Golay window in frames at 30 fps, scaled with fps; the result is divided by its maximum."""
    polyorder: Annotated[int, Field(strict=True, ge=0, le=15)] | None = None
    """Order of that filter; 3 where only a window is given."""
    attack: Annotated[float, Field(strict=True, ge=0, le=60)] = 0.0
    """Curves: time constant of a rise in s. Events: whole frames over which a hit comes up before its own."""
    release: Seconds = 0.0
    """Time constant of a fall in s."""
    delay: Annotated[float, Field(strict=True, ge=-60, le=60)] = 0.0
    """Seconds; negative looks ahead."""
    invert: Flag = False
    power: Annotated[float, Field(strict=True, gt=0, le=100)] = 1.0
    gain: Number = 1.0

    decay: Tau = 0.25
    """Time constant in s of an event's fall."""
    settle: Tau = 0.12
    """Time constant in s with which a step arrives."""
    rate: Annotated[float, Field(strict=True, gt=0, le=100)] | None = None
    """Most events of full strength in a second; the others count 0.3."""
    gap: Seconds = 0.1
    """Events closer than this to the one before are left out, s."""
    floor: Fraction01 | None = None
    """Share of an event's strength that is left in silence; 0.05 where only `loudness` is given."""
    loudness: Annotated[float, Field(strict=True, gt=0, le=100)] | None = None
    """Strength times floor + (1 - floor) loudness ** this; 2 where only `floor` is given."""

    @model_validator(mode="after")
    def _consistent(self) -> "Shape":
        if self.percentile and not 0 <= self.percentile[0] < self.percentile[1] <= 100:
            raise ValueError("percentile: must rise within 0 to 100, such as [5, 98]")
        if self.window is not None:
            if self.window % 2 == 0:
                raise ValueError(f"window: must be odd, not {self.window}")
            if (3 if self.polyorder is None else self.polyorder) >= self.window:
                raise ValueError(f"polyorder: must be smaller than window ({self.window})")
        elif self.polyorder is not None:
            raise ValueError("polyorder: goes with window; give both")
        return self


class Row(Strict):
    """One row. `amount` None: the target's own, or, where only `range` is given, what sweeps it."""

    feature: Annotated[str, Field(strict=True, max_length=80)]
    source: Annotated[str, Field(strict=True, pattern=f"^{features.NAME.pattern}$")] = "mix"
    """The song, or a stem by name."""
    band: Annotated[tuple[Hertz, Hertz], BeforeValidator(_pair)] | None = None
    """Band of loudness: from and to, in Hz."""
    target: Annotated[str, Field(strict=True, max_length=80)]
    rows: Layers = "all"
    """Rows of ws: all, coarse, middle, fine, a sum of those, or first and last."""
    amount: Number | None = None
    offset: Number = 0.0
    """Added to amount times the curve."""
    range: Pair | None = None
    """Range in which the target is kept."""
    direction: (
        Annotated[str, Field(strict=True, pattern=r"^(walks|pca:([1-9]|[1-5]\d|6[0-4])|[^\s]{1,200}\.npy)$")] | None
    ) = None
    """walks (loud minus quiet), pca:1 and on, or a .npy file with one w."""
    raw: Flag = False
    """w + direction * lerp(range, curve) * amount, the reference's formula to the letter."""
    speed: Flag = False
    """A camera's amount is a speed a second, not a position."""
    golden: Flag = False
    """Each event pushes the camera another way, turned on by the golden angle."""
    beats_per_seed: Annotated[float, Field(strict=True, gt=0, le=1000)] | None = None
    """In place of amount: a pace that follows the song's beats."""
    class_index: Annotated[int, Field(strict=True, ge=0, le=99_999)] | None = Field(None, alias="class")
    shape: Shape = Shape()

    @model_validator(mode="after")
    def _consistent(self) -> "Row":
        if self.target not in TARGETS:
            raise ValueError(f"unknown target {self.target[:40]!r}: give {', '.join(TARGETS)}")
        feature = features.find(self.feature)
        if feature:
            self.check_kind(feature.kind)
        for wrong, message in self._faults():
            if wrong:
                raise ValueError(message)
        return self

    def _faults(self) -> list[tuple[bool, str]]:
        target, shape = self.target, self.shape
        first, last = self.rows if isinstance(self.rows, tuple) else (0, 0)
        lo, hi = self.range or (0.0, 1.0)
        band = self.band or (0.0, 1.0)
        return [
            (lo >= hi, f"range: must rise, not {lo:g} to {hi:g}"),
            (first > last, f"rows: must be first and last, not {first} and {last}"),
            (self.rows != "all" and not TARGETS[target].rows, "rows: goes with pull, direction and mix"),
            (self.band is not None and self.feature != "loudness", "band: goes with loudness"),
            (not 0 <= band[0] < band[1], "band: must rise, such as [20, 150] Hz"),
            (
                (target == "direction") != (self.direction is not None),
                "direction: goes with target direction, and it needs one: walks, pca:1 or a .npy file",
            ),
            (self.raw and (self.direction or "")[-4:] != ".npy", "raw: goes with a direction from a .npy file"),
            (self.raw and not self.range, "raw: needs range, such as [-2, 2]"),
            (self.speed and (target not in CAMERA[:3]), "speed: goes with camera.x, camera.y and camera.angle"),
            (self.golden and target not in CAMERA[:2], "golden: goes with camera.x and camera.y"),
            (
                self.beats_per_seed is not None and target not in PACES,
                "beats_per_seed: goes with walk.top and walk.bottom",
            ),
            (
                self.beats_per_seed is not None and self.amount is not None,
                "beats_per_seed: goes in place of amount; give one of them",
            ),
            (
                (target == "class") != (self.class_index is not None),
                "class: goes with target class, and it needs one, such as class = 3",
            ),
            (target == "pull" and not 0 <= (self.amount or 0) <= 1, "amount: must be 0 to 1 of the way for pull"),
            (target in EVENTS_ONLY and self.range is not None, f"range: does not go with {target}"),
            ("settle" in shape.model_fields_set and target != "walk.step", "settle: goes with walk.step"),
            (
                "decay" in shape.model_fields_set and target == "walk.step",
                "decay: does not go with walk.step, which has no way back; give settle",
            ),
        ]

    def check_kind(self, kind: features.Kind) -> None:
        """ValueError where the row's keys or its target do not go with a feature of `kind`."""
        if kind == "curve" and self.target in EVENTS_ONLY:
            raise ValueError(f"{self.target} takes events such as hit or kick, and {self.feature} is a curve")
        wrong = set(CURVE_KEYS if kind == "events" else EVENT_KEYS) & self.shape.model_fields_set
        if wrong:
            other = "a curve such as loudness" if kind == "events" else "events such as hit or kick"
            raise ValueError(f"{min(wrong)}: goes with {other}, not with {self.feature}")
        if kind == "events" and self.shape.attack != int(self.shape.attack):
            raise ValueError("attack: must be whole frames for events")
        for key in ("raw", "speed", "offset", "beats_per_seed"):
            if kind == "events" and getattr(self, key):
                raise ValueError(f"{key}: goes with a curve such as loudness, not with {self.feature}")
        if kind == "curve" and self.golden:
            raise ValueError("golden: goes with events such as hit or kick")

    @property
    def name(self) -> str:
        """Name in messages: kick -> pull."""
        return f"{self.feature} -> {self.target}"

    @property
    def weight(self) -> float:
        """The amount, given or the target's own."""
        return TARGETS[self.target].amount if self.amount is None else self.amount

    @property
    def sweep(self) -> tuple[float, float]:
        """Offset and amount of a curve in the target's unit: without an amount it sweeps the range."""
        if self.amount is None and self.range is not None and not self.raw:
            return self.range[0] + self.offset, self.range[1] - self.range[0]
        return self.offset, self.weight

    @property
    def limits(self) -> tuple[float, float]:
        """Range in which the row keeps its target."""
        return self.range if self.range is not None and not self.raw else TARGETS[self.target].range


def row_error(fields: object, number: int, message: str, of: str = "modulation") -> RequestError:
    """One line that names the row: modulation row 2 (kick -> pull): decay must be above 0."""
    name = ""
    if isinstance(fields, dict):
        name = f"{str(fields.get('feature', '?'))[:30]} -> {str(fields.get('target', '?'))[:30]}"
    elif isinstance(fields, str):
        name = fields[:60]
    where = f"{of} row {number} ({name})" if name else f"{of} row {number}"
    return RequestError(f"{where}: {message}", code="bad_modulation", field="modulation")


def parse_fields(fields: Any, number: int) -> Row:
    """The row in a mapping (TOML, JSON); RequestError naming row and key."""
    if isinstance(fields, Row):
        return fields
    if not isinstance(fields, dict):
        raise row_error(None, number, 'must be a table such as {feature = "kick", target = "pull"}')
    try:
        return Row.model_validate(fields)
    except ValidationError as error:
        raise row_error(fields, number, complaint(error)) from None


def complaint(error: ValidationError) -> str:
    """The first complaint of a validation, without its row."""
    first = error.errors(include_url=False)[0]
    path = [str(part) for part in first["loc"] if isinstance(part, str)]
    if len(path) > 1 and path[0] == "shape":
        path = path[1:]
    key = path[0][:40].replace("class_index", "class") if path else ""
    kind, message = first["type"], first["msg"].removeprefix("Value error, ")
    if kind == "extra_forbidden":
        return f"unknown key {key!r}"
    if kind == "missing":
        return f"{key} is missing"
    if kind == "value_error":
        inner, colon, rest = message.partition(": ")
        if colon and inner.isidentifier():
            return f"{inner} {rest}"
        return f"{key} {message}".strip()
    message = message.replace("Input should", "must").replace("String should", "must").replace("Value should", "must")
    shown = repr(first["input"])
    return f"{key} {message}, not {shown[:40]}".strip()
