"""`akma features`: what is heard in a song, as a picture or as numbers."""

import argparse
from pathlib import Path

from akma_core.cli.options import Commands, add_files, add_settings, named_files, settings_of
from akma_core.errors import RequestError

SETTINGS = ("fps", "window_length", "polyorder", "compression", "channels", "preset", "strength", "modulation", "hits")
FORMATS = (".png", ".json", ".npz")


def add(commands: Commands) -> None:
    """Declare the command."""
    features = commands.add_parser(
        "features",
        help="look at what is heard in a song",
        description="Write the curves and events that move the picture: those of the preset and of one's own rows.",
    )
    features.add_argument("audio", type=Path, metavar="AUDIO", help="the song")
    features.add_argument(
        "-o",
        "--output",
        type=Path,
        required=True,
        metavar="X.{png,json,npz}",
        help="picture or numbers, by its suffix",
    )
    add_settings(features, SETTINGS)
    add_files(features)
    features.set_defaults(run=run)


def run(options: argparse.Namespace) -> None:
    import sys

    from akma_core.audio.reader import open_audio
    from akma_core.files import write_whole
    from akma_core.modulation.columns import compute_columns
    from akma_core.modulation.feature_export import features_json, features_npz, features_png
    from akma_core.modulation.presets import find_preset
    from akma_core.modulation.resolve import resolve
    from akma_core.modulation.song import SongAnalysis
    from akma_core.modulation.song_curve import song_curve
    from akma_core.render.output import check_folder

    settings, suffix = settings_of(options), options.output.suffix.lower()
    if suffix not in FORMATS:
        raise RequestError(f"cannot write {options.output.name}: use {', '.join(FORMATS)}", field="output")
    check_folder(options.output)
    modulation = resolve(settings, find_preset(settings.preset_name), own_curve=settings.own_curve)
    reader = open_audio(options.audio)
    curve, _ = song_curve(reader, settings.fps, settings)
    song = SongAnalysis(
        reader.mixed(settings.channels), settings.fps, curve.values, named_files(options), modulation, grid=True
    )
    columns, notes = compute_columns(modulation, song, curve.values, settings.fps)
    for note in (*curve.notes, *notes):
        print(f"note: {note}", file=sys.stderr)
    write = {".png": features_png, ".json": features_json, ".npz": features_npz}[suffix]
    data = write(columns, song, settings.fps, options.audio.name)
    write_whole(options.output, lambda path: path.write_bytes(data))
    bpm = f"{song.tempo:.1f} beats a minute" if song.tempo else "no steady pulse"
    print(f"{options.output}  {len(columns)} curves and events, {bpm}, {len(song.sections())} sections")
