import json
import math
from fractions import Fraction
from itertools import pairwise
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pydantic import BaseModel

from akma_core.errors import RequestError
from akma_core.modulation.edited_hits import Hit
from akma_core.modulation.presets import WalkOptions
from akma_core.modulation.resolve import Loop, Palette, Section
from akma_core.networks.card import NetworkCard
from akma_core.render import plan as plan_module
from akma_core.render.plan import CanvasPart, RenderPlan, UpscalePart, read_plan
from akma_core.render.plan_base import DevicePart, libraries
from akma_core.render.planner import make_plan
from akma_core.settings import RenderSettings
from akma_core.timeline import crop, frame_count
from tests.support.songs import reader

SONG = "5" * 64
CPU = DevicePart(kind="cpu", dtype="float32", batch=1)


def card(**fields: Any) -> NetworkCard:
    given = {"name": "net", "kind": "stylegan3", "config": {}, "width": 64, "height": 64, "weights_sha256": "a" * 64}
    return NetworkCard.model_validate(given | fields)


CARD = card()


def plan(seconds: float = 10, song: str = SONG, network: NetworkCard = CARD, **fields: Any) -> RenderPlan:
    return make_plan(RenderSettings.parse(fields), reader(seconds), song, network, CPU)


def manifest(value: Any) -> bytes:
    return json.dumps({"plan": value}).encode()


def dumped(of: RenderPlan) -> dict[str, Any]:
    return of.model_dump(mode="json", by_alias=True)


def test_the_same_request_is_the_same_plan() -> None:
    assert plan() == plan()
    assert plan().digest == plan().digest
    assert len(plan().digest) == 64


def leaves() -> list[tuple[str, ...]]:
    """Every field of a plan by its path, but for the words that have one value only."""
    fixed = {("format",), ("version",), ("encoder", "codec")}
    found: list[tuple[str, ...]] = []
    for name, value in plan():
        parts: list[tuple[str, ...]]
        parts = [(name, leaf) for leaf, _ in value] if isinstance(value, BaseModel) else [(name,)]
        found += [part for part in parts if part not in fixed]
    return found


OTHER: dict[str, Any] = {
    "upscale": UpscalePart(name="x", digest="e" * 64, scale=4),
    "kind": "cuda",
    "dtype": "float16",
    "cells": "means",
    "bit_rate": 5_000_000,
    "libraries": {"torch": "0"},
    "walk": WalkOptions(top="keys"),
    "rows": (),
    "hits": (Hit(time=1.0),),
    "sections": (Section(start=1, label="A"),),
    "palettes": {"A": Palette(top=(1, 2, 3, 4), bottom=(1, 2, 3, 4))},
    "loop": Loop(first=0, frames=9),
    "files": {"stem:drums": "e" * 64},
    "columns": {"curve": "e" * 64},
    "modulation": None,
    "canvas": CanvasPart(way="wide", columns=30, rows=16),
}


UNDECISIVE = {("notes",), ("network", "name")}
UNDECISIVE |= {("modulation", name) for name in ("preset", "strength", "preset_rows")}


def other(name: str, value: Any) -> Any:
    match value:
        case _ if name in OTHER:
            return OTHER[name]
        case "aac":
            return "alac"
        case bool():
            return not value
        case str():
            return value + "x"
        case tuple():
            return (*value, "a note" if name == "notes" else 7)
        case _:
            return value + 1


def changed(of: RenderPlan, path: tuple[str, ...]) -> RenderPlan:
    """The plan with another value at `path`, whether or not it fits the rest."""
    inner = getattr(of, path[0])
    if len(path) == 2:
        return of.model_copy(
            update={path[0]: inner.model_copy(update={path[1]: other(path[1], getattr(inner, path[1]))})}
        )
    return of.model_copy(update={path[0]: other(path[0], inner)})


@pytest.mark.parametrize("path", [path for path in leaves() if path[0] != "settings"], ids=".".join)
def test_all_that_decides_the_video_is_in_the_digest(path: tuple[str, ...]) -> None:
    base = plan()
    assert changed(base, path) != base
    assert (changed(base, path).digest == base.digest) == (path in UNDECISIVE)


