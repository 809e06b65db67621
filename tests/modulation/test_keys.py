import numpy as np
import pytest
from pydantic import BaseModel, ValidationError

from akma_core.modulation.keyed_walk import KeyedWalk
from akma_core.modulation.keys import Keys

from .analyses import Network

network = Network()


class Wish(BaseModel):
    keys: Keys = ()


def test_keys_in_every_form() -> None:
    wish = Wish.model_validate({"keys": ["seed 12 at 0:31 hold 2", "seed 7 at 40.5", "seed 3 at 1:02.25 hold 0.5"]})
    assert [(key.seed, key.at, key.hold) for key in wish.keys] == [(12, 31, 2), (7, 40.5, 0), (3, 62.25, 0.5)]
    assert (
        Wish.model_validate(
            {"keys": "seed 12 at 0:31 hold 2, seed 7 at 40.5\nseed 3 at 62.25 hold .5".replace(" .5", " 0.5")}
        )
        == wish
    )
    assert Wish.model_validate_json(wish.model_dump_json()) == wish


@pytest.mark.parametrize(
    "text",
    [
        "seed",
        "seed -1 at 3",
        "seed 1 at 0:75",
        "seed 4294967296 at 1",
        "seed 1 at 5, seed 2 at 5",
        "seed 1 at 5 hold 9, seed 2 at 6",
    ],
)
def test_what_is_no_key(text: str) -> None:
    with pytest.raises(ValidationError) as caught:
        Wish.model_validate({"keys": text})
    assert "seed" in caught.value.errors()[0]["msg"]


@pytest.mark.parametrize("count", [1, 2, 3, 4, 9])
def test_the_picture_is_the_seeds_while_it_is_held(count: int) -> None:
    keys = Wish.model_validate({"keys": [f"seed {k} at {3 * k + 1} hold 1" for k in range(count)]}).keys
    w = KeyedWalk(keys, 30.0, network)(0, 90 * count)
    assert np.array_equal(w[0], network.of(0))  # what comes before the first is the first
    for k in range(count):
        start = 30 * (3 * k + 1)
        assert np.abs(w[start : start + 31] - network.of(k)).max() == 0
    assert np.array_equal(w[-1], network.of(count - 1))
    if count > 1:
        assert not np.allclose(w[90], network.of(0))
        assert np.linalg.norm(np.diff(w, axis=0), axis=1).max() < 0.5  # no jump
