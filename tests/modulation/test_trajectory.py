"""Formulas, frame by frame."""

from fractions import Fraction

import numpy as np
import pytest
from numpy.typing import NDArray

from akma_core.modulation.columns import compute_columns, digests, dump_columns, load_columns
from akma_core.modulation.directions import statistics
from akma_core.modulation.layers import row_slice
from akma_core.modulation.presets import find_preset
from akma_core.modulation.resolve import Loop, resolve
from akma_core.modulation.ring_walk import Ring
from akma_core.modulation.trajectory import Trajectory
from akma_core.modulation.walk import Walk, blend
from akma_core.settings import RenderSettings

from .analyses import BOTTOM, FPS, PULL, TOP, Network, Song, modulation_of, trajectory_of

FRAMES = 120
CURVE = np.linspace(0, 1, FRAMES) ** 2 * (0.5 + 0.5 * np.sin(np.arange(FRAMES) / 5) ** 2)
HITS = ((0.5, 1.0), (0.8, 0.4), (2.03, 0.9), (3.9, 0.7))
SONG = Song(CURVE, HITS, beats=np.arange(0, 4, 0.5).tolist())
network = Network()


def walks() -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """AKMA's two walks, [frames, w_dim]: top, bottom."""
    return Walk(TOP, FRAMES, network)(0, FRAMES), Walk(BOTTOM, FRAMES, network)(0, FRAMES)


def test_without_rows_the_bytes_are_akmas() -> None:
    top, bottom = walks()
    got = trajectory_of(modulation_of(), SONG)(0, FRAMES)
    assert got.ws.shape == (FRAMES, 1, 6)
    assert got.ws[:, 0].tobytes() == blend(bottom, top, CURVE).tobytes()
    assert got.transform is None
    assert got.colour is None


def test_a_pull_is_the_formula() -> None:
    row = "hit -> pull:coarse+middle 0.6 decay=0.2 gap=0"
    got = trajectory_of(modulation_of(row), SONG)(0, FRAMES).ws
    top, bottom = walks()
    w = bottom * (1 - CURVE[:, None]) + top * CURVE[:, None]
    expected = np.repeat(w[:, None], 7, axis=1)
    for f in range(FRAMES):
        for k, (time, strength) in enumerate(HITS):
            d = f - round(time * 30)
            if 0 <= d <= 6 * 0.2 * 30:
                e = np.exp(-d / (30 * 0.2))
                expected[f, :5] += 0.6 * strength * e * (network.of(PULL[k]) - expected[f, :5])
    assert got.dtype == np.float32
    assert np.abs(got - expected).max() < 1e-6
    assert np.array_equal(got[:, 5:], np.repeat(w[:, None].astype(np.float32), 2, axis=1))


def test_rows_are_told_by_rate_not_by_number() -> None:
    assert row_slice("coarse", network.rates) == [0, 1, 2]
    assert row_slice("middle", network.rates) == [3, 4]
    assert row_slice("fine", network.rates) == [5, 6]
    assert row_slice("coarse+fine", network.rates) == [0, 1, 2, 5, 6]
    assert row_slice((1, 99), network.rates) == [1, 2, 3, 4, 5, 6]


def test_psi_counts_once_around_w_avg() -> None:
    some = Network(psi=0.7)
    song = Song(CURVE)
    got = trajectory_of(modulation_of("curve -> psi range=-1,1"), song, some)(0, FRAMES).ws[:, 0]
    top, bottom = (Walk(seeds, FRAMES, lambda seeds: some(seeds, 1.0))(0, FRAMES) for seeds in (TOP, BOTTOM))
    w = bottom * (1 - CURVE[:, None]) + top * CURVE[:, None]
    psi = 2 * (CURVE.astype(np.float32) - 0.5)[:, None]
    assert np.abs(got - (0.5 + psi * (w - 0.5))).max() < 1e-6


def test_events_add_to_the_psi_that_was_asked_for() -> None:
    some = Network(psi=0.7)
    got = trajectory_of(modulation_of("hit -> psi 0.5 gap=0"), SONG, some)(15, 16).ws[0, 0]
    top, bottom = (Walk(seeds, FRAMES, lambda seeds: some(seeds, 1.0))(15, 16)[0] for seeds in (TOP, BOTTOM))
    w = bottom * (1 - CURVE[15]) + top * CURVE[15]
    assert np.abs(got - (0.5 + 1.2 * (w - 0.5))).max() < 1e-6