def test_wishes_that_come_to_the_same_are_the_same_plan() -> None:
    base = plan()
    wishes: list[dict[str, Any]] = [
        {"seeds_top_num": len(base.seeds_top)},
        {"seeds_top": base.seeds_top, "seeds_bottom": base.seeds_bottom},
        {"device": "cpu"},
        {"duration": 11},
        {"fps": "30/1"},
    ]
    assert {plan(**wish).digest for wish in wishes} == {base.digest}
    assert plan(network=card(name="else", note="a note", licence="MIT")).digest == base.digest


@pytest.mark.parametrize(
    "wish",
    [
        {"fps": 24}, {"window_length": 31}, {"polyorder": 2}, {"compression": 1.1}, {"original": True},
        {"seeds_top_num": 9}, {"seeds_bottom_num": 9}, {"seeds_top": "1-8"}, {"seeds_bottom": "1-4"}, {"seed": 1},
        {"truncation_psi": 0.7}, {"start": 1}, {"duration": 9}, {"crf": 17}, {"bit_rate": "5M"}, {"bit_rate": "auto"},
        {"audio_codec": "flac"}, {"channels": "left"},
    ],
    ids=str,
)  # fmt: skip
def test_every_setting_reaches_the_digest(wish: dict[str, Any]) -> None:
    assert plan(**wish).digest != plan().digest


def test_class_song_and_network_reach_the_digest() -> None:
    conditional = card(classes=3)
    digests = {plan(network=conditional, class_index=k).digest for k in range(3)}
    digests |= {plan(song="6" * 64).digest, plan(9.99).digest, plan(network=card(weights_sha256="b" * 64)).digest}
    assert len(digests) == 6


@pytest.mark.parametrize(("network", "index", "says"), [(CARD, 1, "no classes"), (card(classes=3), 3, "3 classes")])
def test_a_class_that_is_not_there(network: NetworkCard, index: int, says: str) -> None:
    with pytest.raises(RequestError, match=says) as caught:
        plan(network=network, class_index=index)
    assert caught.value.field == "class"


@given(
    fps=st.sampled_from([1, 24, "29.97", 30, 60, 240]) | st.fractions(1, 240, max_denominator=1000),
    seconds=st.floats(0.01, 60),
    start=st.floats(0, 0.9),
    share=st.none() | st.floats(0.001, 1),
)
@settings(max_examples=60, deadline=None)
def test_chunks_partition_the_frames(fps: Any, seconds: float, start: float, share: float | None) -> None:
    crop = {} if share is None else {"start": start * seconds, "duration": share * seconds}
    made = make_plan(RenderSettings.parse({"fps": fps, **crop}), reader(seconds, 48000), SONG, CARD, CPU)
    chunks = list(made.chunks())
    assert [chunk.index for chunk in chunks] == list(range(made.chunk_count))
    assert chunks[0].start == made.first_frame
    assert chunks[-1].start + chunks[-1].frames == made.first_frame + made.frames <= made.total_frames
    assert all(a.start + a.frames == b.start for a, b in pairwise(chunks))
    full = [max(1, round(made.fps)), max(1, round(2 * made.fps))] + [max(1, round(4 * made.fps))] * len(chunks)
    assert [chunk.frames for chunk in chunks[:-1]] == full[: len(chunks) - 1]
    assert 1 <= chunks[-1].frames <= full[len(chunks) - 1]
    assert max(chunk.frames for chunk in chunks) <= made.encoder.gop  # a chunk is one closed group of pictures


def test_chunks_of_ten_seconds() -> None:
    assert [chunk.frames for chunk in plan(10, fps=24).chunks()] == [24, 48, 96, 72]
    assert [chunk.start for chunk in plan(10, fps=24, start=2, duration=3).chunks()] == [48, 72]


@given(
    seconds=st.floats(0.1, 1e4),
    fps=st.fractions(1, 240, max_denominator=1001),
    start=st.floats(0, 1e9),
    duration=st.none() | st.floats(1e-9, 1e9),
)
def test_crop_stays_within_the_song(seconds: float, fps: Fraction, start: float, duration: float | None) -> None:
    total = max(1, math.ceil(seconds * fps))
    asked = RenderSettings.parse({"fps": fps, "start": start, "duration": duration})
    if start >= seconds:
        with pytest.raises(RequestError, match="beyond the end"):
            crop(asked.start, asked.duration, asked.fps, total, seconds)
    else:
        first, frames = crop(asked.start, asked.duration, asked.fps, total, seconds)
        assert 0 <= first < first + frames <= total
        assert abs(first - start * fps) <= 0.5001 or first == total - 1
        assert duration is not None or first + frames == total


