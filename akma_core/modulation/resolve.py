"""Resolves a preset, the rows of a render and its strength into the modulation that the plan holds."""

from collections.abc import Sequence
from typing import Annotated, Literal, Protocol

from pydantic import BaseModel, ConfigDict, Field

from akma_core.errors import RequestError

from .edited_hits import Hits
from .grammar import Rows
from .keys import Keys
from .presets import Preset, WalkOptions
from .rows import MAX_ROWS, Row, row_error
from .targets import TARGETS

Seed = Annotated[int, Field(ge=0, le=2**32 - 1)]
Digest = Annotated[str, Field(pattern="^[0-9a-f]{64}$")]


class Frozen(BaseModel):
    """Base of what a plan holds: unknown keys are errors."""

    model_config = ConfigDict(frozen=True, extra="forbid", allow_inf_nan=False)


class Section(Frozen):
    """A part of the song that sounds alike throughout."""

    start: Annotated[float, Field(ge=0)]
    """Seconds."""
    label: Annotated[str, Field(min_length=1, max_length=40)]
    """The same for parts that sound the same."""


class Palette(Frozen):
    """The seeds of a label's two walks."""

    top: Annotated[tuple[Seed, ...], Field(min_length=4)]
    bottom: Annotated[tuple[Seed, ...], Field(min_length=4)]


class Loop(Frozen):
    """A run of frames whose end leads back to its start."""

    first: Annotated[int, Field(ge=0)]
    frames: Annotated[int, Field(ge=1)]


class Modulation(Frozen):
    """Everything that moves the picture beside AKMA's curve and seeds."""

    preset: str
    strength: float
    walk: WalkOptions
    rows: Rows
    """As they count, scaled by the strength: first the preset's, then one's own."""
    preset_rows: Annotated[int, Field(ge=0)] = 0
    """Number of them that are the preset's."""
    hits: Hits | None = None
    """Hits in place of those that are found."""
    seeds_pull: tuple[Seed, ...] = ()
    """Seeds that hits pull to, one after the other."""
    sections: tuple[Section, ...] = ()
    palettes: dict[str, Palette] = {}
    """By label of the sections."""
    loop: Loop | None = None
    files: dict[str, Digest] = {}
    """SHA-256 of stems and curves of one's own, by name."""
    columns: dict[str, Digest] = {}
    """SHA-256 of each column of curves.npz."""


class Wishes(Protocol):
    """The settings of a request that concern its modulation."""

    @property
    def strength(self) -> float: ...
    @property
    def own_rows(self) -> bool: ...
    @property
    def modulation(self) -> tuple[Row, ...]: ...
    @property
    def keys(self) -> Keys: ...
    @property
    def hits(self) -> Hits | None: ...
    @property
    def loop(self) -> bool: ...
    @property
    def original(self) -> bool: ...


def resolve(wishes: Wishes, preset: Preset, *, own_curve: bool) -> Modulation:
    """The modulation that `wishes` and `preset` come to, without what the song decides. RequestError.

    `own_curve`: window, order or compression were asked for, so that AKMA's curve stands in for the preset's loudness.
    """
    rows = [_own(row) if own_curve else row for row in preset.modulation if not wishes.own_rows]
    if wishes.original and (rows or wishes.modulation or wishes.keys or wishes.loop):
        message = "original: is the 2022 picture, which knows no rows, keys or loops: leave one of them out"
        raise RequestError(message, code="bad_setting", field="original")
    if len(rows) + len(wishes.modulation) > MAX_ROWS:
        message = f"preset {preset.name} and modulation have more than {MAX_ROWS} rows together"
        raise RequestError(message, code="bad_modulation", field="modulation")
    preset_rows, own = (
        [row for each in given if (row := scale(each, wishes.strength)) is not None]
        for given in (rows, wishes.modulation)
    )
    return Modulation(
        preset=preset.name,
        strength=wishes.strength,
        walk=_walk(preset.walk, wishes),
        rows=(*preset_rows, *own),
        preset_rows=len(preset_rows),
        hits=wishes.hits,
    )


def _own(row: Row) -> Row:
    """The row with AKMA's curve as the settings ask for it, where it blends the walks by loudness."""
    if (row.feature, row.source, row.band, row.target) != ("loudness", "mix", None, "walk.blend"):
        return row
    given = row.shape.model_dump(exclude_unset=True, exclude={"window", "polyorder", "compression", "percentile"})
    return row.model_copy(update={"feature": "curve", "shape": type(row.shape).model_validate(given)})


def _walk(walk: WalkOptions, wishes: Wishes) -> WalkOptions:
    changes: dict[str, object] = {}
    if wishes.keys:
        changes = {"keys": wishes.keys, "top": "keys", "bottom": "keys"}
    elif wishes.loop:
        changes = {side: "loop" for side in ("top", "bottom") if getattr(walk, side) == "even"}
    walk = walk.model_copy(update=changes)
    if wishes.loop and "keys" in (walk.top, walk.bottom):
        raise RequestError("keys: do not go with loop: leave one of them out", code="bad_setting", field="keys")
    if wishes.loop and walk.palettes == "sections":
        message = "loop: does not go with a preset whose palettes change by section: choose another preset"
        raise RequestError(message, code="bad_setting", field="loop")
    return walk


def scale(row: Row, strength: float) -> Row | None:
    """The row at `strength`, 1 as written; None where nothing is left of it."""
    if strength == 1 or not TARGETS[row.target].strength:
        return row
    if strength == 0:
        return None
    changes: dict[str, object] = {"offset": row.offset * strength}
    if row.amount is not None or row.range is None:
        changes["amount"] = row.weight * strength if row.target != "pull" else min(1.0, row.weight * strength)
    if row.range is not None and not row.raw:  # without an amount the range is the amount
        changes["range"] = (row.range[0] * strength, row.range[1] * strength)
    return row.model_copy(update=changes)


Ability = Literal["layers", "camera", "class", "time"]
# Words for people.
ABILITIES: dict[Ability, str] = {
    "layers": "rows of ws",
    "camera": "camera",
    "class": "classes to blend",
    "time": "motion of its own",
}


def planning_error(modulation: Modulation, index: int, message: str) -> RequestError:
    """One line that names row `index` (from 0) as whoever wrote it counts: within the preset, or within one's own."""
    row, own = modulation.rows[index], index - modulation.preset_rows
    fields = {"feature": row.feature, "target": row.target}
    if own >= 0:
        return row_error(fields, own + 1, message)
    return row_error(fields, index + 1, message, of=f"preset {modulation.preset}")


def check_network(modulation: Modulation, abilities: Sequence[Ability], name: str, classes: int = 0) -> None:
    """RequestError naming the first row that the network `name`, which has `abilities` and `classes`, cannot do."""
    for index, row in enumerate(modulation.rows):
        needed: Ability | None = None
        if row.rows != "all":
            needed = "layers"
        elif row.target.startswith("camera."):
            needed = "camera"
        elif row.target == "class":
            needed = "class"
        elif row.target == "time":
            needed = "time"
        if needed and needed not in abilities:
            raise planning_error(modulation, index, f"network {name} has no {ABILITIES[needed]}")
        if row.class_index is not None and classes and row.class_index >= classes:
            message = f"class {row.class_index} does not exist: network {name} has {classes}"
            raise planning_error(modulation, index, message)
