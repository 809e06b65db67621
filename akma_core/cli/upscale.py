"""`akma upscale`: finished videos made larger."""

import argparse
import math
import os
import sys
import time
import traceback
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from akma_core.cli.options import Commands, add_settings, settings_of
from akma_core.errors import AkmaError, FailureError, RequestError

if TYPE_CHECKING:
    from akma_core.settings import RenderSettings
    from akma_core.upscale.pipeline import Network

VIDEOS = (
    ".3g2 .3gp .asf .avi .divx .dv .f4v .flv .gif .h264 .h265 .hevc .ivf .m2ts .m2v .m4v .mkv .mov .mp4 .mpeg .mpg "
    ".mts .mxf .nut .ogm .ogv .rm .rmvb .ts .vob .webm .wmv .wtv .y4m"
)


def add(commands: Commands) -> None:
    """Declare the command."""
    upscale = commands.add_parser(
        "upscale",
        help="make finished videos larger",
        description="Make each VIDEO larger by Real-ESRGAN; its times, sound, subtitles and names stay as they are.",
    )
    upscale.add_argument("videos", type=Path, nargs="+", metavar="VIDEO", help="a video, or a folder with videos")
    upscale.add_argument(
        "-o",
        "--output",
        type=Path,
        required=True,
        metavar="DIR",
        help="folder for the results, made if missing: each keeps its name, as .mp4 or .mkv as its sound needs",
    )
    upscale.add_argument(
        "--upscale",
        default="realesr-animevideov3",
        metavar="NAME",
        help="upscaler: a name that `akma models list` gives, or a .pth file (default: realesr-animevideov3, fast)",
    )
    upscale.add_argument(
        "--outscale", type=_outscale, metavar="S", help="how many times larger, 1 to 4 (default: the upscaler's own, 4)"
    )
    upscale.add_argument("--overwrite", action="store_true", help="replace results made otherwise (default: refuse)")
    add_settings(upscale, ("crf", "encoder", "device"))
    upscale.set_defaults(run=run)


def run(options: argparse.Namespace) -> None:
    """Upscale one video after another. What is wrong with one is said in a line, and the others go on."""
    settings = settings_of(options)
    videos = list(_videos(options.videos))

    from akma_core.networks.kernels.allocator import keep_mapped
    from akma_core.render.output import make_folder

    keep_mapped()  # before any thread begins

    make_folder(options.output)

    from runners.network import choose_device
    from runners.realesrgan import open_upscaler

    network = open_upscaler(options.upscale, choose_device(settings.device))
    failed, taken = list[AkmaError](), dict[Path, Path]()
    for number, video in enumerate(videos, 1):
        place = f"[{number}/{len(videos)}] " if len(videos) > 1 else ""
        try:
            _upscale(video, network, options, settings, taken, place)
        except Exception as caught:
            error = _named(caught, video)
            if len(videos) == 1 or error.code == "disk_full":  # the next would not find room either
                raise error from caught
            print(f"akma: {error.message}", file=sys.stderr)
            failed.append(error)
    if failed:
        kind = FailureError if any(isinstance(error, FailureError) for error in failed) else RequestError
        raise kind(f"{len(failed)} of {len(videos)} videos failed, see above; the others are done", code="some_failed")


def _named(error: Exception, video: Path) -> AkmaError:
    """Error of a video, in one line with its name; an error of ours says that it is one."""
    if isinstance(error, MemoryError):
        return FailureError(f"{video.name}: out of memory: close other programs, or choose a smaller upscaler")
    if not isinstance(error, AkmaError):
        if os.environ.get("AKMA_DEBUG"):
            traceback.print_exception(error)
        detail = " ".join(f"{type(error).__name__}: {error}".split())[:300]
        message = f"{video.name}: internal error ({detail}); AKMA_DEBUG=1 shows where, please report it"
        return FailureError(message, code="internal_error")
    if video.name in error.message or video.stem in error.message:
        return error
    return type(error)(f"{video.name}: {error.message}", code=error.code, field=error.field)


def _upscale(
    video: Path,
    network: "Network",
    options: argparse.Namespace,
    settings: "RenderSettings",
    taken: dict[Path, Path],
    place: str,
) -> None:
    from akma_core.cli.progress import Progress, clock
    from akma_core.media.video_reader import open_video
    from akma_core.render.manifest import is_done, manifest_path
    from akma_core.render.output import check_folder
    from akma_core.upscale.pipeline import UpscaleOutput, make_plan

    clip = open_video(video)
    plan = make_plan(clip, network, options.outscale, settings.crf, settings.encoder)
    output: Path = options.output / (video.stem + plan.suffix)
    other = taken.setdefault(manifest_path(output), video)
    if other != video:
        message = f"{video}: {other} has the same name, and its result goes to {options.output} too: give another -o"
        raise RequestError(message, code="output_exists", field="output")
    check_folder(output)
    if output.exists() and output.samefile(video):
        raise RequestError(f"{video}: its result would replace it: give another -o", code="bad_output", field="output")
    if is_done(output, plan, overwrite=options.overwrite):
        print(f"{place}{output} is done already: it was made with this very plan")
        return
    for note in plan.notes:
        print(f"note: {video.name}: {note}", file=sys.stderr)
    work = UpscaleOutput(output, plan, clip)
    with work.owned():
        kept = plan.frames - sum(chunk.frames for chunk in work.missing())
        print(f"{place}{video.name}  {plan.frames} frames, {clip.look.width}x{clip.look.height} -> "
              f"{plan.width}x{plan.height}", file=sys.stderr)  # fmt: skip
        if kept:
            print(f"going on: {kept} of {plan.frames} frames are there already", file=sys.stderr)
        began = time.monotonic()
        notes: Sequence[str] = ()
        if kept < plan.frames:
            progress = Progress(plan.frames, kept)
            try:
                notes = work.upscale(network, progress.add)
            finally:
                progress.close()
        for note in notes:
            print(f"note: {video.name}: {note}", file=sys.stderr)
        try:
            work.finish(notes)
        except FailureError as error:
            message = (
                f"{error.message} (its {plan.frames} finished frames are kept: the same command goes on with them)"
            )
            raise FailureError(message, code=error.code, field=error.field) from error
    seconds = time.monotonic() - began
    speed = f"{(plan.frames - kept) / seconds:.1f} frames/s with decoding and encoding"
    print(f"{place}{output}  {plan.width}x{plan.height}, {plan.frames} frames in {clock(seconds)}, {speed}")


def _videos(paths: Sequence[Path]) -> Iterator[Path]:
    """Files as they were given, and the videos in folders, by name. RequestError for a folder without any."""
    for path in paths:
        if not path.is_dir():
            yield path
            continue
        try:
            inside = sorted(file for file in path.iterdir() if _is_video(file))
        except OSError as error:
            raise RequestError(f"cannot read folder {path}: {error.strerror}", field="videos") from None
        if not inside:
            raise RequestError(f"folder {path} has no videos in it", code="no_videos", field="videos")
        yield from inside


def _is_video(file: Path) -> bool:
    return file.suffix.lower() in VIDEOS.split() and not file.name.startswith(".") and file.is_file()


def _outscale(text: str) -> float:
    try:
        scale = float(text)
    except ValueError:
        scale = math.nan
    if not 1 <= scale <= 4:
        raise argparse.ArgumentTypeError(f"should be a number from 1 to 4, not {text[:40]!r}")
    return scale
