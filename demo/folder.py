"""`python -m demo.folder`: writes a split of the demo's images as a folder in MVTec-AD's layout.

OUT/CLASS/train/good/NNN.png             good images of the split `train`
OUT/CLASS/test/KIND/NNN.png              images of another split
OUT/CLASS/ground_truth/KIND/NNN_mask.png masks of the defects, white on black
OUT/split.json                           the split, images per class, image size
"""

import json
from collections.abc import Iterable
from pathlib import Path
from typing import get_args

import click
import numpy as np
from PIL import Image

from demo.drawing.dataset import Sample, Split, draw_split
from demo.settings import load_settings
from diad_deploy.cli.console import run_command
from diad_deploy.files.atomic_folder import AtomicFolder

FACTS = "split.json"
GOOD = "good"


def write_split(
    output: Path, split: Split, *, per_product: int, size_px: int, force: bool = False
) -> int:
    """Draw a split and write it; returns the number of images.

    Args:
        output: the folder to create.
        split: `train` goes below `train/`, the others below `test/`.
        per_product: images per class.
        size_px: side of the images.
        force: replace a folder that an earlier call wrote.

    Raises:
        OptionError: there is no such split.
        OutputError: the folder exists already or cannot be written.
    """
    with AtomicFolder(output, marker=FACTS, force=force) as whole:
        samples = draw_split(split, per_product=per_product, size_px=size_px)
        count = write_samples(whole.folder, "train" if split == "train" else "test", samples)
        facts = {"split": split, "per_product": per_product, "size_px": size_px}
        (whole.folder / FACTS).write_text(json.dumps(facts, indent=2) + "\n")
        whole.commit()
    return count


def write_samples(folder: Path, part: str, samples: Iterable[Sample]) -> int:
    """Write images to `CLASS/part`, and masks of defects, numbered by class and kind."""
    numbers: dict[tuple[str, str], int] = {}
    for sample in samples:
        kind = sample.defect or GOOD
        number = numbers.setdefault((sample.product, kind), 0)
        numbers[sample.product, kind] += 1
        root = folder / sample.product
        _write(root / part / kind / f"{number:03}.png", sample.image)
        if sample.defect is not None:
            mask = sample.mask.astype(np.uint8) * 255
            _write(root / "ground_truth" / kind / f"{number:03}_mask.png", mask)
    return sum(numbers.values())


def _write(path: Path, pixels: np.ndarray[tuple[int, ...], np.dtype[np.uint8]]) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.fromarray(pixels).save(path)


@click.command(name="demo.folder")
@click.argument("output", type=click.Path(path_type=Path))
@click.option("--split", type=click.Choice(get_args(Split)), default="test", show_default=True)
@click.option(
    "--per-product",
    type=click.IntRange(min=2),
    help="Images per class [default: as in demo/settings.toml].",
)
@click.option("--force", is_flag=True, help="Replace a folder that an earlier call wrote.")
def command(output: Path, split: Split, per_product: int | None, force: bool) -> None:
    """Write a split of the demo's images to OUTPUT, in MVTec-AD's layout.

    Example: python -m demo.folder demo-test --split test
    """
    data = load_settings().data
    counts = {
        "train": data.train_per_product,
        "validation": data.validation_per_product,
        "test": data.test_per_product,
    }
    count = write_split(
        output,
        split,
        per_product=per_product or counts[split],
        size_px=data.size_px,
        force=force,
    )
    click.echo(f"{count} images in {output}")


if __name__ == "__main__":
    run_command(command)
