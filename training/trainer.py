"""The training itself: a generator against a discriminator, until the time is over."""

import json
import math
import time
from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor

from akma_core.errors import FailureError, RequestError
from akma_core.networks.stylegan3.file import build
from akma_core.networks.stylegan3.generator import Generator

from .augment import Augmentation
from .checkpoint import restore, save_network, save_state
from .discriminator import Discriminator
from .distance import Distance
from .ema import AveragedGenerator
from .losses import discriminator_loss, generator_loss, gradient_penalty, likeness_loss
from .options import Options
from .pool import PicturePool
from .sheet import Sheets
from .snapshot import Snapshot
from .state import tensors_of
from .synthesis import TrainableSynthesis

BETAS = 0.0, 0.99
ALONE_BETAS = 0.9, 0.99
ALONE_RATE = 2.0
"""Factor of the learning rate while likeness is trained alone."""
FINISH = 0.02
"""Share of the time kept for the last checkpoint, at least FINISH_SECONDS."""
FINISH_SECONDS = 4.0
MOMENTS = 0.0, 0.1, 0.2, 0.35, 0.5, 0.75, 1.0
"""Shares of the time whose pictures are kept as rows of progress."""
SHEET_BATCH = 8
MEASURING = 0.05
"""Share of the time in which the distance is measured."""
DTYPES = {"bfloat16": torch.bfloat16, "float32": torch.float32}
STEPS_AHEAD = 10
"""Steps that a GPU may be behind: the clock is of use only if it is waited for."""