def reference(name: str, *rows: str) -> NDArray[np.float32]:
    """w of each frame of a preset of the reference notebook, [frames, w_dim]."""
    preset = find_preset(name)
    made = resolve(RenderSettings.parse({"modulation": list(rows)}), preset, own_curve=False)
    return trajectory_of(made, Song(CURVE))(0, FRAMES).ws[:, 0]


def test_reference_volume_between_two_seeds() -> None:
    quiet, loud = network.of(BOTTOM[0]), network.of(TOP[0])
    v = CURVE[:, None]
    assert np.array_equal(reference("between-seeds"), (quiet * (1 - v) + loud * v).astype(np.float32))


@pytest.mark.parametrize(
    ("name", "psi"),
    [
        ("truncation", lambda v: v),
        ("truncation-double", lambda v: 2 * v),
        ("truncation-both", lambda v: 2 * (v - 0.5)),
    ],
)
def test_reference_volume_is_psi(name: str, psi: object) -> None:
    w = network.of(TOP[0])
    v = CURVE[:, None]
    expected = network.average + psi(v) * (w - network.average)  # type: ignore[operator]
    assert np.abs(reference(name) - expected).max() < 1e-6


def test_reference_volume_along_a_direction_to_the_letter() -> None:
    direction = np.arange(6, dtype=np.float32) - 2
    modulation = modulation_of("constant -> walk.blend 1", "curve -> direction:d.npy 1.5 raw range=-3,3",
                               top="integral", bottom="integral")  # fmt: skip
    columns, _ = compute_columns(modulation, Song(CURVE), CURVE, FPS)
    columns = {**columns, "d.npy": direction}
    got = Trajectory(modulation, columns, (TOP, BOTTOM), FRAMES, FPS, 1.0, network)(0, FRAMES).ws[:, 0]
    v = CURVE.astype(np.float32).astype(np.float64)[:, None]
    lerp = -3 + (3 - -3) * v
    assert np.abs(got - (network.of(TOP[0]) + direction * lerp * 1.5)).max() < 1e-6


def test_a_direction_has_the_length_it_is_given() -> None:
    known = statistics(network)
    plain = trajectory_of(modulation_of(), SONG)(0, FRAMES).ws[:, 0]
    for direction, unit in (("pca:1", known.components[0]), ("walks", None)):
        moved = trajectory_of(modulation_of(f"constant -> direction:{direction} 0.5"), SONG)(0, FRAMES).ws[:, 0]
        length = np.linalg.norm(moved - plain, axis=1)
        assert np.allclose(length, 0.5 * known.distance, rtol=1e-4)
        if unit is not None:
            assert np.allclose((moved - plain) / length[:, None], unit, atol=1e-4)
    w = network(range(1000), 1.0)
    assert known.distance == pytest.approx(np.linalg.norm(w - 0.5, axis=1).mean())
    variances = ((w - w.mean(0)) @ known.components.T).var(0)
    assert (np.diff(variances) <= 1e-9).all()


def test_pace_is_summed_over_the_frames() -> None:
    modulation = modulation_of(
        "curve -> walk.top 0.5 power=2", "constant -> walk.bottom 0.03", "hit -> walk.step 0.25 gap=0",
        "constant -> walk.blend 1", top="integral", bottom="integral",
    )  # fmt: skip
    got = trajectory_of(modulation, SONG)(0, FRAMES).ws[:, 0]
    v = (CURVE**2).astype(np.float32).astype(np.float64)
    u = np.cumsum(0.5 * v) / 30
    for time, strength in HITS:
        t = np.arange(FRAMES) - round(time * 30)
        u += 0.25 * strength * np.where(t >= 0, 1 - np.exp(-(t + 1) / (30 * 0.12)), 0)
    assert np.abs(got - Ring(TOP, network)(u)).max() < 1e-6


def test_beats_set_the_pace() -> None:
    modulation = modulation_of("constant -> walk.top beats_per_seed=4", "constant -> walk.blend 1", top="integral")
    got = trajectory_of(modulation, SONG)(0, FRAMES).ws[:, 0]
    at = 60  # 120 beats a minute: a seed every 2 s; the position has moved on at the end of each frame
    assert np.abs(got[at - 1] - network.of(TOP[1])).max() < 1e-6
    _, notes = compute_columns(modulation, Song(CURVE), CURVE, FPS)
    assert notes == ["The song has no steady pulse: beats_per_seed counts 120 beats a minute."]


def test_mix_blends_rows_with_another_walk() -> None:
    modulation = modulation_of("constant -> mix:fine 0.25")
    got, plain = (trajectory_of(made, SONG)(0, FRAMES).ws for made in (modulation, modulation_of()))
    assert np.array_equal(got[:, :5], np.repeat(plain, 5, axis=1))
    assert np.abs(got[0, 5] - (0.75 * plain[0, 0] + 0.25 * network.of(PULL[0]))).max() < 1e-6


