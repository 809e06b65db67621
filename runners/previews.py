"""Pictures before a render: frames of what it will be, a short clip of them, what a network makes of seeds."""

import io
import tempfile
import time
from collections import OrderedDict
from collections.abc import Callable
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path
from typing import Any

import numpy as np
import torch
from PIL import Image

from akma_core.audio.features.analysis_file import load_analysis
from akma_core.audio.reader import AudioReader, open_audio
from akma_core.errors import FailureError
from akma_core.media.encoder import Encoder
from akma_core.media.mux import AudioTrack, finish
from akma_core.media.resize import fill
from akma_core.media.segment import SegmentWriter
from akma_core.media.still import jpeg, png
from akma_core.media.yuv import rgb_to_yuv420
from akma_core.modulation.song import Heard
from akma_core.modulation.types import Columns
from akma_core.render.plan import RenderPlan
from akma_core.settings import RenderSettings
from akma_core.storage import Storage
from akma_core.storage.layout import seed_key
from akma_core.timeline import every_kth, sample_at
from runners.device import Device

KEPT = 4  # songs, and plans, that are at hand
MAX_FEATURES = 1 << 30  # bytes
CLIP_CRF = 24.0
Request = dict[str, Any]


class WithdrawnError(Exception):
    """Nobody waits for this any more."""


@dataclass(frozen=True)
class _Song:
    reader: AudioReader
    heard: Heard


class Previews:
    """Pictures and clips that a worker makes for the API, on its device; one thread at a time."""

    def __init__(self, storage: Storage, device: Device, folder: Path) -> None:
        """`folder`: this worker's own, made when something is put there."""
        self._storage, self._device, self._folder = storage, device, folder
        self._songs: OrderedDict[tuple[str, ...], _Song] = OrderedDict()
        self._plans: OrderedDict[str, tuple[RenderPlan, Columns]] = OrderedDict()

    def stills(self, request: Request) -> Request:
        """PNGs of the frames at some seconds, before the upscaler; their keys in storage."""
        plan, columns, _ = self._planned(request)
        width, height = request["size"]
        last = plan.first_frame + plan.frames - 1
        frames = [min(max(plan.first_frame, round(each * plan.fps)), last) for each in request["times"]]
        stills = []
        for index, (frame, picture) in enumerate(zip(frames, self._device.frames(plan, columns, frames), strict=True)):
            key = f"previews/{request['id']}/{index:02d}.png"
            shown = fill(torch.from_numpy(picture)[None], height, width)[0].numpy()
            self._storage.put_bytes(key, png(Image.fromarray(shown)))
            stills.append({"time": float(frame / plan.fps), "frame": frame, "key": key})
        return {"stills": stills}

    def clip(self, request: Request, is_wanted: Callable[[], bool] = lambda: True) -> Request:
        """A video of every k-th frame from `start` on, with the sound; WithdrawnError once nobody waits for it."""
        began = time.perf_counter()
        plan, columns, reader = self._planned(request)
        width, height = request["size"]
        shown = range(plan.first_frame, plan.first_frame + plan.frames)
        frames = every_kth(shown, plan.fps, request["start"], request["duration"], Fraction(request["fps"]))
        fps = plan.fps / frames.step
        encoder = Encoder(
            width=width, height=height, fps=fps, crf=CLIP_CRF, preset="superfast", gop=len(frames), threads=1
        )
        with tempfile.TemporaryDirectory(dir=self._made_folder()) as name:
            segment, whole = Path(name, "segment.mp4"), Path(name, "clip.mp4")
            with SegmentWriter(segment, encoder) as writer:
                for pictures in self._device.every(plan, columns, frames):
                    if not is_wanted():
                        raise WithdrawnError
                    rgb = fill(torch.from_numpy(pictures), height, width).contiguous()
                    writer.write(rgb_to_yuv420(rgb).numpy())
            rate, samples = plan.audio.sample_rate, plan.audio.samples
            first = min(sample_at(frames.start, plan.fps, rate), samples - 1)
            stop = min(sample_at(frames.start + len(frames) * frames.step, plan.fps, rate), samples)
            finish([segment], encoder, AudioTrack(reader, first, max(stop, first + 1), "aac"), whole)
            key = f"previews/{request['id']}/clip.mp4"
            self._storage.put_file(key, whole)
        told = {"frames": len(frames), "first_frame": frames.start, "step": frames.step, "fps": str(fps)}
        return {"key": key, "seconds": time.perf_counter() - began, **told}

    def seeds(self, request: Request) -> Request:
        """A JPEG of each seed, of `size` pixels on its longest side; where they are put the request says by `look`."""
        settings, size = RenderSettings.parse(request["settings"]), request["size"]
        for seed, picture in zip(request["seeds"], self._device.stills(settings, request["seeds"]), strict=True):
            key = seed_key(request["digest"], request["look"], seed)
            self._storage.put_bytes(key, jpeg(Image.fromarray(picture), size))
        return {}

    def measure(self, request: Request) -> Request:
        """Time that this device takes for a picture and for an upscaled pixel."""
        picture, pixel = self._device.seconds_a_picture(RenderSettings.parse(request["settings"]))
        return {"picture": picture, "pixel": pixel, "device": self._device.name}

    def _planned(self, request: Request) -> tuple[RenderPlan, Columns, AudioReader]:
        """The plan of the render without its upscaler and its size, with its columns, and the song."""
        song = self._song(request["audio"], request["features"], request["loudness"])
        plain: dict[str, Any] = {"upscale": "none", "outscale": None, "size": None}
        if request["any_size"]:  # the network itself computes pictures of that size
            plain["size"] = "{}x{}".format(*request["size"])
        settings = RenderSettings.parse(request["settings"]).model_copy(update=plain)
        stems: dict[str, list[str]] = request.get("stems") or {}  # an API of before sends none
        key = f"{request['audio']} {settings.model_dump_json(by_alias=True)} {sorted(stems.items())}"
        if key not in self._plans:
            plan = self._device.plan(settings, song.reader, request["song"])
            heard = {name: self._heard(*keys) for name, keys in stems.items()}
            planned = self._device.complete(plan, song.reader, song.heard, stems=heard)
            self._plans[key] = planned.plan, planned.columns
        self._plans.move_to_end(key)
        while len(self._plans) > KEPT:
            self._plans.popitem(last=False)
        return *self._plans[key], song.reader

    def _song(self, *keys: str) -> _Song:
        if keys not in self._songs:
            audio, features, loud = keys
            path = self._storage.local_path(audio)
            if path is None:
                path = self._made_folder() / audio.replace("/", "-")
                self._storage.get_file(audio, path)
            self._songs[keys] = _Song(open_audio(path), self._heard(features, loud))
        self._songs.move_to_end(keys)
        while len(self._songs) > KEPT:
            (audio, *_), _ = self._songs.popitem(last=False)
            if audio not in {each[0] for each in self._songs}:
                (self._folder / audio.replace("/", "-")).unlink(missing_ok=True)
        return self._songs[keys]

    def _heard(self, features: str, loud: str) -> Heard:
        heard = load_analysis(self._storage.get_bytes(features, MAX_FEATURES))
        if heard is None:
            raise FailureError("the features of the song are of another AKMA: ask again", code="bad_features")
        values = np.load(io.BytesIO(self._storage.get_bytes(loud, MAX_FEATURES)), allow_pickle=False)
        return Heard(heard, values)

    def _made_folder(self) -> Path:
        self._folder.mkdir(parents=True, exist_ok=True)
        return self._folder
