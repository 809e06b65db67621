"""Kinds behind one interface: a file is converted, its folder loaded, whatever kind it is."""

import subprocess
import sys
from pathlib import Path

import pytest
from safetensors.numpy import load_file

from akma_core.errors import RequestError
from akma_core.networks import KINDS, kinds
from akma_core.networks.card import CARD, WEIGHTS, copy_network, read_card
from tests.support import pickles
from tests.support import stylegan2_files as files
from tests.support.golden import FOLDER


@pytest.mark.parametrize(
    ("file", "kind"), [("t64_clamp.pkl", "stylegan3"), ("sg2_t64.pkl", "stylegan2"), ("sg2_ros_train.pt", "stylegan2")]
)
def test_a_file_becomes_a_folder(file: str, kind: str, tmp_path: Path) -> None:
    assert kinds.detect(FOLDER / file) == kind
    card = kinds.convert(FOLDER / file, tmp_path, name="net", licence="CC0", note="a note")
    assert read_card(tmp_path) == card
    assert (card.kind, card.name, card.licence, card.note) == (kind, "net", "CC0", "a note")
    found = kinds.read(FOLDER / file)
    assert card.config == found.settings
    weights = load_file(tmp_path / WEIGHTS)
    assert weights.keys() == found.state_dict.keys()
    assert all((weights[name] == array).all() for name, array in found.state_dict.items())


def test_a_folder_becomes_a_generator(tmp_path: Path) -> None:
    kinds.convert(FOLDER / "t64_clamp.pkl", tmp_path, name="net")
    assert kinds.load(tmp_path).img_resolution == 64


def test_cases_of_pickle_protocols(tmp_path: Path) -> None:
    """Python 3.14 writes protocol 5: the same network, the same weights."""
    for name in ("protocol4.pkl", "protocol5.pkl"):
        card = kinds.convert(FOLDER / name, tmp_path, name="net")
        assert card.weights_sha256 == "0320b7933724a0d3c31bfad997abaea48c0e451d46c226ccd0bca64e3188d8fa"


def test_one_network_of_two_code_bases_has_one_description(tmp_path: Path) -> None:
    shapes = set()
    for name, data in {"a.pkl": files.container(), "b.pkl": files.tensorflow()}.items():
        (tmp_path / name).write_bytes(data)
        card = kinds.convert(tmp_path / name, tmp_path, name="net")
        shapes.add((card.width, card.height, card.classes, card.kind, card.flavour))
    assert shapes == {(16, 16, 0, "stylegan2", "skip")}


def test_pictures_that_are_not_rgb_are_refused(tmp_path: Path) -> None:
    data = files.container(files.weights_of(img_channels=4), files.nested_kwargs() | {"img_channels": 4})
    (tmp_path / "net.pkl").write_bytes(data)
    with pytest.raises(RequestError, match=r"net.pkl: its pictures have 4 channels; AKMA renders RGB"):
        kinds.convert(tmp_path / "net.pkl", tmp_path, name="net")
    assert not (tmp_path / CARD).exists()


def test_wide_networks_say_their_size(tmp_path: Path) -> None:
    data = files.container(files.weights_of(init_res=(3, 5)), files.nested_kwargs() | {"init_res": [3, 5]})
    (tmp_path / "net.pkl").write_bytes(data)
    card = kinds.convert(tmp_path / "net.pkl", tmp_path, name="net")
    assert (card.width, card.height) == (20, 12)


def test_errors_name_the_file_and_the_field(tmp_path: Path) -> None:
    (tmp_path / "net.pt").write_bytes(pickles.dump({"G_ema": None}))
    with pytest.raises(RequestError, match=r"net.pt: it holds no generator") as caught:
        kinds.detect(tmp_path / "net.pt")
    assert (caught.value.code, caught.value.field) == ("bad_network", "model")


def test_torch_is_not_imported() -> None:
    code = "import sys; from pathlib import Path; from akma_core.networks import KINDS, kinds; "
    code += f"kinds.read(Path({str(FOLDER / 'sg2_ros.pt')!r})); assert 'torch' not in sys.modules; "
    code += "assert kinds.SUFFIXES"
    subprocess.run([sys.executable, "-c", code], check=True)


def test_every_kind_is_a_package() -> None:
    for package in KINDS.values():
        folder = Path(*package.split("."))
        for name in ("kind.py", "file.py"):
            assert (FOLDER.parents[1] / folder / name).is_file()


def test_a_network_is_copied_with_its_card_last(tmp_path: Path) -> None:
    folder, target, other = (tmp_path / name for name in ("net", "target", "other"))
    for each in (folder, target, other):
        each.mkdir()
    kinds.convert(FOLDER / "sg2_orig.pkl", folder, name="net")
    kinds.convert(FOLDER / "sg2_tf.pkl", other, name="other")
    copy_network(folder, target)
    copy_network(folder, target)
    assert {path.name for path in target.iterdir()} == {CARD, WEIGHTS}
    assert read_card(target) == read_card(folder)
    assert (target / WEIGHTS).read_bytes() == (folder / WEIGHTS).read_bytes()
    with pytest.raises(RequestError, match="another network in it"):
        copy_network(other, target)
    assert read_card(target) == read_card(folder)
