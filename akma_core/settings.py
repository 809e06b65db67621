"""Settings of a render: one model for the command line, for HTTP and for the plan."""

import re
from fractions import Fraction
from typing import Annotated, Any, Literal

from pydantic import (
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Field,
    PlainSerializer,
    TypeAdapter,
    ValidationError,
    WithJsonSchema,
    model_validator,
)

from akma_core.audio.channels import Channels
from akma_core.errors import RequestError
from akma_core.modulation.edited_hits import Hits
from akma_core.modulation.grammar import Rows
from akma_core.modulation.keys import Keys
from akma_core.modulation.own_curves import Curves
from akma_core.networks.canvas import SHAPE, Way

MAX_FPS = 240
MIN_SIDE, MAX_SIDE = 16, 8192  # pixels of a video
OWN_CURVE = ("window_length", "polyorder", "compression")
CURVE_SETTINGS = (
    "fps",
    "window_length",
    "polyorder",
    "compression",
    "original",
    "channels",
    "start",
    "duration",
)  # of a curve alone
ROW_SETTINGS = ("own_curve", "preset", "strength", "modulation", "hits", "curves")  # of what else moves the picture
# What decimals such as 29.97 mean: 30000/1001. Written as a fraction, 2997/100 stays what it is.
NTSC = {Fraction(k * 1000 - k, 1000): Fraction(k * 1000, 1001) for k in (24, 30, 48, 60, 120)}
NTSC |= {Fraction(round(exact, 3)): exact for exact in NTSC.values()}


def _frame_rate(value: Any) -> Fraction:
    """30, 29.97, "23.976" or "30000/1001" as the exact rate that is meant."""
    if isinstance(value, Fraction):
        rate = value
    else:
        text = str(value).strip()
        if not re.fullmatch(r"\d{1,9}(\.\d{1,6})?|\d{1,9}/0*[1-9]\d{0,6}", text, re.ASCII):
            raise ValueError(
                f"should be a number of frames a second such as 30, 29.97 or 30000/1001, not {text[:40]!r}"
            )
        rate = Fraction(text)
        if "/" not in text:
            rate = NTSC.get(rate, rate)
    if not 1 <= rate <= MAX_FPS:
        raise ValueError(f"should be between 1 and {MAX_FPS} frames a second")
    return rate


def _seed_list(value: Any) -> Any:
    """ "3,14,15-18" (as typed or sent in a form) as a list of integers."""
    if not isinstance(value, str):
        return value
    seeds: list[int] = []
    for part in filter(None, re.split(r"[,\s]+", value.strip())):
        match = re.fullmatch(r"(\d{1,10})(?:-(\d{1,10}))?", part, re.ASCII)
        if not match:
            raise ValueError(f"should be seeds such as 3,14,15-18, not {part[:40]!r}")
        first, last = int(match[1]), int(match[2] or match[1])
        if not first <= last < first + MAX_SEEDS:
            raise ValueError(f"has a range that runs backwards or is longer than {MAX_SEEDS}: {part}")
        seeds.extend(range(first, last + 1))
        if len(seeds) > MAX_SEEDS:
            raise ValueError(f"should be at most {MAX_SEEDS} seeds")
    return seeds


def _bit_rate(value: Any) -> Any:
    """5000000, "5M", "3500k" as bits a second; "auto" stays."""
    if isinstance(value, str) and (match := re.fullmatch(BIT_RATE, value.strip(), re.ASCII)):
        return round(float(match[1]) * {"": 1, "k": 1e3, "M": 1e6}[match[2]])
    return value


MAX_SEEDS = 100_000
MAX_SECONDS = 1_000_000_000  # far beyond any song, and small enough to count frames in
BIT_RATE = r"(\d{1,12}(?:\.\d{1,6})?)([kM]?)"
FrameRate = Annotated[
    Fraction,
    BeforeValidator(_frame_rate),
    PlainSerializer(str, return_type=str),
    WithJsonSchema({"type": "string", "examples": ["30", "29.97", "30000/1001"]}),
]
Seed = Annotated[int, Field(ge=0, le=2**32 - 1)]
Noise = Literal["const", "none", "random"]
SeedList = Annotated[tuple[Seed, ...], BeforeValidator(_seed_list), Field(min_length=4, max_length=MAX_SEEDS)]
SeedCount = Annotated[int, Field(ge=4, le=MAX_SEEDS)]
Size = Annotated[str, Field(pattern=r"^[1-9][0-9]{1,3}x[1-9][0-9]{1,3}$")]
BitRate = Annotated[Annotated[int, Field(ge=10_000, le=1_000_000_000)] | Literal["auto"], BeforeValidator(_bit_rate)]


