"""`python -m training`: train a network on the sea."""

import argparse
import time

STARTED = time.monotonic()


def main() -> None:
    """Read the command line and train."""
    parser = argparse.ArgumentParser(prog="python -m training", description="Train a StyleGAN3.")
    commands = parser.add_subparsers(required=True)
    from . import sea

    sea.add(commands)
    options = parser.parse_args()
    options.run(options, STARTED)


if __name__ == "__main__":
    main()