@pytest.mark.parametrize(
    ("fps", "start", "duration", "expected"),
    [
        (30, 0, None, (0, 300)),
        (30, 0, 0.1, (0, 3)),
        (30, 0.1, 0.2, (3, 6)),
        (30, 1, 1.01, (30, 31)),
        (30, 9.9, 5, (297, 3)),
        (30, 9.99, None, (299, 1)),
        (30, 0, 1e-9, (0, 1)),
        (60, 0.3, 0.7, (18, 42)),
    ],
)
def test_crop(fps: int, start: float, duration: float | None, expected: tuple[int, int]) -> None:
    asked = RenderSettings.parse({"fps": fps, "start": start, "duration": duration})
    assert crop(asked.start, asked.duration, asked.fps, 10 * fps, 10) == expected


def test_a_part_keeps_the_decisions_of_the_whole() -> None:
    whole, part = plan(60), plan(60, start=20, duration=3)
    same = ("audio", "network", "curve", "fps", "seeds_top", "seeds_bottom", "total_frames", "device", "encoder")
    assert all(getattr(whole, name) == getattr(part, name) for name in same)
    assert (part.first_frame, part.frames) == (600, 90)
    assert (part.first_sample, part.last_sample) == (160_000, 184_000)
    assert (whole.first_sample, whole.last_sample) == (0, 480_000)


def test_the_last_frame_ends_with_the_song() -> None:
    made = plan(0.99, fps=10)
    assert (made.frames, made.last_sample) == (10, 7920)


def test_seed_counts_follow_the_song() -> None:
    assert (len(plan(45).seeds_top), len(plan(45).seeds_bottom)) == (36, 12)
    assert (len(plan(1).seeds_top), len(plan(1).seeds_bottom)) == (4, 4)
    assert (len(plan(600).seeds_top), len(plan(600).seeds_bottom)) == (480, 162)
    asked = plan(600, seeds_top_num=5, seeds_bottom_num=7)
    assert (len(asked.seeds_top), len(asked.seeds_bottom)) == (5, 7)


def test_seeds_follow_from_the_song_or_from_the_seed() -> None:
    assert plan().seeds_top != plan(song="6" * 64).seeds_top
    assert plan(seed=3).seeds_top == plan(seed=3, song="6" * 64).seeds_top != plan(seed=4).seeds_top
    assert plan(seed=0).seeds_top != plan().seeds_top  # 0 is a seed too
    assert plan().seeds_top[:4] != plan().seeds_bottom[:4]


def test_seeds_as_listed() -> None:
    made = plan(seeds_top="5-9", seeds_bottom=[4, 4, 4, 4])
    assert (made.seeds_top, made.seeds_bottom) == ((5, 6, 7, 8, 9), (4, 4, 4, 4))


def test_seeds_come_from_the_cards_own_choice() -> None:
    curated = card(seeds_top=[3, 5, 8, 13, 21], seeds_bottom=[1, 2, 4])
    for seed in (None, 7):
        made = plan(45, network=curated, seed=seed)
        assert set(made.seeds_top) == {3, 5, 8, 13, 21}
        assert set(made.seeds_bottom) == {1, 2, 4}
    assert plan(network=curated, seeds_top="100-103").seeds_top == (100, 101, 102, 103)


def test_short_clips_are_noted() -> None:
    made = plan(0.5)
    assert (made.curve.window_length, made.curve.polyorder) == (15, 3)
    assert "fewer than window_length 33" in made.notes[0]
    assert plan(1.1).notes == ()


def test_odd_sizes_are_cut_and_noted() -> None:
    made = plan(network=card(width=65, height=33))
    assert (made.width, made.height) == (64, 32)
    assert "65x33" in made.notes[0]


def test_a_wish_for_a_bit_rate_replaces_the_quality() -> None:
    assert (plan().encoder.crf, plan().encoder.bit_rate) == (16, None)
    assert (plan(bit_rate="5M").encoder.crf, plan(bit_rate="5M").encoder.bit_rate) == (None, 5_000_000)
    assert plan(network=card(width=1920, height=1080), bit_rate="auto").encoder.bit_rate == 4_000_000