class RenderSettings(BaseModel):
    """A request. Every field has a default; `description` is its help, with unit and range."""

    model_config = ConfigDict(frozen=True, extra="forbid", allow_inf_nan=False, populate_by_name=True)

    model: Annotated[str, Field(min_length=1, max_length=4096)] = Field(
        "ink", description="network: a name that `akma models list` gives, or a folder with network.json"
    )
    class_index: Annotated[int, Field(ge=0, le=99_999)] = Field(
        0, alias="class", description="class of a conditional network, 0 to one less than it has"
    )
    fps: FrameRate = Field(Fraction(30), description="frames a second, 1 to 240: 30, 29.97 or 30000/1001")
    window_length: Annotated[int, Field(ge=1, le=9_999)] = Field(
        33, description="smoothing window of the curve in frames, odd, 1 to 9999"
    )
    polyorder: Annotated[int, Field(ge=0, le=15)] = Field(
        3, description="order of the smoothing polynomial, 0 to 15, smaller than the window"
    )
    compression: Annotated[float, Field(gt=0, le=1000)] = Field(
        1.0,
        description="loudness ** (1 / compression), above 0 to 1000: below 1 loud parts stand out, above 1 quiet ones",
    )
    own_curve: bool = Field(
        False,
        description="the curve of window_length, polyorder and compression in place of a preset's loudness (default: "
        "where one of them is given)",
    )
    original: bool = Field(False, description="the 2022 curve to the letter: not kept within 0..1 (default: off)")
    channels: Channels = Field(
        "mean",
        description="channels of the song that make the curve: mean (of all, AKMA's), left, right, mid, side, loudest",
    )
    preset: Annotated[str, Field(min_length=1, max_length=4096)] | None = Field(
        None,
        description="how the picture moves: a name that `akma presets` lists, or a .toml file (default: pulse, which "
        "lands on the hits; akma with --original)",
    )
    strength: Annotated[float, Field(ge=0, le=2)] = Field(
        1.0, description="how strongly hits, directions and camera move the picture, 0 to 2"
    )
    own_rows: bool = Field(
        False, description="of the preset only its walks count, and all rows are modulation's (default: off)"
    )
    modulation: Rows = Field(
        (),
        description="rows beside the preset's: FEATURE -> TARGET [AMOUNT] [key=value ...], such as "
        "'kick -> pull:coarse 0.4 decay=0.25' (default: none)",
    )
    keys: Keys = Field(
        (), description="key frames that both walks go through: 'seed 12 at 0:31 hold 2' (default: none)"
    )
    hits: Hits | None = Field(
        None,
        description="hits in place of those that are found, each a time in seconds, a strength of 0 to 1 and perhaps "
        "a drum; on the command line a CSV or JSON file of them (default: those that are found)",
    )
    # Left out where there are none: plans of before keep their bytes.
    curves: Annotated[Curves, Field(exclude_if=lambda curves: not curves)] = Field(
        {},
        description="curves and events of one's own by name, for rows such as 'file:light -> exposure 0.3': each the "
        "text of a CSV file or label track, a list of times, of [time, strength], or an object of fps and curve "
        "(default: none)",
    )
    loop: bool = Field(
        False, description="a video that leads back to its start: whole bars of the song from start (default: off)"
    )
    seeds_top_num: SeedCount | None = Field(
        None, description="seeds on the loud walk, 4 or more; more is faster (default: 0.8 for each second of song)"
    )
    seeds_bottom_num: SeedCount | None = Field(
        None, description="seeds on the quiet walk, 4 or more; more is faster (default: 0.27 for each second of song)"
    )
    seeds_top: SeedList | None = Field(
        None, description="seeds of the loud walk themselves, at least 4: 3,14,15-18 (default: drawn)"
    )
    seeds_bottom: SeedList | None = Field(
        None, description="seeds of the quiet walk themselves, at least 4: 3,14,15-18 (default: drawn)"
    )
    seed: Seed | None = Field(
        None, description="draws both lists of seeds, 0 to 4294967295 (default: follows from the song)"
    )
    truncation_psi: Annotated[float, Field(ge=-10, le=10)] = Field(
        1.0, description="distance from the network's average picture, -10 to 10; 1 as trained, below 1 tamer"
    )
    noise: Noise = Field(
        "const",
        description="noise inputs of a StyleGAN2: const (its own, which stand still), none (smooth), or random "
        "(drawn for each frame: grain)",
    )
    upscale: Annotated[str, Field(min_length=1, max_length=4096)] = Field(
        "none",
        description="Real-ESRGAN after the network: a name that `akma models list` gives (realesr-animevideov3 is "
        "fast, realesrgan-x4plus good), a .pth file, or none",
    )
    outscale: Annotated[float, Field(ge=1, le=4)] | None = Field(
        None, description="size of the video against the network's, 1 to 4 (default: the upscaler's, 4)"
    )
    size: Size | None = Field(
        None,
        description="size of the video, 16x16 to 8192x8192: filled, what stands over is cut (default: as outscale)",
    )
    shape: Annotated[str, Field(pattern=SHAPE)] | None = Field(
        None,
        description="shape of the picture, drawn as such: 16:9, 9:16, 4:1, or pixels of the network, 640x360 "
        "(default: the network's)",
    )
    # Left out where it is the network's: plans of before keep their bytes.
    canvas: Annotated[Literal["auto"] | Way, Field(exclude_if=lambda canvas: canvas == "auto")] = Field(
        "auto",
        description="how a network fills a shape other than its own: auto, wide (drawn on), mirrored, fitted, or "
        "panelled: pictures side by side, every other one the opposite of its neighbour",
    )
    flash_limit: Literal["on", "strict", "off"] = Field(
        "on",
        description="hold the brightness where the picture would flash more than guidelines allow: on, strict (WCAG "
        "2.2's small field too, at the cost of some hits) or off",
    )
    start: Annotated[float, Field(ge=0, le=MAX_SECONDS)] = Field(
        0.0, description="first second of the song to show, 0 or more"
    )
    duration: Annotated[float, Field(gt=0, le=MAX_SECONDS)] | None = Field(
        None, description="seconds to show, above 0 (default: to the end)"
    )
    crf: Annotated[float, Field(ge=1, le=51)] = Field(  # below 1 x264 leaves the profile that players know
        16.0, description="quality of the video, 1 (huge) to 51 (poor); 16 looks lossless"
    )
    bit_rate: BitRate | None = Field(
        None,
        description="bits a second, 10k to 1000M: 5M, 3500k, or auto for the 2022 table (default: none, crf decides)",
    )
    encoder: Literal["auto", "x264", "nvenc"] = Field(
        "auto", description="auto, x264, or nvenc, the one in NVIDIA's chips; auto is nvenc on a GPU that has it"
    )
    audio_codec: Literal["aac", "alac", "flac"] = Field(
        "aac", description="codec of the sound in the video: aac, or alac or flac, which keep every sample"
    )
    device: Annotated[str, Field(pattern=r"^(auto|cpu|cuda(:\d{1,2})?)$")] = Field(
        "auto", description="auto, cpu, cuda or cuda:N"
    )

    @model_validator(mode="before")
    @classmethod
    def _given(cls, fields: Any) -> Any:
        """Note that the curve is shaped by hand where a setting of OWN_CURVE is given, also with its default."""
        if isinstance(fields, dict) and "own_curve" not in fields and any(name in fields for name in OWN_CURVE):
            return {**fields, "own_curve": True}
        return fields

    @model_validator(mode="after")
    def _consistent(self) -> "RenderSettings":
        if self.window_length % 2 == 0:
            raise ValueError(f"window_length: should be odd, not {self.window_length}")
        if self.polyorder >= self.window_length:
            raise ValueError(
                f"polyorder: should be smaller than window_length ({self.window_length}), not {self.polyorder}"
            )
        if self.size and self.outscale:
            raise ValueError("size: goes without outscale; give one of them")
        if self.size and not all(MIN_SIDE <= int(side) <= MAX_SIDE for side in self.size.split("x")):
            raise ValueError(f"size: should be {MIN_SIDE}x{MIN_SIDE} to {MAX_SIDE}x{MAX_SIDE}, not {self.size}")
        for walk in ("top", "bottom"):
            seeds, number = getattr(self, f"seeds_{walk}"), getattr(self, f"seeds_{walk}_num")
            if seeds and number and len(seeds) != number:
                raise ValueError(
                    f"seeds_{walk}_num: is {number}, but seeds_{walk} lists {len(seeds)}; give one of them"
                )
        return self

    @property
    def preset_name(self) -> str:
        """The preset, given or by default."""
        return self.preset or ("akma" if self.original else "pulse")

    @classmethod
    def parse(cls, fields: dict[str, Any]) -> "RenderSettings":
        """Settings from text or JSON values; RequestError naming the first field that is wrong."""
        try:
            return cls.model_validate(fields)
        except ValidationError as error:
            raise request_error(error) from None


