"""The `akma` command: one line on stderr for whatever goes wrong; exit code 2 for a wrong request, 1 for a failure."""

import argparse
import io
import os
import sys
import time
import traceback
from collections.abc import Iterable, Sequence
from functools import partial
from pathlib import Path
from typing import Any, NoReturn

from akma_core import __version__
from akma_core.errors import AkmaError, FailureError, RequestError

CURVE = ("fps", "window_length", "polyorder", "compression", "original", "start", "duration")


class Parser(argparse.ArgumentParser):
    """argparse with errors of one line, and without abbreviated options: the next release's names would break them."""

    def __init__(self, **arguments: Any) -> None:
        super().__init__(**arguments, allow_abbrev=False)

    def error(self, message: str) -> NoReturn:
        raise RequestError(f"{message} (see {self.prog} --help)", code="bad_arguments")


def main(arguments: Sequence[str] | None = None) -> int:
    """Run one command; returns the exit code."""
    try:
        for stream in (sys.stdout, sys.stderr):  # a name may be no text in this terminal's encoding
            if isinstance(stream, io.TextIOWrapper):
                stream.reconfigure(errors="backslashreplace")
        options = _parser().parse_args(arguments)
        options.run(options)
        sys.stdout.flush()
        return 0
    except AkmaError as error:
        return _say(error.message, error.exit_code)
    except KeyboardInterrupt:
        return _say("interrupted; the same command goes on from the finished chunks", 130)
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


def _say(message: str, code: int) -> int:
    print(f"akma: {message}", file=sys.stderr)
    return code


