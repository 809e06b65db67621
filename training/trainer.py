"""The training itself: a generator against a discriminator, until the time is over."""

import json
import math
import time
from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor

from akma_core.errors import FailureError
from akma_core.networks.stylegan3.generator import Generator

from .checkpoint import save_network
from .discriminator import Discriminator
from .ema import AveragedGenerator
from .losses import discriminator_loss, generator_loss, gradient_penalty, likeness_loss
from .options import Options
from .pool import PicturePool
from .sheet import Sheets
from .snapshot import Snapshot
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
DTYPES = {"bfloat16": torch.bfloat16, "float32": torch.float32}
STEPS_AHEAD = 10
"""Steps that a GPU may be behind: the clock is of use only if it is waited for."""


class Trainer:
    """Trains `generator` on the pictures of `pool`; `started` is the monotonic second from which time counts.

    paired: the pool's z is what drew each picture, and the generator learns to draw the like of it from the same z.
    refill: brings new pictures into the pool, called often. sheet_z, sheet_real: see Sheets.
    """

    def __init__(
        self, options: Options, generator: Generator, pool: PicturePool, refill: Callable[[], None],
        sheet_z: Tensor, sheet_real: Tensor, *, paired: bool, facts: dict[str, Any], started: float,
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
        self.learning_rate = options.learning_rate
        self.g_adam = torch.optim.Adam(self.generator.parameters(), self.learning_rate, BETAS, **fused)
        self.d_adam = torch.optim.Adam(self.discriminator.parameters(), self.learning_rate, BETAS, **fused)
        self.snapshot = Snapshot([self.generator, self.ema.average, self.discriminator])
        self.sheets = Sheets(options.out, sheet_real)
        self.sheet_z, self.facts = sheet_z.to(self.device), facts
        self.started = started
        self.end = started + options.minutes * 60
        self.step = self.made = 0
        self.losses: dict[str, Tensor] = {}
        self.moments = list(MOMENTS)

    @property
    def progress(self) -> float:
        """Share of the time that is over, 1 when the last checkpoint is due."""
        usable = self.end - max(FINISH_SECONDS, FINISH * (self.end - self.started)) - self.began
        return min(1.0, (time.monotonic() - self.began) / max(usable, 1e-3))

    def run(self) -> None:
        """Train until the time is over. What was saved last is at most `save_every` seconds old at any moment."""
        self.began = time.monotonic()
        self.save(0.0)
        saved = logged = time.monotonic()
        logged_step = progress = 0.0
        while progress < 1:
            self.refill()
            self.train_step(progress)
            if self.device.type == "cuda" and self.step % STEPS_AHEAD == 0:
                torch.cuda.synchronize()
            now, progress = time.monotonic(), self.progress
            if now - logged >= self.options.log_every:
                self.log(progress, (self.step - logged_step) / (now - logged))
                logged, logged_step = now, self.step
            if now - saved >= self.options.save_every or progress >= self.moments[0]:
                self.save(progress)
                saved = time.monotonic()
        self.log(progress, (self.step - logged_step) / max(1e-3, now - logged))

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
            adversarial = generator_loss(self.discriminator(fake, z, self.dtype))
            self.discriminator.requires_grad_(True)
            self.losses["adversarial"] = adversarial.detach()
            loss = loss + adversarial
        if self.paired:
            likeness = likeness_loss(fake, real)
            self.losses["likeness"] = likeness.detach()
            loss = loss + likeness * (options.likeness_weight * _fall(progress, options.likeness_share))
        self.g_adam.zero_grad(set_to_none=True)
        loss.backward()
        self.g_adam.step()
        self.step += 1
        self.made += options.batch
        self.ema.update(0.5 ** (options.batch / max(1.0, min(options.ema_pictures, self.made / 20))))

    def _train_discriminator(self, real: Tensor, fake: Tensor, z: Tensor) -> None:
        logits = self.discriminator(torch.cat([real, fake]), torch.cat([z, z]), self.dtype)
        (r, f), (r_patch, f_patch) = (each.chunk(2) for each in logits)
        loss = discriminator_loss((r, r_patch), (f, f_patch))
        self.losses["discriminator"] = loss.detach()
        self.losses["real"], self.losses["fake"] = r.detach().mean(), f.detach().mean()
        if self.step % self.options.r1_every == 0:
            part = max(1, len(real) // 2)
            pictures = real[:part].detach().requires_grad_(True)
            penalty = gradient_penalty(self.discriminator(pictures, z[:part], self.dtype), pictures)
            self.losses["r1"] = penalty.detach()
            loss = loss + penalty * (self.options.r1_gamma / 2 * self.options.r1_every)
        self.d_adam.zero_grad(set_to_none=True)
        loss.backward()
        self.d_adam.step()

    @torch.no_grad()
    def pictures(self, z: Tensor) -> Tensor:
        """What the averaged network makes of z."""
        return torch.cat([self.averaged(self.ema.average.mapping(part)) for part in z.split(SHEET_BATCH)])

    def save(self, progress: float) -> None:
        """Write the network and the sheets; a disk that is full now may have room the next time."""
        moment = progress >= self.moments[0] if self.moments else False
        while self.moments and len(self.moments) > 1 and progress >= self.moments[0]:
            self.moments.pop(0)
        if not self.ema.finite():
            self._go_back()
        self.snapshot.keep()
        try:
            save_network(self.ema.average, self.options.out, torch.float32, **self.facts)
            self.sheets.write(self.pictures(self.sheet_z), moment)
        except FailureError as error:
            print(f"not saved: {error}", flush=True)

    def _go_back(self) -> None:
        """Go on from the last weights that were numbers, at half the learning rate."""
        self.snapshot.restore()
        self.learning_rate /= 2
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