def test_colour_adds_to_one_and_is_kept() -> None:
    modulation = modulation_of("curve -> exposure -0.4", "constant -> saturation 9")
    colour = trajectory_of(modulation, SONG)(0, FRAMES).colour
    assert colour is not None
    assert np.allclose(colour[:, 0], 1 - 0.4 * CURVE, atol=1e-6)
    assert np.array_equal(colour[:, 1:], np.tile(np.array([1, 4], np.float32), (FRAMES, 1)))


@pytest.mark.parametrize("name", ["akma", "pulse", "step", "club", "camera", "breathe", "ambient", "chapters"])
def test_a_frame_does_not_depend_on_the_range_it_is_asked_in(name: str) -> None:
    made = resolve(RenderSettings.parse({}), find_preset(name), own_curve=False)
    made = made.model_copy(update={"seeds_pull": PULL})
    trajectory = trajectory_of(made, SONG)
    whole = trajectory(0, FRAMES)
    for start, stop in ((0, 1), (17, 18), (14, 40), (100, 120)):
        part = trajectory(start, stop)
        assert part.ws.tobytes() == whole.ws[start:stop].tobytes()
        if whole.transform is not None:
            assert part.transform is not None
            assert part.transform.tobytes() == whole.transform[start:stop].tobytes()


def test_a_loop_closes() -> None:
    rows = ("curve -> walk.top 0.8", "hit -> walk.step 0.25", "hit -> pull 0.5", "curve -> walk.blend 1")
    modulation = modulation_of(*rows, top="integral", loop=True)
    frames = 90
    modulation = modulation.model_copy(update={"loop": Loop(first=20, frames=frames)})
    ws = trajectory_of(modulation, SONG)(20, 110).ws[:, 0]
    steps = np.linalg.norm(np.diff(ws, axis=0), axis=1)
    seam = np.linalg.norm(ws[0] - ws[-1])
    assert seam <= steps.max()
    again = trajectory_of(modulation, SONG)(20, 110).ws[:, 0]
    assert np.array_equal(ws, again)


def test_columns_come_back_as_they_were() -> None:
    modulation = modulation_of("hit -> pull 0.5", "curve -> walk.blend power=2", "hit -> camera.x")
    columns, _ = compute_columns(modulation, SONG, CURVE, FPS)
    assert list(columns) == ["curve", "hit", "curve power=2"]
    assert [column.dtype for column in columns.values()] == [np.float64, np.float64, np.float32]
    planned = modulation.model_copy(update={"columns": digests(columns)})
    data = dump_columns(columns)
    again = load_columns(data, planned)
    assert again is not None
    assert all(np.array_equal(again[name], column) for name, column in columns.items())
    other, _ = compute_columns(modulation, Song(CURVE * 0.5, HITS), CURVE * 0.5, FPS)
    assert load_columns(dump_columns(other), planned) is None
    for broken in (b"", b"rubbish", data[:-40], data[:400]):
        assert load_columns(broken, planned) is None


def test_frames_at_other_rates_are_the_same_moments() -> None:
    slow, fast = Song(np.zeros(96), HITS), Song(np.zeros(240), HITS)
    row = "hit -> pull 0.8"
    at = [trajectory_of(modulation_of(row), song, fps=Fraction(fps)) for song, fps in ((slow, 24), (fast, 60))]
    assert np.abs(at[0](12, 13).ws - at[1](30, 31).ws).max() < 0.05


def test_the_curve_drives_the_time_of_what_moves_by_itself() -> None:
    even = trajectory_of(modulation_of(), SONG)(0, FRAMES).seconds
    assert even is not None
    assert np.allclose(even, np.arange(FRAMES) / 30)
    driven = trajectory_of(modulation_of("curve -> time 2 offset=0.25"), SONG)
    seconds = driven(0, FRAMES).seconds
    assert seconds is not None
    pace = 0.25 + 2 * CURVE.astype(np.float32).astype(np.float64)
    assert seconds[0] == 0
    assert np.abs(np.diff(seconds) - pace[:-1] / 30).max() < 1e-8
    assert np.array_equal(driven(50, 60).seconds, seconds[50:60])  # type: ignore[arg-type]
    pushed = trajectory_of(modulation_of("hit -> time 1 decay=0.2 gap=0"), SONG)(0, FRAMES).seconds
    assert pushed is not None
    assert np.diff(pushed).min() >= 1 / 30 - 1e-12  # a hit hurries the waves on, nothing turns them back
    assert pushed[-1] > even[-1]
