"""`akma waveform`: look at the curve that will move the picture."""

import argparse
import sys
from pathlib import Path

from akma_core.cli.options import Commands, add_files, add_settings, named_files, settings_of
from akma_core.errors import RequestError
from akma_core.settings import CURVE_SETTINGS, ROW_SETTINGS


def add(commands: Commands) -> None:
    """Declare the command."""
    waveform = commands.add_parser(
        "waveform",
        help="look at the curve",
        description="Write the reactive curve of AUDIO, one value a frame; pictures and JSON have every other "
        "curve that the preset uses, hits, beats and sections as well.",
    )
    waveform.add_argument("audio", type=Path, metavar="AUDIO", help="the song")
    waveform.add_argument(
        "-o",
        "--output",
        type=Path,
        required=True,
        metavar="X.{png,json,csv,npy}",
        help="picture or numbers, by its suffix",
    )
    add_settings(waveform, (*CURVE_SETTINGS, *ROW_SETTINGS))
    add_files(waveform)
    waveform.set_defaults(run=run)


def run(options: argparse.Namespace) -> None:
    from akma_core.audio.reader import open_audio
    from akma_core.files import write_whole
    from akma_core.modulation.export import FORMATS, write_curve
    from akma_core.modulation.overview import overview_of
    from akma_core.modulation.plot import COLUMNS
    from akma_core.modulation.song_curve import song_curve
    from akma_core.render.output import check_folder

    settings = settings_of(options)
    suffix = options.output.suffix.lower()
    if suffix not in FORMATS:
        raise RequestError(f"cannot write {options.output.name}: use {', '.join(FORMATS)}", field="output")
    check_folder(options.output)
    reader = open_audio(options.audio)
    curve, peaks = song_curve(reader, settings.fps, settings, COLUMNS)
    overview = None
    if suffix in (".png", ".json"):
        overview = overview_of(reader, settings, curve, named_files(options))
    for note in (*curve.notes, *(overview.notes if overview else ())):
        print(f"note: {note}", file=sys.stderr)
    write_whole(options.output, lambda path: write_curve(path, suffix, curve, peaks, settings, reader, overview))
    print(f"{options.output}  {len(curve.values)} frames at {settings.fps} fps, {reader.info.duration:.3f} s of sound")
