"""The command: clips, two networks and the file that AKMA ships, for a few steps."""

import sys
from pathlib import Path

import numpy as np
import pytest
import torch

sys.path.insert(0, str(Path(__file__).parents[3] / "scripts"))  # the scripts are no package
from train_hits.__main__ import main
from train_hits.clip import Clip, make_clips
from train_hits.network import HitNetwork, inputs, read_weights
from train_hits.training import LEAST_RATE, _widened, learning_rate, train

from akma_core.audio.features import drums, notes
from akma_core.audio.features.bands import BANDS, compressed
from akma_core.audio.features.convolutions import LEVEL_CONTEXT, probabilities, weights
from akma_core.audio.features.onset import growth

SHIPPED, NOTES_SHIPPED = (Path(drums.__file__).parent / module.FILE for module in (drums, notes))


def test_two_networks_of_a_few_steps_make_the_shipped_file(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    clips, sampled, mixed, packed = (tmp_path / name for name in ("clips", "a.npz", "b.npz", "net.npz"))
    main(["clips", str(clips), "--count", "2", "--seconds", "4"])
    main(["train", str(clips), "-o", str(sampled), "--classes", "6", "--steps", "1", "--batch", "2"])
    main(["train", str(clips), "-o", str(mixed), "--steps", "1", "--batch", "2", "--start", str(sampled)])
    main(["pack", str(sampled), str(mixed), "-o", str(packed)])
    assert "2 clips of 4 s" in capsys.readouterr().out
    with np.load(packed) as made, np.load(SHIPPED) as shipped:
        assert {name: (made[name].shape, made[name].dtype) for name in made.files} == {
            name: (shipped[name].shape, shipped[name].dtype) for name in shipped.files
        }
        close = np.abs(made["mixed.a.weight"].astype(float) - made["sampled.a.weight"]).max()
        assert 0 < close < 0.01  # it went on from there, by one step


def test_a_network_of_notes_is_as_the_shipped_one(tmp_path: Path) -> None:
    clips, trained = tmp_path / "clips", tmp_path / "notes.npz"
    main(["clips", str(clips), "--count", "2", "--seconds", "4", "--ensembles", "piano", "organ"])
    main(["train", str(clips), "-o", str(trained), "--notes", "--steps", "1", "--batch", "2"])
    with np.load(trained) as made, np.load(NOTES_SHIPPED) as shipped:
        assert {name: (made[name].shape, made[name].dtype) for name in made.files} == {
            name: (shipped[name].shape, shipped[name].dtype) for name in shipped.files
        }
    assert NOTES_SHIPPED.stat().st_size < 250_000


def test_training_lowers_the_loss() -> None:
    torch.manual_seed(0)
    network, losses = HitNetwork(), list[float]()
    clips = list(make_clips(1, 4.0, 0, [], [], own_kits=True))
    train(network, clips, 16, 0, lambda _, loss: losses.append(loss))
    assert losses[-1] < losses[0] * 0.97


def test_it_is_the_network_that_the_analysis_runs() -> None:
    bands = next(iter(make_clips(1, 10.0, 3, [], [], own_kits=True))).bands.astype(np.float32)
    network = HitNetwork()
    network.start_from(read_weights(SHIPPED, "mixed"))
    with torch.no_grad():
        heard = torch.sigmoid(network(inputs(torch.from_numpy(bands)[None])))[0].T.numpy()
    levels = compressed(bands)
    inner = slice(LEVEL_CONTEXT, -LEVEL_CONTEXT)
    mean = np.stack([levels[at - 200 : at + 200].mean(axis=0) for at in range(200, len(levels) - 200)])
    x = np.concatenate([levels[inner] - mean, growth(levels)[inner]], axis=1).astype(np.float32)
    expected = probabilities(x, weights(drums.FILE), drums.DILATIONS, "mixed.")
    assert heard.shape == expected.shape
    # The mean level is taken of every tenth frame in training.
    assert np.abs(heard - expected).mean() < 0.01
    assert np.corrcoef(heard[:, 6], expected[:, 6])[0, 1] > 0.99


def test_a_network_without_material_is_told(tmp_path: Path) -> None:
    Clip(np.zeros((10, BANDS), np.float16), np.zeros((10, 7), np.float16)).save(tmp_path / "short.npz")
    with pytest.raises(SystemExit, match="no clip has 250 frames"):
        main(["train", str(tmp_path), "-o", str(tmp_path / "out.npz"), "--steps", "1"])


def test_the_rate_rises_then_falls() -> None:
    rates = [learning_rate(step, 100, 2e-3) for step in range(101)]
    assert rates.index(max(rates)) == 10
    assert max(rates) == 2e-3
    assert rates[-1] == LEAST_RATE


def test_labels_are_widened_around_a_stroke_and_never_lowered() -> None:
    labels = torch.tensor([[[0, 0, 0.5, 1, 0.5, 0, 0, 0]]])
    assert _widened(labels, 0.25).tolist() == [[[0, 0.25, 0.5, 1, 0.5, 0.25, 0, 0]]]
    assert _widened(labels, 0.0) is labels