class Trainer:
    """Trains `generator` on the pictures of `pool`; `started` is the monotonic second from which time counts.

    paired: the pool's z is what drew each picture, and the generator learns to draw the like of it from the same z.
    refill: brings new pictures into the pool, called often. sheet_z, sheet_real: see Sheets. distance: measured with
    each checkpoint.
    """

    def __init__(
        self, options: Options, generator: Generator, pool: PicturePool, refill: Callable[[], None],
        sheet_z: Tensor, sheet_real: Tensor, *, paired: bool, facts: dict[str, Any], started: float,
        distance: Distance | None = None,
    ) -> None:  # fmt: skip
        self.options, self.pool, self.refill, self.paired = options, pool, refill, paired
        self.device = torch.device(options.device)
        self.dtype = DTYPES[options.dtype or ("bfloat16" if self.device.type == "cuda" else "float32")]
        self.generator = generator.requires_grad_(True)
        self.synthesis = TrainableSynthesis(generator, self.dtype).to(self.device)
        self.ema = AveragedGenerator(generator)
        self.averaged = TrainableSynthesis(self.ema.average, self.dtype, self.synthesis.resampling)
        z_dim = generator.z_dim if paired else 0
        self.discriminator = Discriminator(
            generator.img_resolution, options.channels, options.channels_max, z_dim, generator.img_channels
        ).to(self.device)
        fused = {"fused": True} if self.device.type == "cuda" else {}
        self.slower = 1.0
        """Factor of the learning rate, halved whenever the training has diverged."""
        self.g_adam = torch.optim.Adam(self.generator.parameters(), options.learning_rate, BETAS, **fused)
        self.d_adam = torch.optim.Adam(self.discriminator.parameters(), options.learning_rate, BETAS, **fused)
        self.snapshot = Snapshot([self.generator, self.ema.average, self.discriminator])
        target = options.augment_target
        self.augment = None if target is None else Augmentation(target, options.augment_pictures)
        self.sheets = Sheets(options.out, sheet_real)
        self.sheet_z, self.facts, self.distance = sheet_z.to(self.device), facts, distance
        random = torch.Generator().manual_seed(options.seed)  # the same z in every run
        count = distance.count if distance else 0
        self.measured_z = torch.randn(count, generator.z_dim, generator=random).to(self.device)
        self.started = self.began = started
        self.speed = 0.0
        self.spent = self.measured = self.measuring = 0.0
        self.step = self.made = 0
        self.losses: dict[str, Tensor | float] = {}
        self.moments = list(MOMENTS)

    @property
    def learning_rate(self) -> float:
        return self.options.learning_rate * self.slower

    @property
    def progress(self) -> float:
        """Share of the time that is over, 1 when the last checkpoint is due; earlier runs took `spent` seconds."""
        total = self.options.minutes * 60
        left = total - self.spent
        usable = left - max(FINISH_SECONDS, FINISH * left, 1.5 * self.measuring) - (self.began - self.started)
        share = min(1.0, (time.monotonic() - self.began) / max(usable, 1e-3))
        return 1 - (1 - share) * min(1.0, max(0.0, left / total))

    def resume(self, facts: dict[str, Any]) -> None:
        """Go on from the state in the folder; RequestError where it is of other options."""
        for name, value in self._made_of().items():
            if facts.get(name) != value:
                message = f"{self.options.out} holds a training of another {name}: give its options, or another --out"
                raise RequestError(message, code="bad_state", field="out")
        restore(self.options.out, self._tensors())
        self.step, self.made, self.spent = int(facts["step"]), int(facts["made"]), float(facts["spent"])
        self.slower = float(facts["slower"])
        if self.augment:
            self.augment.p = float(facts["p"])
        self.snapshot.keep()
        share = self.spent / (self.options.minutes * 60)
        self.moments = [moment for moment in MOMENTS[:-1] if moment > share] + [MOMENTS[-1]]
        self.sheets.resume()
        print(f"goes on from step {self.step}, after {self.spent:.0f} s of training", flush=True)

    def run(self) -> None:
        """Train until the time is over. What was saved last is at most `save_every` seconds old at any moment."""
        self.began = time.monotonic()
        progress = self.progress
        if not self.step:
            self.save(progress, needed=True)
        try:
            progress = self._loop(progress)
        except KeyboardInterrupt:
            self.save(self.progress)
            raise
        self.save(progress, needed=True)
        self.log(progress, self.speed)

    def _loop(self, progress: float) -> float:
        saved = logged = time.monotonic()
        logged_step = self.step
        while progress < 1:
            self.refill()
            self.train_step(progress)
            if self.device.type == "cuda" and self.step % STEPS_AHEAD == 0:
                torch.cuda.synchronize()
            now, progress = time.monotonic(), self.progress
            if now - logged >= self.options.log_every:
                self.log(progress, (self.step - logged_step) / (now - logged))
                logged, logged_step = now, self.step
            if progress < 1 and (now - saved >= self.options.save_every or progress >= self.moments[0]):
                self.save(progress)
                saved = time.monotonic()
        self.speed = (self.step - logged_step) / max(1e-3, time.monotonic() - logged)
        return progress

    def train_step(self, progress: float) -> None:
        """One step of both networks, or of the generator by likeness alone at the start."""
        options = self.options
        alone = progress < (options.likeness_share if self.paired else 0.0)
        # Without an opponent there is a minimum to go to, so that speed and momentum do no harm.
        rate = self.learning_rate * (ALONE_RATE if alone else _decay(progress, options.decay_from))
        for adam in (self.g_adam, self.d_adam):
            for group in adam.param_groups:
                group["lr"], group["betas"] = rate, ALONE_BETAS if alone else BETAS
        real, z = self.pool.sample(options.batch)
        if not self.paired:
            z = torch.randn(options.batch, self.generator.z_dim, device=self.device)
        ws = self.generator.mapping(z)
        with torch.no_grad():
            w_avg = self.generator.mapping.w_avg
            w_avg.lerp_(ws[:, 0].mean(0), 0.01)
        fake = self.synthesis(ws, 0.5 ** (options.batch / options.magnitude_pictures))
        loss = torch.zeros((), device=self.device)
        if not alone:
            self._train_discriminator(real, fake.detach(), z)
            self.discriminator.requires_grad_(False)
            adversarial = generator_loss(self.discriminator(self._augmented(fake), z, self.dtype))
            self.discriminator.requires_grad_(True)
            self.losses["adversarial"] = adversarial.detach()
            loss = loss + adversarial
        if self.paired:
            likeness = likeness_loss(fake, real)
            self.losses["likeness"] = likeness.detach()
            loss = loss + likeness * (options.likeness_weight * _fall(progress, options.likeness_share))
        self.g_adam.zero_grad(set_to_none=True)
        loss.backward()  # type: ignore[no-untyped-call]
        self.g_adam.step()
        self.step += 1
        self.made += options.batch
        self.ema.update(0.5 ** (options.batch / max(1.0, min(options.ema_pictures, self.made / 20))))

    def _augmented(self, pictures: Tensor) -> Tensor:
        return pictures if self.augment is None else self.augment(pictures)

    def _train_discriminator(self, real: Tensor, fake: Tensor, z: Tensor) -> None:
        real, fake = self._augmented(real), self._augmented(fake)
        logits = self.discriminator(torch.cat([real, fake]), torch.cat([z, z]), self.dtype)
        (r, f), (r_patch, f_patch) = (each.chunk(2) for each in logits)
        loss = discriminator_loss((r, r_patch), (f, f_patch))
        self.losses["discriminator"] = loss.detach()
        if self.augment:
            self.augment.observe(r)
            self.losses["augmented"], self.losses["r_t"] = self.augment.p, self.augment.r_t
        self.losses["real"], self.losses["fake"] = r.detach().mean(), f.detach().mean()
        if self.step % self.options.r1_every == 0:
            part = max(1, len(real) // 2)
            pictures = real[:part].detach().requires_grad_(True)
            penalty = gradient_penalty(self.discriminator(pictures, z[:part], self.dtype), pictures)
            self.losses["r1"] = penalty.detach()
            loss = loss + penalty * (self.options.r1_gamma / 2 * self.options.r1_every)
        self.d_adam.zero_grad(set_to_none=True)
        loss.backward()  # type: ignore[no-untyped-call]
        self.d_adam.step()

    @torch.no_grad()
    def pictures(self, z: Tensor) -> Tensor:
        """Make the averaged network's pictures of z."""
        if self.device.type == "cpu":  # its compiled kernels are eight times as fast where no gradients are wanted
            ordinary = build(self.ema.average.cfg, self.ema.average.state_dict())
            return torch.cat([ordinary(part) for part in torch.split(z, SHEET_BATCH)])
        return torch.cat([self.averaged(self.ema.average.mapping(part)) for part in torch.split(z, SHEET_BATCH)])

    def save(self, progress: float, needed: bool = False) -> None:
        """Write state, network and sheets; a disk that is full now may have room the next time, unless it is `needed`.

        FailureError: what was saved before is there.
        """
        moment = progress >= self.moments[0]
        while len(self.moments) > 1 and progress >= self.moments[0]:
            self.moments.pop(0)
        if not self.ema.finite():
            self._go_back()
        self.snapshot.keep()
        self._measure(progress)
        seconds = self.spent + time.monotonic() - self.started
        facts = self._made_of() | {"step": self.step, "made": self.made, "slower": self.slower}
        facts |= {"spent": max(seconds, self.options.minutes * 60) if progress >= 1 else seconds}
        facts |= {"p": self.augment.p if self.augment else 0.0}
        try:
            save_state(self.options.out, self._tensors(), facts)
            save_network(self.ema.average, self.options.out, self.step, **self.facts)
            self.sheets.write(self.pictures(self.sheet_z), moment)
        except FailureError as error:
            if needed:
                raise
            print(f"not saved: {error}", flush=True)

    def _measure(self, progress: float) -> None:
        """Measure the distance, in at most MEASURING of the time, and at the end."""
        began = time.monotonic()
        due = self.step and (began - self.measured > self.measuring / MEASURING or progress >= 1)
        if self.distance and due:
            self.losses["distance"] = self.distance.of(self.pictures(self.measured_z))
            self.measured = time.monotonic()
            self.measuring = self.measured - began

    def _made_of(self) -> dict[str, Any]:
        """Facts that a state has in common with the training that can go on from it, as JSON has them."""
        return {
            "pictures": "the sea" if self.paired else "a folder",
            "config": self.generator.cfg.model_dump(mode="json"),
            "discriminator": [self.options.channels, self.options.channels_max],
        }

    def _tensors(self) -> dict[str, Tensor]:
        modules = {"generator": self.generator, "average": self.ema.average, "discriminator": self.discriminator}
        optimizers = {"generator_adam": self.g_adam, "discriminator_adam": self.d_adam}
        sheet = {"sheet.z": self.sheet_z, "sheet.real": self.sheets.real}
        return tensors_of(modules, optimizers) | sheet

    def _go_back(self) -> None:
        """Go on from the last weights that were numbers, at half the learning rate."""
        self.snapshot.restore()
        self.slower /= 2
        self.g_adam.state.clear()
        self.d_adam.state.clear()
        print(f"diverged at step {self.step}: back to the last checkpoint, learning rate halved", flush=True)

    def log(self, progress: float, speed: float) -> None:
        """Append a line to log.jsonl and print it."""
        values = {name: round(float(value), 5) for name, value in self.losses.items()}
        seconds = round(time.monotonic() - self.started, 1)
        line = {"seconds": seconds, "progress": round(progress, 4), "step": self.step, "made": self.made}
        line |= {"steps_per_second": round(speed, 3), "pictures": self.pool.added} | values
        text = json.dumps(line)
        print(text, flush=True)
        try:
            with (self.options.out / "log.jsonl").open("a", encoding="utf-8") as file:
                file.write(text + "\n")
        except OSError as error:
            print(f"not logged: {error}", flush=True)


def _decay(progress: float, start: float) -> float:
    """1 until `start`, then falling to a tenth as a cosine."""
    share = min(1.0, max(0.0, (progress - start) / (1 - start)))
    return 0.1 + 0.9 * 0.5 * (1 + math.cos(math.pi * share))


def _fall(progress: float, alone: float) -> float:
    """1 while likeness is trained alone, then falling to a fifth in the next third of the time."""
    share = min(1.0, max(0.0, (progress - alone) / 0.3))
    return 1 - 0.8 * share
