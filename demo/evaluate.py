"""`python -m demo.evaluate`: evaluates the demo's bundle on the test split, which tuned nothing.

It also evaluates other numbers of steps, and the autoencoder alone, whose latents are decoded
without noise and denoising.
"""

import json
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

import click
import numpy as np

from demo.bootstrap import intervals
from demo.drawing.dataset import HELD_OUT_DEFECTS, Sample, draw_split
from demo.metrics import (
    Figures,
    Scored,
    by_class,
    by_kind,
    mean_over_classes,
    split_classes,
)
from demo.settings import load_settings
from diad_deploy.arrays import FloatArray
from diad_deploy.backends.onnxruntime.cpu import OnnxRuntimeStages
from diad_deploy.bundle.folder import Bundle, builtin_bundle
from diad_deploy.cli.console import run_command
from diad_deploy.diffusion import pipeline
from diad_deploy.diffusion.schedule import ddim_steps, make_schedule, published_alphas_cumprod
from diad_deploy.diffusion.stages import Stages
from diad_deploy.images.preprocess import prepare_batch

BATCH = 8
OTHER_STEPS = (1, 2, 5)

Results = tuple[FloatArray, FloatArray]


@dataclass(frozen=True, slots=True, kw_only=True)
class Evaluation:
    """AUROC of the model by class and by kind of defect, and the mean of its variants.

    `classes`, `mean` and `autoencoder_only` hold `image_auroc`, `pixel_auroc`, and the ends of
    their 95 % bootstrap intervals: `image_low`, `image_high`, `pixel_low`, `pixel_high`.
    """

    classes: dict[str, Figures]
    mean: Figures
    kinds: dict[str, Figures]
    autoencoder_only: Figures
    steps: dict[str, Figures]
    pictures: int

    def as_json(self) -> dict[str, object]:
        """Everything as dictionaries; kinds that are only in the test split are marked."""
        return {
            "mean": self.mean,
            "classes": self.classes,
            "kinds": {
                kind: {**figures, "held_out": kind in HELD_OUT_DEFECTS}
                for kind, figures in self.kinds.items()
            },
            "autoencoder_only": self.autoencoder_only,
            "steps": self.steps,
            "pictures": self.pictures,
        }


class Model:
    """The stages and noise of a bundle, for batches of prepared images."""

    def __init__(self, bundle: Bundle) -> None:
        self.bundle = bundle
        self.stages: Stages[FloatArray] = OnnxRuntimeStages.open(bundle)
        self.noise, self.posterior_noise = bundle.noise()

    def detect(self, batch: FloatArray, steps: int) -> Results:
        """Anomaly maps and scores after `steps` DDIM steps of the bundle's spacing."""
        schedule = make_schedule(steps, self.bundle.manifest.schedule.spacing)
        noise, posterior_noise = self.batch_noise(len(batch))
        result = pipeline.run(self.stages, batch, noise, posterior_noise, ddim_steps(schedule))
        return result.anomaly_map, result.image_score

    def batch_noise(self, count: int) -> tuple[FloatArray, FloatArray]:
        """The bundle's diffusion and posterior noise for `count` images."""
        shape = (count, *self.noise.shape)
        return (
            np.broadcast_to(self.noise, shape).copy(),
            np.broadcast_to(self.posterior_noise, shape).copy(),
        )

    def autoencoder_only(self, batch: FloatArray) -> Results:
        """Anomaly maps and scores if latents are decoded without noise and denoising."""
        zeros = np.zeros((len(batch), *self.noise.shape), dtype=np.float32)
        scaled, _ = self.stages.encode(batch, zeros, zeros)
        start = self.bundle.manifest.schedule.start_timestep
        latents = scaled / np.float32(np.sqrt(published_alphas_cumprod()[start]))
        return self.stages.score(batch, self.stages.decode(latents))