def parse_seeds(text: str) -> list[int]:
    """Seeds of a list such as "3,14,15-18"; RequestError where it is none."""
    try:
        return list(
            TypeAdapter(Annotated[tuple[Seed, ...], BeforeValidator(_seed_list), Field(min_length=1)]).validate_python(
                text
            )
        )
    except ValidationError as error:
        raise RequestError(f"seeds {error.errors()[0]['msg'].removeprefix('Value error, ')}", field="seeds") from None


def request_error(error: ValidationError) -> RequestError:
    """The first complaint of a validation as one line."""
    first = error.errors(include_url=False)[0]
    kind, message = first["type"], first["msg"].removeprefix("Value error, ")
    if kind == "invalid_key":
        return RequestError("a setting's name is no text", code="unknown_setting", field="settings")
    if first["loc"]:
        field = str(first["loc"][0])
    else:
        field, _, message = message.partition(": ")
    field = "class" if field == "class_index" else field
    if kind == "extra_forbidden":
        return RequestError(f"unknown setting {field[:60]!r}", code="unknown_setting", field=field[:60])
    message = re.sub(r"^(Input|String|Value) should", "should", message)
    if kind == "too_short":
        message = f"should have at least {first['ctx']['min_length']} values, not {first['ctx']['actual_length']}"
    elif kind not in ("value_error", "missing"):
        message = f"{message}, not {_shown(first['input'])}"
    return RequestError(f"{field} {message}", code="bad_setting", field=field)


def _shown(value: Any) -> str:
    try:
        return repr(str(value)[:40])
    except ValueError:  # Python does not write out integers of thousands of digits
        return "a number of thousands of digits"