def test_what_cannot_be_encoded_is_refused_before_the_render() -> None:
    with pytest.raises(RequestError, match="16384"):
        plan(network=card(width=16384, height=16384))
    with pytest.raises(RequestError, match="flac does not carry 3 channels") as caught:
        make_plan(RenderSettings.parse({"audio_codec": "flac"}), reader(1, channels=3), SONG, CARD, CPU)
    assert caught.value.field == "audio_codec"


@pytest.mark.parametrize(
    "fields",
    [{}, {"fps": "29.97", "start": 1, "duration": 2}, {"fps": "1.000001"}, {"bit_rate": "auto", "seeds_top": "1-9"}],
    ids=str,
)
def test_a_manifest_gives_the_plan_back(fields: dict[str, Any]) -> None:
    made = plan(**fields)
    again = read_plan(manifest(dumped(made)), "x.json")
    assert again == made
    assert again.digest == made.digest
    assert list(again.chunks()) == list(made.chunks())


@pytest.mark.parametrize("text", [b"", b"{", b"[]", b"3", b"null", b"{}", b'{"plan": []}', b"\xff", b"[" * 100_000])
def test_no_manifest(text: bytes) -> None:
    with pytest.raises(RequestError, match=r"^x\.json is not a manifest of AKMA's") as caught:
        read_plan(text, "x.json")
    assert caught.value.message.splitlines() == [caught.value.message]


scalars: st.SearchStrategy[Any] = (
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=5) | st.just([])
)


@given(path=st.sampled_from(leaves()), value=scalars, drop=st.booleans())
@settings(deadline=None)
def test_a_manifest_changed_by_hand_is_a_plan_or_refused(path: tuple[str, ...], value: Any, drop: bool) -> None:
    tree = dumped(plan())
    *parents, last = ("class" if name == "class_index" and path[0] == "settings" else name for name in path)
    inner = tree[parents[0]] if parents else tree
    if drop:
        inner.pop(last, None)  # one that is left out by default is not there
    else:
        inner[last] = value
    try:
        made = read_plan(manifest(tree), "x.json")
    except RequestError as error:
        lines = error.message.splitlines()
    else:
        lines = ["none"]
        assert min(len(made.seeds_top), len(made.seeds_bottom)) >= 4
        assert made.first_frame + made.frames <= made.total_frames
        assert made.total_frames == frame_count(made.audio.samples, made.audio.sample_rate, made.fps)
    assert len(lines) == 1


@pytest.mark.parametrize(
    ("name", "value"),
    [("frames", 301), ("first_frame", 1), ("total_frames", 299), ("fps", "31"), ("seeds_top", [1, 2, 3])],
)
def test_a_manifest_that_contradicts_itself_is_refused(name: str, value: Any) -> None:
    with pytest.raises(RequestError, match="is not a manifest"):
        read_plan(manifest(dumped(plan()) | {name: value}), "x.json")


def test_replayed_on_the_same_machine_is_the_same_plan() -> None:
    made = plan()
    assert made.replayed(CPU) is made


def test_replayed_elsewhere_says_what_differs(monkeypatch: pytest.MonkeyPatch) -> None:
    made = plan()
    cuda = made.replayed(DevicePart(kind="cuda", dtype="float32", batch=4))
    assert cuda.device.batch == 4
    assert "device cpu/float32 -> cuda/float32" in cuda.notes[-1]
    assert cuda.seeds_top == made.seeds_top
    monkeypatch.setattr(plan_module, "libraries", lambda: {**libraries(), "torch": "9.9"})
    newer = made.replayed(CPU)
    assert newer.libraries["torch"] == "9.9"
    assert "torch" in newer.notes[-1]
    assert "9.9" in newer.notes[-1]
    assert "numpy" not in newer.notes[-1]
    assert newer.digest != made.digest


def test_versions_carry_no_build_tag() -> None:
    assert all("+" not in number for number in libraries().values())
    assert set(libraries()) == {"torch", "numba", "numpy", "scipy", "av"}


def test_a_reader_without_samples_suffices() -> None:
    """A plan is made from facts: nobody reads the song for it."""
    silent = reader(3)
    with pytest.raises(AssertionError):
        next(silent.blocks())
    assert make_plan(RenderSettings.parse({}), silent, SONG, CARD, CPU).total_frames == 90