def evaluate(bundle: Bundle, samples: Sequence[Sample]) -> Evaluation:
    """Run the bundle, its autoencoder alone, and other numbers of steps on `samples`."""
    model = Model(bundle)
    own = bundle.manifest.schedule.steps
    found = run_samples(bundle, samples, lambda batch: model.detect(batch, own))
    classes, mean = with_intervals(found)
    _, alone = with_intervals(run_samples(bundle, samples, model.autoencoder_only))
    steps = {own: {name: mean[name] for name in ("image_auroc", "pixel_auroc")}}
    for count in OTHER_STEPS:
        if count != own:
            other = run_samples(bundle, samples, lambda batch, n=count: model.detect(batch, n))
            steps[count] = mean_over_classes(by_class(other))
    return Evaluation(
        classes=classes,
        mean=mean,
        kinds=by_kind(found),
        autoencoder_only=alone,
        steps={str(count): steps[count] for count in sorted(steps)},
        pictures=len(samples),
    )


def with_intervals(scored: Sequence[Scored]) -> tuple[dict[str, Figures], Figures]:
    """AUROC by class and its mean over classes, with the ends of their intervals."""
    classes = by_class(scored)
    each, mean = intervals(split_classes(scored))
    return (
        {name: {**classes[name], **each[name]} for name in classes},
        {**mean_over_classes(classes), **mean},
    )


def run_samples(
    bundle: Bundle, samples: Sequence[Sample], run: Callable[[FloatArray], Results]
) -> list[Scored]:
    """Run all samples in batches; they have to have the bundle's image size."""
    scored = []
    for start in range(0, len(samples), BATCH):
        chunk = samples[start : start + BATCH]
        maps, scores = run(prepare_batch([s.image for s in chunk], bundle.manifest.image))
        scored += [
            Scored(
                product=sample.product,
                defect=sample.defect,
                mask=sample.mask,
                anomaly_map=anomaly_map,
                score=float(score),
            )
            for sample, anomaly_map, score in zip(chunk, maps, scores, strict=True)
        ]
    return scored


@click.command()
@click.option(
    "--bundle",
    "bundle_path",
    type=click.Path(path_type=Path),
    help="The bundle to evaluate [default: the built-in one].",
)
@click.option(
    "--per-product",
    type=click.IntRange(min=2),
    help="Test images per class, half of them good [default: as in demo/settings.toml].",
)
@click.option("--json", "as_json", is_flag=True, help="Print everything, as JSON.")
def command(bundle_path: Path | None, per_product: int | None, as_json: bool) -> None:
    """Evaluate a bundle of the demo's model on the demo's test images.

    Example: python -m demo.evaluate --json
    """
    bundle = Bundle.open(bundle_path or builtin_bundle())
    count = per_product or load_settings().data.test_per_product
    size_px = bundle.manifest.image.size_px
    samples = list(draw_split("test", per_product=count, size_px=size_px))
    found = evaluate(bundle, samples)
    click.echo(json.dumps(found.as_json(), indent=2) if as_json else as_text(found))


def as_text(found: Evaluation) -> str:
    """A table of classes, variants and kinds of defect; 95 % intervals in brackets."""
    kinds = {
        kind + (" (held out)" if kind in HELD_OUT_DEFECTS else ""): figures
        for kind, figures in found.kinds.items()
    }
    rows = [
        *found.classes.items(),
        ("mean", found.mean),
        ("autoencoder alone", found.autoencoder_only),
        *((f"{count} steps", figures) for count, figures in found.steps.items()),
        *kinds.items(),
    ]
    lines = [f"{'':<26}{'image AUROC':<24}pixel AUROC"]
    lines += [
        f"{name:<26}{as_cell(figures, 'image'):<24}{as_cell(figures, 'pixel')}".rstrip()
        for name, figures in rows
    ]
    return "\n".join(lines)


def as_cell(figures: Figures, level: str) -> str:
    """An AUROC with its interval, such as `0.912 (0.880 to 0.939)`, if it has one."""
    value = f"{figures[f'{level}_auroc']:.3f}"
    if f"{level}_low" not in figures:
        return value
    return f"{value} ({figures[f'{level}_low']:.3f} to {figures[f'{level}_high']:.3f})"


if __name__ == "__main__":
    run_command(command)
