"""The `akma` command: one line on stderr for whatever goes wrong; exit code 2 for a wrong request, 1 for a failure."""

import errno
import io
import os
import sys
import traceback
from collections.abc import Sequence

from akma_core import __version__
from akma_core.cli import (
    doctor,
    features,
    flash,
    hits,
    models,
    presets,
    render,
    seeds,
    serve,
    submit,
    upscale,
    waveform,
)
from akma_core.cli.options import Parser
from akma_core.errors import AkmaError


def main(arguments: Sequence[str] | None = None) -> int:
    """Run one command; returns the exit code."""
    try:
        for stream in (sys.stdout, sys.stderr):  # a name may be no text in this terminal's encoding
            if isinstance(stream, io.TextIOWrapper):
                stream.reconfigure(errors="backslashreplace")
        options = _parser().parse_args(arguments)
        code: int | None = options.run(options)
        _flush()
        return code or 0
    except AkmaError as error:
        return _say(error.message, error.exit_code)
    except KeyboardInterrupt as interrupt:
        return _say(str(interrupt) or "interrupted; the same command goes on from the finished chunks", 130)
    except BrokenPipeError:
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 1
    except MemoryError:
        return _say("out of memory: close other programs, or choose a smaller network", 1)
    except Exception as error:
        if os.environ.get("AKMA_DEBUG"):
            traceback.print_exc()
        detail = " ".join(f"{type(error).__name__}: {error}".split())[:300]
        return _say(f"internal error ({detail}); AKMA_DEBUG=1 shows where, please report it", 1)


def _flush() -> None:
    """Print what is still held; nobody may be there to read it: a daemon has no stdout."""
    try:
        if sys.stdout is not None and not sys.stdout.closed:
            sys.stdout.flush()
    except OSError as error:
        if error.errno != errno.EBADF:
            raise


def _say(message: str, code: int) -> int:
    print(f"akma: {message}", file=sys.stderr)
    return code


def _parser() -> Parser:
    parser = Parser(prog="akma", description="A song becomes a video whose motion is the song's loudness.")
    parser.add_argument("--version", action="version", version=f"akma {__version__}")
    commands = parser.add_subparsers(required=True, metavar="COMMAND", parser_class=Parser)
    for command in (render, upscale, waveform, features, hits, flash, presets, seeds, models, serve, submit, doctor):
        command.add(commands)
    return parser
