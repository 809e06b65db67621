"""Write the card of "sea", the procedural network that AKMA carries: its configuration and its seeds, chosen by eye.

    python scripts/make_sea.py [--out FOLDER]      writes network.json

There are no weights: code and configuration are the network, and the configuration's revision goes up with the code's.
"""

import argparse
import hashlib
from pathlib import Path

from akma_core.networks.card import WEIGHTS, NetworkCard, write_card
from akma_core.networks.sea.config import SeaConfig

# Chosen by looking at those of seeds 0..345 that have much or little wind.
SEEDS_TOP = (
    0, 3, 14, 27, 80, 93, 101, 112, 139, 146, 158, 177, 187, 188, 194, 222, 241, 254, 263, 265, 278, 304, 325, 327,
)  # fmt: skip
SEEDS_BOTTOM = (
    49, 50, 56, 59, 79, 100, 111, 116, 123, 133, 135, 144, 164, 167, 176, 189, 200, 216, 220, 232, 255, 295, 300, 315,
)  # fmt: skip


def make_card() -> NetworkCard:
    cfg = SeaConfig()
    return NetworkCard(
        name="sea",
        kind="sea",
        config=cfg.model_dump(mode="json"),
        width=cfg.img_resolution,
        height=cfg.img_resolution,
        weights_sha256=hashlib.sha256(b"").hexdigest(),
        seeds_top=SEEDS_TOP,
        seeds_bottom=SEEDS_BOTTOM,
        licence="MIT",
        note="A procedural sea; trained on nothing. The picture may have any size.",
    )


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    default = Path(__file__).parent.parent / "akma_core" / "networks" / "sea"
    parser.add_argument(
        "--out", type=Path, default=default, help="existing folder to write to (default: the package's)"
    )
    options = parser.parse_args()
    card = make_card()
    write_card(options.out, card)
    (options.out / WEIGHTS).write_bytes(b"")  # it has none; where networks are copied, so is that
    print(f"sea {card.digest[:12]} in {options.out}")


if __name__ == "__main__":
    main()
