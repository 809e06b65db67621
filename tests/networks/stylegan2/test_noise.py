"""Philox against its authors' and numpy's numbers, and its noise against the normal distribution."""

import numpy as np
import torch
from scipy import stats

from akma_core.modulation.inputs import noise_seeds
from akma_core.networks.stylegan2.noise import normal, philox


def words(*numbers: int) -> list[torch.Tensor]:
    return [torch.tensor(number) for number in numbers]


def test_known_answers() -> None:
    """Of the Random123 library, kat_vectors: philox4x32-10."""
    most = 0xFFFFFFFF
    cases = [
        ((0, 0, 0, 0), (0, 0), "6627e8d5 e169c58d bc57ac4c 9b00dbd8"),
        ((most,) * 4, (most,) * 2, "408f276d 41c83b0e a20bc7c6 6d5451fd"),
        (
            (0x243F6A88, 0x85A308D3, 0x13198A2E, 0x03707344),
            (0xA4093822, 0x299F31D0),
            "d16cfe09 94fdcceb 5001e420 24126ea1",
        ),
    ]
    for counter, key, expected in cases:
        found = philox(words(*counter), (torch.tensor(key[0]), torch.tensor(key[1])))
        assert " ".join(f"{int(word):08x}" for word in found) == expected


def test_a_normal_distribution() -> None:
    numbers = normal(torch.from_numpy(noise_seeds(3, [0, 1])), 5, 301, 203)
    assert numbers.shape == (2, 301, 203)
    assert numbers.dtype == torch.float32
    for picture in numbers.numpy().astype(np.float64):
        assert stats.kstest(picture.ravel(), "norm").pvalue > 1e-4
        assert abs(np.corrcoef(picture[:, :-1].ravel(), picture[:, 1:].ravel())[0, 1]) < 0.02
    assert abs(np.corrcoef(numbers[0].ravel(), numbers[1].ravel())[0, 1]) < 0.02


def test_a_function_of_seed_frame_and_layer() -> None:
    most = 2**32 - 1
    seeds = torch.from_numpy(noise_seeds(most, [0, 1, most]))
    assert len(set(seeds.tolist())) == 3
    all_of_them = normal(seeds, 1, 8, 8)
    assert (normal(seeds[1:2], 1, 8, 8) == all_of_them[1:2]).all()
    assert (normal(seeds, 2, 8, 8) != all_of_them).any()
    assert (normal(torch.from_numpy(noise_seeds(most - 1, [0, 1, most])), 1, 8, 8) != all_of_them).all(2).all(1).all()
    assert len({float(picture[0, 0]) for picture in all_of_them}) == 3
