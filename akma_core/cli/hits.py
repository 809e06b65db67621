"""`akma hits`: the hits of a song as a file, to edit and give back with --hits, or as markers for an editor."""

import argparse
from pathlib import Path

from akma_core.cli.options import Commands, add_settings, settings_of


def add(commands: Commands) -> None:
    """Declare the command."""
    hits = commands.add_parser(
        "hits",
        help="write the hits of a song",
        description="Write the hits that are found in AUDIO, or those of --hits: CSV and JSON, which --hits takes "
        "again, EDL (CMX3600) and FCPXML, with markers at --fps for editors.",
    )
    hits.add_argument("audio", type=Path, metavar="AUDIO", help="the song")
    hits.add_argument(
        "-o",
        "--output",
        type=Path,
        required=True,
        metavar="X.{csv,json,edl,fcpxml}",
        help="the kind of file, by its suffix",
    )
    add_settings(hits, ("fps", "hits"))
    hits.set_defaults(run=run)


def run(options: argparse.Namespace) -> None:
    from akma_core.audio.features.analysis import analyse
    from akma_core.audio.reader import open_audio
    from akma_core.files import write_whole
    from akma_core.modulation.edited_hits import Hit
    from akma_core.modulation.hit_export import check_suffix, write_hits
    from akma_core.modulation.song_hits import WANTED, found_hits
    from akma_core.render.output import check_folder
    from akma_core.render.planner import check_hits

    settings, suffix = settings_of(options), options.output.suffix.lower()
    check_suffix(suffix)
    check_folder(options.output)
    reader = open_audio(options.audio)
    check_hits(settings, reader.info.duration)
    if settings.hits is None:
        hits: list[Hit] = found_hits(analyse(reader.blocks(dtype="float32"), reader.info.sample_rate, WANTED))
    else:
        hits = list(settings.hits)
    data = write_hits(suffix, hits, settings.fps, options.audio.name, reader.info.duration)
    write_whole(options.output, lambda path: path.write_bytes(data))
    print(f"{options.output}  {len(hits)} hits")
