"""`python -m training`: train a network on the sea, or on a folder of pictures."""

import signal
import sys
import time

from akma_core.cli.options import Parser
from akma_core.errors import AkmaError

STARTED = time.monotonic()


def main() -> int:
    """Read the command line and train; returns the exit code: 2 for a wrong request, 1 for a failure."""
    signal.signal(signal.SIGTERM, signal.default_int_handler)  # ends as Ctrl-C does: with a checkpoint
    parser = Parser(prog="python -m training", description="Train a StyleGAN3.")
    commands = parser.add_subparsers(required=True, metavar="COMMAND", parser_class=Parser)
    from torch import OutOfMemoryError

    from . import folder, sea

    sea.add(commands)
    folder.add(commands)
    try:
        options = parser.parse_args()
        options.run(options, STARTED)
    except AkmaError as error:
        return _say(error.message, error.exit_code)
    except KeyboardInterrupt:
        return _say("interrupted; the same command goes on", 130)
    except OutOfMemoryError:
        return _say("the device has too little memory: give a smaller --batch, --size or --pool", 1)
    except MemoryError:
        return _say("out of memory: give a smaller --pool or --batch", 1)
    return 0


def _say(message: str, code: int) -> int:
    print(f"training: {message}", file=sys.stderr)
    return code


if __name__ == "__main__":
    sys.exit(main())