def _parser() -> Parser:
    parser = Parser(prog="akma", description="A song becomes a video whose motion is the song's loudness.")
    parser.add_argument("--version", action="version", version=f"akma {__version__}")
    commands = parser.add_subparsers(required=True, metavar="COMMAND", parser_class=Parser)

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
        help="render this manifest again; of the settings only --device and --model go with it (default: none)",
    )
    render.add_argument("--overwrite", action="store_true", help="replace an output made otherwise (default: refuse)")
    _add_settings(render)
    render.set_defaults(run=_render)

    waveform = commands.add_parser(
        "waveform", help="look at the curve", description="Write the reactive curve of AUDIO, one value a frame."
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
    _add_settings(waveform, CURVE)
    waveform.set_defaults(run=_waveform)

    seeds = commands.add_parser(
        "seeds", help="look at seeds", description="Write a PNG for each seed, and a contact sheet."
    )
    seeds.add_argument("--seeds", default="0-15", metavar="LIST", help="seeds such as 3,14,15-18 (default: 0-15)")
    seeds.add_argument(
        "-o",
        "--output",
        type=Path,
        required=True,
        metavar="DIR",
        help="folder for seed0000.png ... and sheet.png; made if missing",
    )
    _add_settings(seeds, ("model", "class_index", "truncation_psi", "device"))
    seeds.set_defaults(run=_seeds)

    models = commands.add_parser("models", help="networks: list, show")
    verbs = models.add_subparsers(required=True, metavar="VERB", parser_class=Parser)
    listing = verbs.add_parser("list", help="networks that --model takes by name")
    listing.set_defaults(run=_models_list)
    show = verbs.add_parser("show", help="all about one network")
    show.add_argument("model", help="name or folder")
    show.set_defaults(run=_models_show)
    return parser


def _add_settings(parser: Parser, names: Iterable[str] = ()) -> None:
    """Options for fields of RenderSettings (all of them by default), with its own words as help."""
    from akma_core.settings import RenderSettings

    for name, field in RenderSettings.model_fields.items():
        if names and name not in names:
            continue
        option = field.alias or name
        text = field.description or ""
        if field.default is not None and field.annotation is not bool:
            text = f"{text} (default: {field.default})"
        arguments: dict[str, Any] = (
            {"action": "store_true"} if field.annotation is bool else {"metavar": option.upper()}
        )
        flag = "--" + option.replace("_", "-")
        parser.add_argument(
            flag, dest=f"setting_{option}", default=argparse.SUPPRESS, help=text.replace("%", "%%"), **arguments
        )


def _settings(options: argparse.Namespace) -> dict[str, Any]:
    prefix = "setting_"
    return {key.removeprefix(prefix): value for key, value in vars(options).items() if key.startswith(prefix)}


def _render(options: argparse.Namespace) -> None:
    from akma_core import parts
    from akma_core.audio import digest, loudness, open_audio
    from akma_core.envelope import reactive_curve
    from akma_core.networks import catalog
    from akma_core.plan import make_plan, read_plan
    from akma_core.progress import Progress, clock
    from akma_core.settings import RenderSettings

    asked, old = _settings(options), None
    if options.manifest:
        if unwanted := asked.keys() - {"device", "model"}:
            raise RequestError(f"--manifest decides everything: leave out --{min(unwanted).replace('_', '-')}")
        old = read_plan(_read(options.manifest), options.manifest.name)
        asked = old.settings.model_dump(by_alias=True) | asked
    settings = RenderSettings.parse(asked)
    parts.check_output(options.output, settings.audio_codec)
    reader = open_audio(options.audio)
    if options.output.exists() and options.output.samefile(options.audio):
        raise RequestError(f"{options.output} is the song itself: choose another name", field="output")
    song = digest(options.audio)
    folder, card = catalog.find(settings.model)

    from runners.stylegan3 import StyleGAN3Runner, choose_device, device_part

    device = choose_device(settings.device)
    if old:
        if song != old.audio.sha256 or reader.info.samples != old.audio.samples:
            raise RequestError(
                f"{options.audio} is not the song of {options.manifest}", code="other_audio", field="audio"
            )
        if card.digest != old.network.digest or max(card.classes, 1) <= old.network.class_index:
            raise RequestError(
                f"model {card.name} is not the network of {options.manifest}", code="other_network", field="model"
            )
        plan = old.replayed(device_part(device, card))
        plan.check(reader)
    else:
        plan = make_plan(settings, reader, song, card, device_part(device, card))
    if parts.is_done(options.output, plan, overwrite=options.overwrite):
        print(f"{options.output} is done already: it was made with this very plan")
        return
    for note in plan.notes:
        print(f"note: {note}", file=sys.stderr)

    curve = reactive_curve(
        loudness(reader, plan.fps),
        window_length=plan.curve.window_length,
        polyorder=plan.curve.polyorder,
        compression=plan.curve.compression,
        original=plan.curve.original,
    )
    for note in curve.notes:
        if note not in plan.notes:
            print(f"note: {note}", file=sys.stderr)
    from akma_core.render import Motion, render_chunks

    work = parts.Parts(options.output, plan)
    with work.owned():
        todo = work.missing()
        kept = plan.frames - sum(chunk.frames for chunk in todo)
        if kept:
            print(f"going on: {kept} of {plan.frames} frames are there already", file=sys.stderr)
        began = time.monotonic()
        if todo:
            runner = StyleGAN3Runner(folder, device, plan.device.batch)
            progress = Progress(plan.frames, kept)
            try:
                render_chunks(plan, todo, Motion(plan, curve.values, runner), runner, work.path, progress.add)
            finally:
                progress.close()
        manifest = work.finish(reader)
    seconds = time.monotonic() - began
    speed = (plan.frames - kept) / seconds
    print(f"{options.output}  {plan.network.width}x{plan.network.height}, {plan.frames} frames at {plan.fps} fps")
    print(f"{manifest}  the manifest, renders it again")
    print(f"rendered {plan.frames - kept} frames in {clock(seconds)}, {speed:.1f} frames/s with encoding and sound")


def _waveform(options: argparse.Namespace) -> None:
    from akma_core import parts
    from akma_core.audio import open_audio, scan
    from akma_core.curvefile import FORMATS, write_curve
    from akma_core.envelope import reactive_curve
    from akma_core.plot import COLUMNS
    from akma_core.settings import RenderSettings

    settings = RenderSettings.parse(_settings(options))
    suffix = options.output.suffix.lower()
    if suffix not in FORMATS:
        raise RequestError(f"cannot write {options.output.name}: use {', '.join(FORMATS)}", field="output")
    parts.check_folder(options.output)
    reader = open_audio(options.audio)
    values, peaks = scan(reader, settings.fps, COLUMNS)
    curve = reactive_curve(
        values,
        window_length=settings.window_length,
        polyorder=settings.polyorder,
        compression=settings.compression,
        original=settings.original,
    )
    for note in curve.notes:
        print(f"note: {note}", file=sys.stderr)
    parts.write_whole(options.output, lambda path: write_curve(path, suffix, curve, peaks, settings, reader))
    print(f"{options.output}  {len(curve.values)} frames at {settings.fps} fps, {reader.info.duration:.3f} s of sound")


def _seeds(options: argparse.Namespace) -> None:
    import numpy as np
    from PIL import Image

    from akma_core import parts
    from akma_core.networks import catalog
    from akma_core.plan import NetworkPart
    from akma_core.settings import RenderSettings, parse_seeds
    from akma_core.sheet import contact_sheet

    settings = RenderSettings.parse(_settings(options))
    seeds = parse_seeds(options.seeds)
    folder, card = catalog.find(settings.model)
    if settings.class_index >= max(card.classes, 1):
        raise RequestError(
            f"class {settings.class_index} does not exist: the network has {card.classes}", field="class"
        )
    parts.check_folder(options.output / "sheet.png" if options.output.is_dir() else options.output)

    from runners.stylegan3 import StyleGAN3Runner, choose_device

    device = choose_device(settings.device)
    runner = StyleGAN3Runner(folder, device, 1)
    network = NetworkPart(
        name=card.name, digest=card.digest, width=card.width, height=card.height,
        class_index=settings.class_index, truncation_psi=settings.truncation_psi,
    )  # fmt: skip
    try:
        options.output.mkdir(exist_ok=True)
    except FileExistsError:
        raise RequestError(f"{options.output} is a file: give the name of a folder", field="output") from None
    except OSError as error:
        raise FailureError(f"cannot make folder {options.output}: {error.strerror}", code="write_failed") from None
    pictures = []
    for seed in seeds:
        w = runner.mapping(network, [seed]).astype(np.float32)
        pictures.append(runner.pictures(w)[0].cpu().numpy())
        save = partial(Image.fromarray(pictures[-1]).save, format="PNG")
        parts.write_whole(options.output / f"seed{seed:04d}.png", save)
    sheet = contact_sheet(pictures, [str(seed) for seed in seeds])
    parts.write_whole(options.output / "sheet.png", partial(sheet.save, format="PNG"))
    print(f"{options.output / 'sheet.png'}  {len(seeds)} seeds of {card.name}")


def _models_list(_options: argparse.Namespace) -> None:
    from akma_core.networks import catalog

    for name in catalog.names():
        _, card = catalog.find(name)
        print(f"{name:<20} {card.kind} {card.flavour} {card.width}x{card.height}  {card.digest[:12]}  {card.licence}")


def _models_show(options: argparse.Namespace) -> None:
    from akma_core.networks import catalog

    folder, card = catalog.find(options.model)
    for key, value in {**card.model_dump(mode="json"), "digest": card.digest, "folder": str(folder)}.items():
        print(f"{key:<15} {value}")


def _read(path: Path) -> bytes:
    from akma_core.parts import MAX_MANIFEST

    try:
        if path.stat().st_size > MAX_MANIFEST:
            raise RequestError(f"{path} is too large for a manifest", field="manifest")
        return path.read_bytes()
    except OSError as error:
        raise RequestError(f"cannot read {path}: {error.strerror}", field="manifest") from None


if __name__ == "__main__":
    sys.exit(main())
