"""The training loop of all stages: resumable, seeded and logged.

The data of a step depend on the seed and the number of the step alone, so a resumed training ends
with the same weights as an uninterrupted one.
"""

import hashlib
import json
import math
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

import torch
from torch import Tensor, nn
from torch.optim.swa_utils import AveragedModel, get_ema_multi_avg_fn

from demo.settings import StageSettings

SAVE_EVERY_S = 60.0
LOG_EVERY_STEPS = 25
WARMUP_STEPS = 100
FINAL_LEARNING_RATE_SHARE = 0.02
GRADIENT_NORM = 1.0


class Stage(Protocol):
    """A training stage: a module, and a loss on data drawn with a seeded generator."""

    name: str
    module: nn.Module

    def loss(self, batch: int, progress: float, generator: torch.Generator) -> Tensor:
        """The loss of one batch; `progress` runs from 0 to 1."""
        ...


@dataclass(frozen=True, slots=True, kw_only=True)
class StageResult:
    """The progress of a stage: steps done, and steps in all."""

    steps_done: int
    steps: int

    @property
    def finished(self) -> bool:
        """Whether all steps are done."""
        return self.steps_done >= self.steps


def train_stage(
    stage: Stage,
    settings: StageSettings,
    *,
    seed: int,
    folder: Path,
    stop_after: int | None = None,
) -> StageResult:
    """Train `stage` to its end, or for `stop_after` further steps, resuming from its saved state.

    Writes the state to `folder/NAME.pt` and the log to `folder/NAME.log.jsonl`. At the end,
    `stage.module` has the averaged weights.
    """
    folder.mkdir(parents=True, exist_ok=True)
    run = _Run(stage, settings, folder)
    first = run.step
    last = settings.steps if stop_after is None else min(settings.steps, first + stop_after)
    saved_at = time.monotonic()
    for step in range(first, last):
        run.advance(_generator(seed, stage.name, step))
        if time.monotonic() - saved_at > SAVE_EVERY_S:
            run.save()
            saved_at = time.monotonic()
    if last > first:
        run.save()
    run.use_average()
    return StageResult(steps_done=run.step, steps=settings.steps)


class _Run:
    """The state of a stage in training."""

    def __init__(self, stage: Stage, settings: StageSettings, folder: Path) -> None:
        self.stage, self.settings = stage, settings
        self.path = folder / f"{stage.name}.pt"
        self.log_path = log_path(folder, stage.name)
        self.step = 0
        self.cpu_s = 0.0
        self.wall_s = 0.0
        self.logged_at_s = 0.0
        self.losses: list[Tensor] = []
        self.average = AveragedModel(
            stage.module, multi_avg_fn=get_ema_multi_avg_fn(settings.average), use_buffers=True
        )
        self.optimizer = torch.optim.AdamW(
            [p for p in stage.module.parameters() if p.requires_grad],
            lr=settings.learning_rate,
            weight_decay=0.01,
        )
        if self.path.exists():
            self._load()

    def advance(self, generator: torch.Generator) -> None:
        """Run a step of the optimizer, and update the averaged weights."""
        cpu, wall = time.process_time(), time.monotonic()
        for group in self.optimizer.param_groups:
            group["lr"] = learning_rate(self.settings, self.step)
        self.stage.module.train()
        self.optimizer.zero_grad(set_to_none=True)
        loss = self.stage.loss(self.settings.batch, self.step / self.settings.steps, generator)
        loss.backward()
        nn.utils.clip_grad_norm_(self.stage.module.parameters(), GRADIENT_NORM)
        self.optimizer.step()
        self.average.update_parameters(self.stage.module)
        self.step += 1
        self.losses.append(loss.detach())
        logs = self.step % LOG_EVERY_STEPS == 0 or self.step == self.settings.steps
        # reading a loss waits for the GPU, so it is not done at every step
        losses = [loss.item() for loss in self.losses] if logs else []
        self.cpu_s += time.process_time() - cpu
        self.wall_s += time.monotonic() - wall
        if logs:
            self._log(losses)

    def use_average(self) -> None:
        """Load the averaged weights into the stage's module, in evaluation mode."""
        self.stage.module.load_state_dict(self.average.module.state_dict())
        self.stage.module.eval()

    def save(self) -> None:
        """Write the state; if the process is killed, the previous one is kept."""
        partial = self.path.with_suffix(".pt.partial")
        torch.save(
            {
                "step": self.step,
                "cpu_s": self.cpu_s,
                "wall_s": self.wall_s,
                "module": self.stage.module.state_dict(),
                "average": self.average.state_dict(),
                "optimizer": self.optimizer.state_dict(),
            },
            partial,
        )
        partial.replace(self.path)

    def _load(self) -> None:
        # on the CPU first, as the training may resume on another device
        saved = torch.load(self.path, weights_only=True, map_location="cpu")
        self.step, self.cpu_s, self.wall_s = saved["step"], saved["cpu_s"], saved["wall_s"]
        self.logged_at_s = self.wall_s
        self.stage.module.load_state_dict(saved["module"])
        self.average.load_state_dict(saved["average"])
        self.optimizer.load_state_dict(saved["optimizer"])
        kept = [row for row in read_log(self.log_path) if row["step"] <= self.step]
        self.log_path.write_text("".join(json.dumps(row) + "\n" for row in kept))

    def _log(self, losses: list[float]) -> None:
        images, seconds = len(losses) * self.settings.batch, self.wall_s - self.logged_at_s
        self.logged_at_s = self.wall_s
        row = {
            "step": self.step,
            "loss": round(sum(losses) / len(losses), 6),
            "learning_rate": learning_rate(self.settings, self.step - 1),
            "cpu_s": round(self.cpu_s, 1),
            "wall_s": round(self.wall_s, 1),
            "pictures_per_s": round(images / seconds, 1),
        }
        self.losses.clear()
        with self.log_path.open("a") as log:
            log.write(json.dumps(row) + "\n")


def learning_rate(settings: StageSettings, step: int) -> float:
    """Linear warm-up, then cosine decay to a fiftieth."""
    warmup = min(WARMUP_STEPS, max(1, settings.steps // 10))
    if step < warmup:
        return settings.learning_rate * (step + 1) / warmup
    progress = (step - warmup) / max(1, settings.steps - warmup)
    share = FINAL_LEARNING_RATE_SHARE
    return settings.learning_rate * (share + (1 - share) * 0.5 * (1 + math.cos(math.pi * progress)))


def log_path(folder: Path, stage: str) -> Path:
    """The log of the stage of this name."""
    return folder / f"{stage}.log.jsonl"


def read_log(path: Path) -> Iterator[dict[str, float]]:
    """The rows of a stage's log, up to an incomplete last line."""
    if not path.exists():
        return
    for line in path.read_text().splitlines():
        try:
            yield json.loads(line)
        except ValueError:
            return


def _generator(seed: int, name: str, step: int) -> torch.Generator:
    digest = hashlib.sha256(f"{seed} {name} {step}".encode()).digest()
    return torch.Generator().manual_seed(int.from_bytes(digest[:7], "little"))
