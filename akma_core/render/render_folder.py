"""Finished chunks of a render on a local disk, and what they become."""

from collections.abc import Iterable
from pathlib import Path

from akma_core.audio.reader import AudioReader
from akma_core.media.mux import AudioTrack, finish
from akma_core.render.chunk_folder import ChunkFolder
from akma_core.render.flashes import manifest_part, meter_of, note_of, track_of
from akma_core.render.plan import RenderPlan


class RenderFolder(ChunkFolder):
    """The chunks of a render."""

    def __init__(self, video: Path, plan: RenderPlan) -> None:
        super().__init__(video, plan)
        self.plan: RenderPlan = plan

    def finish(self, reader: AudioReader, notes: Iterable[str] = ()) -> Path:
        """Join the segments, add the sound, put manifest and video in place; returns the manifest.

        `notes`: what went otherwise than planned while it was rendered.
        """
        plan = self.plan
        track = AudioTrack(reader, plan.first_sample, plan.last_sample, plan.audio.codec)
        finish([self.path(chunk) for chunk in plan.chunks()], plan.make_encoder(), track, self.whole)
        if plan.flash is None:
            return self.publish(self.whole, [*notes, *track.notes])
        meter = meter_of(plan, (track_of(plan, self.path(chunk)) for chunk in plan.chunks()))
        return self.publish(self.whole, [*notes, *track.notes, *note_of(plan, meter)], manifest_part(plan, meter))
