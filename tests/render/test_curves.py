"""What the song decides of a plan."""

from pathlib import Path
from typing import Any

import numpy as np
import pytest

from akma_core.audio.reader import digest, loudness, open_audio
from akma_core.errors import RequestError
from akma_core.modulation.columns import digests, dump_columns
from akma_core.modulation.envelope import curve_of
from akma_core.networks.card import NetworkCard
from akma_core.render.curves import complete, replay
from akma_core.render.plan import RenderPlan
from akma_core.render.plan_base import DevicePart
from akma_core.render.planner import make_plan
from akma_core.settings import RenderSettings
from tests.support.songs import write_song

CARD = NetworkCard(
    name="lamp", kind="stylegan3", config={"w_dim": 4}, width=64, height=64, weights_sha256="a" * 64,
    seeds_top=tuple(range(60)), seeds_bottom=tuple(range(100, 160)),
)  # fmt: skip


@pytest.fixture(scope="module")
def beating(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A song of 24 s: a kick on every beat, 120 a minute, louder on the first of four."""
    rate, rng = 22_050, np.random.default_rng(0)
    samples = 0.002 * rng.standard_normal(24 * rate)
    t = np.arange(rate // 4) / rate
    kick = np.sin(2 * np.pi * 55 * t * (1 + np.exp(-t * 30))) * np.exp(-t * 14)
    for beat in range(48):
        samples[beat * rate // 2 :][: len(kick)] += kick * (0.8 if beat % 4 == 0 else 0.35)
    import soundfile

    path = tmp_path_factory.mktemp("beating") / "song.wav"
    soundfile.write(path, np.clip(samples, -1, 1), rate, subtype="PCM_16")
    return path


def planned(song: Path, **fields: Any) -> RenderPlan:
    settings = RenderSettings.parse({"fps": 30, "seed": 1, **fields})
    device = DevicePart(kind="cpu", dtype="float32", batch=1)
    return make_plan(settings, open_audio(song), digest(song), CARD, device)


def test_the_plan_holds_the_digests_of_its_columns(beating: Path) -> None:
    reader = open_audio(beating)
    made = complete(planned(beating), reader, CARD)
    assert made.plan.modulation
    assert made.plan.modulation.columns == digests(made.columns)
    assert np.array_equal(made.columns["curve"], curve_of(loudness(reader, made.plan.fps), made.plan.curve).values)
    assert RenderPlan.model_validate_json(made.plan.model_dump_json(by_alias=True)) == made.plan
    again = complete(planned(beating), reader, CARD)
    assert again.plan.digest == made.plan.digest
    hits = next(column for name, column in made.columns.items() if name.startswith("hit"))
    assert len(hits) > 30
    assert np.abs(hits[:, 0] * 2 - np.rint(hits[:, 0] * 2)).max() < 0.06


def test_a_replay_takes_the_stored_columns_and_says_when_others_come_out(beating: Path, tmp_path: Path) -> None:
    reader = open_audio(beating)
    made = complete(planned(beating), reader, CARD)
    stored = replay(
        made.plan, open_audio(write_song(tmp_path / "other.wav", 24)), CARD, stored=dump_columns(made.columns)
    )
    assert stored.plan == made.plan  # the song is not asked
    assert digests(stored.columns) == digests(made.columns)
    assert replay(made.plan, reader, CARD).plan == made.plan
    assert made.plan.modulation
    older = made.plan.model_copy(
        update={"modulation": made.plan.modulation.model_copy(update={"columns": {"curve": "0" * 64}})}
    )
    other = replay(older, reader, CARD)
    assert other.plan.digest == made.plan.digest
    assert "computed again with other results" in other.plan.notes[-1]


def test_a_loop_is_whole_bars(beating: Path) -> None:
    made = complete(planned(beating, loop=True, start=4.3, duration=8), open_audio(beating), CARD)
    plan = made.plan
    assert plan.modulation
    assert plan.modulation.loop
    assert (plan.modulation.loop.first, plan.modulation.loop.frames) == (plan.first_frame, plan.frames)
    assert plan.frames % 15 in (0, 1, 14)  # whole beats of half a second
    assert abs(plan.frames - 240) <= 61
    curve = made.columns["curve"]
    first, last = plan.first_frame, plan.first_frame + plan.frames - 1
    assert abs(curve[last] - curve[first - 1]) < 0.02  # the end leads up to the start


def test_sections_get_palettes(beating: Path) -> None:
    made = complete(planned(beating, preset="chapters"), open_audio(beating), CARD).plan.modulation
    assert made
    assert made.sections[0].start == 0
    assert made.palettes.keys() == {section.label for section in made.sections}


def test_a_stem_of_another_length_and_rate(beating: Path, tmp_path: Path) -> None:
    for seconds in (3, 40):
        stem = write_song(tmp_path / f"stem{seconds}.wav", seconds)
        plan = planned(beating, preset="akma", modulation="loudness@drums -> exposure 0.2")
        made = complete(plan, open_audio(beating), CARD, {"stem:drums": stem})
        assert made.plan.modulation
        assert made.plan.modulation.files == {"stem:drums": digest(stem)}
        assert len(made.columns["loudness@drums"]) == plan.total_frames
    with pytest.raises(RequestError, match=r"modulation row 1 \(loudness -> exposure\): there is no stem 'drums'"):
        complete(plan, open_audio(beating), CARD)


def test_curves_of_the_settings_are_as_those_of_files(beating: Path, tmp_path: Path) -> None:
    files = {"curve:light": tmp_path / "light.csv", "curve:marks": tmp_path / "marks.txt"}
    files["curve:light"].write_text("time,value\n0,0\n3.3,1\n24,0.25\n")
    files["curve:marks"].write_text("1.5\t1.5\tdrop\n7\t7\tdrop\n")
    rows = {"preset": "akma", "modulation": "file:light -> exposure 0.2\nfile:marks -> pull 0.4"}
    given = {key.removeprefix("curve:"): path.read_text() for key, path in files.items()}
    of_files = complete(planned(beating, **rows), open_audio(beating), CARD, files)
    made = complete(planned(beating, **rows, curves=given), open_audio(beating), CARD)
    assert digests(made.columns) == digests(of_files.columns)
    assert made.plan.modulation
    assert made.plan.modulation.files.keys() == files.keys()
    other = complete(planned(beating, **rows, curves={**given, "light": "0,0.5\n1,0.6"}), open_audio(beating), CARD)
    assert other.plan.digest != made.plan.digest
    # What a manifest holds renders again without the files.
    again = replay(RenderPlan.model_validate_json(made.plan.model_dump_json()), open_audio(beating), CARD)
    assert again.plan.digest == made.plan.digest
    assert again.plan.notes == made.plan.notes


def test_a_direction_of_ones_own(beating: Path, tmp_path: Path) -> None:
    np.save(tmp_path / "age.npy", np.arange(4.0))
    plan = planned(beating, preset="akma", modulation=f"curve -> direction:{tmp_path}/age.npy 1 raw range=-2,2")
    made = complete(plan, open_audio(beating), CARD)
    assert made.columns[f"{tmp_path}/age.npy"].tolist() == [0, 1, 2, 3]
    for bad in (np.zeros(4), np.arange(5.0), np.array([np.nan] * 4), np.array(["a"] * 4)):
        np.save(tmp_path / "age.npy", bad)
        with pytest.raises(RequestError, match=r"age\.npy is not a direction of this network"):
            complete(plan, open_audio(beating), CARD)
