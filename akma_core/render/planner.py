"""Decide a render: settings, a song and a network become a plan."""

from typing import Protocol, cast

import numpy as np

from akma_core import __version__
from akma_core.audio.reader import AudioReader
from akma_core.errors import RequestError
from akma_core.media.encoder import choose, default_bit_rate
from akma_core.media.mux import AudioTrack
from akma_core.modulation.envelope import effective_window
from akma_core.modulation.presets import find_preset
from akma_core.modulation.resolve import Ability, Modulation, check_network, resolve
from akma_core.modulation.walk import BOTTOM_PER_SECOND, TOP_PER_SECOND, draw_seeds, seed_count
from akma_core.networks import kinds
from akma_core.networks.canvas import Canvas, Way
from akma_core.networks.card import NetworkCard
from akma_core.render.plan import (
    AudioPart,
    CanvasPart,
    CurvePart,
    FlashPart,
    NetworkPart,
    RenderPlan,
    UpscalePart,
)
from akma_core.render.plan_base import DevicePart, EncoderPart, libraries
from akma_core.settings import MAX_SIDE, RenderSettings
from akma_core.timeline import CHUNK_SECONDS, chunk_frames, crop, frame_count

PULL_SEEDS = 48
HIT_SLACK = 0.01  # seconds: hits are written in rounded figures


def make_plan(
    settings: RenderSettings,
    reader: AudioReader,
    audio_sha256: str,
    card: NetworkCard,
    device: DevicePart,
    upscale: UpscalePart | None = None,
    chosen: "ChosenCanvas | None" = None,
) -> RenderPlan:
    """Decide everything but what the song's analysis decides (see curves.complete); cheap.

    `upscale` is what settings.upscale names, `chosen` how the network fills settings.shape. RequestError where things
    do not go together.
    """
    info, fps = reader.info, settings.fps
    reader.mixed(settings.channels)  # refuses now what it would refuse later
    own, card = card, sized(card, settings, upscale, chosen.canvas if chosen else None)
    total = frame_count(info.samples, info.sample_rate, fps)
    first, frames = crop(settings.start, settings.duration, fps, total, info.duration)
    check_class(settings.class_index, card)
    if settings.truncation_psi != 1 and card.config.get("has_w_avg") is False:
        message = f"network {card.name} has no average w, and so no truncation: leave truncation_psi at 1"
        raise RequestError(message, code="bad_setting", field="truncation_psi")
    check_noise(settings, card)
    check_hits(settings, info.duration)
    window, polyorder, notes = effective_window(total, settings.window_length, settings.polyorder)
    top, bottom, pull, noise_seed = _seeds(settings, info.duration, audio_sha256, card)
    (width, height), size_notes = video_size(settings, card, upscale)
    bit_rate = default_bit_rate(width, height, fps) if settings.bit_rate == "auto" else settings.bit_rate
    plan = RenderPlan(
        akma=__version__,
        settings=settings,
        audio=AudioPart(
            sha256=audio_sha256,
            samples=info.samples,
            sample_rate=info.sample_rate,
            channels=info.channels,
            format=info.format,
            codec=settings.audio_codec,
        ),
        network=NetworkPart(
            name=card.name,
            digest=card.digest,
            width=card.width,
            height=card.height,
            class_index=settings.class_index,
            truncation_psi=settings.truncation_psi,
            noise=settings.noise,
            noise_seed=noise_seed if settings.noise == "random" else 0,
            canvas=canvas_part(own, chosen),
        ),
        upscale=upscale,
        width=width,
        height=height,
        curve=CurvePart(
            window_length=window,
            polyorder=polyorder,
            compression=settings.compression,
            original=settings.original,
            channels=settings.channels,
        ),
        fps=fps,
        seeds_top=top,
        seeds_bottom=bottom,
        modulation=_modulation(settings, card, pull),
        flash=_flash_part(settings),
        total_frames=total,
        first_frame=first,
        frames=frames,
        device=device,
        encoder=EncoderPart(
            crf=None if bit_rate else settings.crf,
            bit_rate=bit_rate,
            gop=chunk_frames(CHUNK_SECONDS[-1], fps),
        ),
        libraries=libraries(),
        notes=(*reader.notes, *notes, *size_notes, *([chosen.note] if chosen and chosen.note else [])),
    )
    encoder = choose(plan.make_encoder(), settings.encoder, gpu=device.kind == "cuda")
    plan = plan.model_copy(update={"encoder": plan.encoder.like(encoder)})
    check_plan(plan, reader)
    return plan


class ChosenCanvas(Protocol):
    """Way a network fills a shape: see runners.canvas."""

    @property
    def way(self) -> Way: ...
    @property
    def canvas(self) -> Canvas: ...
    @property
    def note(self) -> str: ...


def canvas_part(card: NetworkCard, chosen: ChosenCanvas | None) -> CanvasPart | None:
    """The plan's record of a canvas; none is needed where the network computes pictures of any size."""
    if chosen is None or kinds.of(card).ANY_SIZE:
        return None
    columns, rows = chosen.canvas.sixteenths(card)
    return CanvasPart(way=chosen.way, columns=columns, rows=rows)


