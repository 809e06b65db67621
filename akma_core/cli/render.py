"""`akma render`: a song in, a video out."""

import argparse
import sys
import time
from pathlib import Path

from akma_core.cli.options import Commands, add_files, add_settings, given, named_files
from akma_core.errors import RequestError

WAITED = 0.1  # share of the time from which on waiting for the encoder is worth a word


def add(commands: Commands) -> None:
    """Declare the command."""
    render = commands.add_parser("render", help="render a video", description="Render AUDIO into a video.")
    render.add_argument("audio", type=Path, metavar="AUDIO", help="the song: WAV, FLAC, MP3, OGG, M4A and others")
    render.add_argument(
        "-o",
        "--output",
        type=Path,
        required=True,
        metavar="VIDEO.mp4",
        help="video to write (.mp4, .mov, .mkv); its manifest goes beside it as .json",
    )
    render.add_argument(
        "--manifest",
        type=Path,
        metavar="X.json",
        help="render this manifest again; of the settings only --device, --encoder, and the same networks under other "
        "names (--model, --upscale) go with it (default: none)",
    )
    render.add_argument("--overwrite", action="store_true", help="replace an output made otherwise (default: refuse)")
    add_settings(render)
    add_files(render)
    render.set_defaults(run=run)


def run(options: argparse.Namespace) -> None:
    from akma_core.audio.reader import digest, open_audio
    from akma_core.cli.progress import Progress, clock
    from akma_core.modulation.columns import FILE, dump_columns
    from akma_core.networks.kernels.allocator import keep_mapped
    from akma_core.render.curves import complete, replay
    from akma_core.render.manifest import is_done
    from akma_core.render.output import check_output
    from akma_core.render.pipeline import render_chunks
    from akma_core.render.plan import read_plan
    from akma_core.render.planner import check_plan, make_plan
    from akma_core.render.render_folder import RenderFolder
    from akma_core.render.trajectory import Trajectory
    from akma_core.settings import RenderSettings
    from runners.canvas import choose
    from runners.model_store import resolve
    from runners.network import NetworkRunner, choose_device, device_part
    from runners.realesrgan import find_upscaler, finish, upscale_part

    keep_mapped()  # before any thread begins
    asked, old = given(options), None
    if options.manifest:
        if unwanted := asked.keys() - {"device", "encoder", "model", "upscale"}:
            raise RequestError(f"--manifest decides everything: leave out --{min(unwanted).replace('_', '-')}")
        old = read_plan(_read(options.manifest), options.manifest.name)
        asked = old.settings.model_dump(by_alias=True) | asked
    settings = RenderSettings.parse(asked)
    files = named_files(options)
    check_output(options.output, settings.audio_codec)
    reader = open_audio(options.audio)
    if options.output.exists() and options.output.samefile(options.audio):
        raise RequestError(f"{options.output} is the song itself: choose another name", field="output")
    song = digest(options.audio)
    folder, card = resolve(settings.model)
    device = choose_device(settings.device)
    upscaler = find_upscaler(settings, device)
    if old:
        if song != old.audio.sha256 or reader.info.samples != old.audio.samples:
            raise RequestError(
                f"{options.audio} is not the song of {options.manifest}", code="other_audio", field="audio"
            )
        if card.digest != old.network.digest or max(card.classes, 1) <= old.network.class_index:
            raise RequestError(
                f"model {card.name} is not the network of {options.manifest}", code="other_network", field="model"
            )
        planned = replay(old, reader, card, files)
        plan = planned.plan.replayed(device_part(device, card, settings.shape), settings.encoder)
        check_plan(plan, reader)
    else:
        part, canvas = device_part(device, card, settings.shape), choose(settings.shape, card, folder, settings.canvas)
        plan = make_plan(settings, reader, song, card, part, upscale_part(upscaler), canvas)
        planned = complete(plan, reader, card, files)
        plan = planned.plan
    finishing = finish(plan, upscaler)
    if is_done(options.output, plan, overwrite=options.overwrite):
        print(f"{options.output} is done already: it was made with this very plan")
        return
    for note in dict.fromkeys([*plan.notes, *planned.notes]):
        print(f"note: {note}", file=sys.stderr)
    work = RenderFolder(options.output, plan)
    with work.owned():
        work.keep(FILE, dump_columns(planned.columns))
        todo = work.missing()
        kept = plan.frames - sum(chunk.frames for chunk in todo)
        if kept:
            print(f"going on: {kept} of {plan.frames} frames are there already", file=sys.stderr)
        began = time.monotonic()
        notes: list[str] = []
        if todo:
            size = plan.network.width, plan.network.height
            runner = NetworkRunner(
                folder, device, plan.device.batch, plan.device.dtype, finishing, size,
                noise=plan.network.noise, canvas=plan.network.canvas,
            )  # fmt: skip
            progress = Progress(plan.frames, kept)
            try:
                walk = Trajectory(plan, planned.columns, runner)
                waited = render_chunks(plan, todo, walk, runner, work.path, progress.add)
            finally:
                progress.close()
            notes = runner.notes
            if waited > WAITED:
                print(f"the encoder is the limit: the device waited {100 * waited:.0f} % of the time", file=sys.stderr)
        for note in notes:
            print(f"note: {note}", file=sys.stderr)
        manifest = work.finish(reader, notes)
    seconds = time.monotonic() - began
    speed = (plan.frames - kept) / seconds
    print(f"{options.output}  {plan.width}x{plan.height}, {plan.frames} frames at {plan.fps} fps")
    print(f"{manifest}  the manifest, renders it again")
    print(f"rendered {plan.frames - kept} frames in {clock(seconds)}, {speed:.1f} frames/s with encoding and sound")


def _read(path: Path) -> bytes:
    from akma_core.render.manifest import MAX_MANIFEST

    try:
        if path.stat().st_size > MAX_MANIFEST:
            raise RequestError(f"{path} is too large for a manifest", field="manifest")
        return path.read_bytes()
    except OSError as error:
        raise RequestError(f"cannot read {path}: {error.strerror}", field="manifest") from None
