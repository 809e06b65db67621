"""Files made upscalers: the same network, what was blended in, and a card that says where it came from."""

from pathlib import Path

import pytest
import torch

from akma_core.errors import RequestError
from akma_core.networks.realesrgan.architecture import Network
from akma_core.networks.realesrgan.catalog import CARD, WEIGHTS, UpscalerCard, read_card
from akma_core.networks.realesrgan.convert import convert_pth
from akma_core.networks.realesrgan.load import load_upscaler
from tests.support.golden import FOLDER as GOLDEN
from tests.support.upscaler_samples import CHINA, photo, small_compact, small_rrdb, small_state


def convert(path: Path, folder: Path, weak: Path | None = None, denoise: float = 1.0) -> UpscalerCard:
    folder.mkdir()
    return convert_pth(path, folder, name="mine", licence="CC0", weak=weak, denoise=denoise)


@pytest.mark.parametrize("network", [small_compact(), small_compact(2), small_rrdb(), small_rrdb(2)])
def test_a_file_and_what_was_made_of_it_give_the_same_pictures(tmp_path: Path, network: Network) -> None:
    torch.save({"params_ema": network.state_dict()}, tmp_path / "net.pth")
    card = convert(tmp_path / "net.pth", tmp_path / "folder")
    file, folder = load_upscaler(tmp_path / "net.pth"), load_upscaler(tmp_path / "folder")
    assert read_card(tmp_path / "folder") == card
    assert (card.architecture, card.scale) == (type(network).__name__, network.scale)
    assert (folder.name, folder.scale) == ("mine", network.scale)
    assert folder.digest == file.digest == card.digest, "one network, one digest, one plan"
    rgb = torch.from_numpy(photo(CHINA, 100, 100, 12, 16))[None]
    assert (folder(rgb) == file(rgb)).all()
    assert {path.name for path in (tmp_path / "folder").iterdir()} == {CARD, WEIGHTS}


def test_weights_in_another_order_of_memory_are_the_same(tmp_path: Path) -> None:
    for name, kind in (("plain", torch.contiguous_format), ("channels_last", torch.channels_last)):
        state = {k: v.contiguous(memory_format=kind) if v.ndim == 4 else v for k, v in small_state().items()}
        torch.save({"params": state}, tmp_path / f"{name}.pth")
        convert(tmp_path / f"{name}.pth", tmp_path / name)
    assert (tmp_path / "plain" / WEIGHTS).read_bytes() == (tmp_path / "channels_last" / WEIGHTS).read_bytes()


def test_two_files_are_blended_once(tmp_path: Path) -> None:
    first, second = small_state(), {name: value * 0.5 for name, value in small_state().items()}
    torch.save({"params": first}, tmp_path / "general.pth")
    torch.save({"params_ema": second}, tmp_path / "wdn.pth")
    cards = [
        convert(tmp_path / "general.pth", tmp_path / f"by{share}", tmp_path / "wdn.pth", share)
        for share in (0.25, 0.5, 1)
    ]
    assert len({card.digest for card in cards}) == 3
    assert "0.25 of general.pth (sha256 " in cards[0].source
    assert ", 0.75 of wdn.pth (sha256 " in cards[0].source
    for name, value in load_upscaler(tmp_path / "by0.25").network.state_dict().items():
        assert torch.allclose(value, first[name] * 0.625), name


def test_files_that_do_not_go_together(tmp_path: Path) -> None:
    torch.save({"params": small_compact().state_dict()}, tmp_path / "a.pth")
    torch.save({"params": small_rrdb().state_dict()}, tmp_path / "b.pth")
    with pytest.raises(RequestError, match="differ in architecture"):
        convert(tmp_path / "a.pth", tmp_path / "folder", tmp_path / "b.pth", 0.5)
    with pytest.raises(RequestError, match="from 0 to 1"):
        convert(tmp_path / "a.pth", tmp_path / "other", tmp_path / "a.pth", 1.5)
    assert not list((tmp_path / "folder").iterdir())


@pytest.mark.parametrize(
    ("changed", "says"),
    [
        ({"package": "os"}, "not in upscaler.safetensors"),
        ({"files": {"../upscaler.safetensors": "0" * 64}}, "not in upscaler.safetensors"),
        ({"scale": 9}, "less than or equal to 4"),
        ({"files": {WEIGHTS: "0" * 64}}, "not the file that its card means.*: remove "),
    ],
)
def test_a_folder_that_is_not_what_its_card_says(tmp_path: Path, changed: dict[str, object], says: str) -> None:
    torch.save({"params": small_state()}, tmp_path / "net.pth")
    card = convert(tmp_path / "net.pth", tmp_path / "folder")
    (tmp_path / "folder" / CARD).write_text(card.model_copy(update=changed).model_dump_json(warnings=False))
    with pytest.raises(RequestError, match=says) as caught:
        load_upscaler(tmp_path / "folder")
    assert "\n" not in caught.value.message
    (tmp_path / "folder" / CARD).unlink()
    with pytest.raises(RequestError, match="no upscaler's card"):
        load_upscaler(tmp_path / "folder")


def test_bare_state_dicts_of_both_forms_are_one_network(tmp_path: Path) -> None:
    """torch.save(net.state_dict()), and the same as safetensors."""
    cards = [convert(GOLDEN / name, tmp_path / name) for name in ("bare.pth", "bare.safetensors")]
    assert {(card.architecture, card.scale) for card in cards} == {("SRVGGNetCompact", 2)}
    assert cards[0].files[WEIGHTS] == cards[1].files[WEIGHTS]


def test_safetensors_are_known_by_their_content(tmp_path: Path) -> None:
    (tmp_path / "net.pth").write_bytes((GOLDEN / "bare.safetensors").read_bytes())
    assert convert(tmp_path / "net.pth", tmp_path / "folder").scale == 2