def check_class(index: int, card: NetworkCard) -> None:
    """RequestError where the network has no class of that number."""
    if index >= max(card.classes, 1):
        message = f"class {index} does not exist: network {card.name} has {card.classes or 'no'} classes"
        raise RequestError(message, code="bad_setting", field="class")


def check_noise(settings: RenderSettings, card: NetworkCard) -> None:
    """RequestError where noise is asked for of a network without."""
    if settings.noise != "const" and not kinds.of(card).has_noise(card.config):
        message = f"network {card.name} has no noise inputs: leave noise at const"
        raise RequestError(message, code="bad_setting", field="noise")


def sized(
    card: NetworkCard, settings: RenderSettings, upscale: UpscalePart | None, canvas: Canvas | None = None
) -> NetworkCard:
    """The card with the size that is drawn: the canvas's, or any where its network can and no upscaler follows."""
    if canvas:
        return card.model_copy(update={"width": canvas.width, "height": canvas.height})
    if not (settings.size and kinds.of(card).ANY_SIZE) or upscale:
        return card
    width, height = map(int, settings.size.split("x"))
    return card.model_copy(update={"width": width // 2 * 2, "height": height // 2 * 2})


def check_hits(settings: RenderSettings, seconds: float) -> None:
    """RequestError where a hit lies beyond the end of a song of so many seconds."""
    if settings.hits and settings.hits[-1].time > seconds + HIT_SLACK:
        message = f"hits: {settings.hits[-1].time:g} s is beyond the end of the song ({seconds:.3f} seconds)"
        raise RequestError(message, code="bad_setting", field="hits")


def check_plan(plan: RenderPlan, reader: AudioReader) -> None:
    """RequestError where the encoder does not take the pictures or the codec the sound: now, not after hours."""
    plan.make_encoder().check()
    AudioTrack(reader, plan.first_sample, plan.last_sample, plan.audio.codec)


def video_size(
    settings: RenderSettings, card: NetworkCard, upscale: UpscalePart | None
) -> tuple[tuple[int, int], tuple[str, ...]]:
    """Width and height of the video in pixels, even, and what there is to say about them."""
    if settings.size:
        width, height = map(int, settings.size.split("x"))
    else:
        scale = settings.outscale or (upscale.scale if upscale else 1)
        width, height = round(card.width * scale), round(card.height * scale)
    if max(width, height) > MAX_SIDE:
        message = f"the video would be {width}x{height}: give a smaller outscale, or size (up to {MAX_SIDE}x{MAX_SIDE})"
        raise RequestError(message, code="bad_setting", field="outscale")
    even = width // 2 * 2, height // 2 * 2
    if even == (width, height):
        return even, ()
    return even, (f"{width}x{height} pictures cut to {even[0]}x{even[1]}: video wants even sizes",)


def _seeds(
    settings: RenderSettings, duration: float, audio_sha256: str, card: NetworkCard
) -> tuple[tuple[int, ...], tuple[int, ...], tuple[int, ...], int]:
    """Seeds of both walks, as given or drawn, those that hits pull to, and the seed of the noise.

    Drawn from `seed`, without one from the song, out of the network's own choice.
    """
    entropy = settings.seed if settings.seed is not None else int(audio_sha256, 16)
    *drawn, noise = np.random.SeedSequence(entropy).spawn(4)
    top_rng, bottom_rng, pull_rng = map(np.random.default_rng, drawn)
    top_num = settings.seeds_top_num or seed_count(duration, TOP_PER_SECOND)
    bottom_num = settings.seeds_bottom_num or seed_count(duration, BOTTOM_PER_SECOND)
    top = settings.seeds_top or draw_seeds(top_num, card.seeds_top, top_rng)
    bottom = settings.seeds_bottom or draw_seeds(bottom_num, card.seeds_bottom, bottom_rng)
    pull = draw_seeds(PULL_SEEDS, (*card.seeds_top, *card.seeds_bottom), pull_rng)
    return top, bottom, pull, int(noise.generate_state(1)[0])


def _flash_part(settings: RenderSettings) -> FlashPart:
    limit = settings.flash_limit != "off" and not settings.original
    return FlashPart(limit=limit, cells="points", strict=limit and settings.flash_limit == "strict")


def _modulation(settings: RenderSettings, card: NetworkCard, pull: tuple[int, ...]) -> Modulation:
    """The rows and walks that preset, settings and network come to; RequestError where the network cannot do them."""
    modulation = resolve(settings, find_preset(settings.preset_name), own_curve=settings.own_curve)
    check_network(modulation, abilities(card), card.name, card.classes)
    pulled = any(row.target in ("pull", "mix") for row in modulation.rows)
    return modulation.model_copy(update={"seeds_pull": pull if pulled else ()})


def abilities(card: NetworkCard) -> tuple[Ability, ...]:
    """Targets of rows that this network has: its kind's, and classes where it was trained with some."""
    own = ("class",) if card.classes > 1 else ()
    return cast("tuple[Ability, ...]", (*kinds.of(card).ABILITIES, *own))
