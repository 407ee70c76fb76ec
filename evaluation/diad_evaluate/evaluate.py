"""An evaluation from a folder of labelled images to the files of its results."""

import os
from collections.abc import Callable
from contextlib import nullcontext
from dataclasses import dataclass
from pathlib import Path

from diad_deploy.detector import Detector, ModelOptions
from diad_deploy.errors import OptionError
from diad_deploy.files.atomic_folder import AtomicFolder
from diad_deploy.inspection.summary import Progress
from diad_deploy.labelled.layouts.choice import AUTO, find_labelled_set
from diad_deploy.labelled.mask_findings import check_masks
from diad_deploy.log import get_logger
from diad_evaluate.evaluation import evaluate
from diad_evaluate.mistakes import MAX_MISTAKES
from diad_evaluate.report.output import RESULT, write_evaluation
from diad_evaluate.results import Evaluation, ResultCallback

log = get_logger(__name__)


def _ignore(_: object) -> None:
    """The default callback, which does nothing."""


@dataclass(frozen=True, slots=True, kw_only=True)
class EvaluationConfig(ModelOptions):
    """Which test set to evaluate, with which bundle, and where the files go.

    >>> config = EvaluationConfig(data="mvtec", bundle="bundle", output="evaluation")

    Attributes:
        data: the folder of a test set, or of one class.
        bundle: the bundle's folder.
        bundle_name: the bundle's name in the result; None takes the name of its folder.
        output: folder for the files; None writes none.
        force: replace an earlier evaluation there.
        layout: the name of the test set's layout, or `auto`.
        classes: the classes to evaluate; empty evaluates all.
        strict: refuse a test set in which a mask is missing or cannot be used.
        backend, device, threads, batch_size, tf32: as for `Detector.open`.
        bit_depth, white, max_megapixels: as for `Detector.open`.

    Raises:
        OptionError: a value does not fit.
    """

    data: str | os.PathLike[str]
    bundle: str | os.PathLike[str]
    bundle_name: str | None = None
    output: str | os.PathLike[str] | None = None
    force: bool = False
    layout: str = AUTO
    classes: tuple[str, ...] = ()
    strict: bool = False

    def __post_init__(self) -> None:
        ModelOptions.__post_init__(self)
        if isinstance(self.classes, str):
            raise OptionError(
                f"classes {self.classes!r}: expected several names, found one; write "
                f"classes=({self.classes!r},)"
            )


def evaluate_folder(
    config: EvaluationConfig,
    *,
    progress: Callable[[Progress], None] = _ignore,
    on_result: ResultCallback = _ignore,
) -> Evaluation:
    """Evaluate a bundle on a labelled test set and write the files, as `diad-evaluate` does.

    Args:
        config: which test set, and how.
        progress: called after each image.
        on_result: called with the result once its files are written, or could not be written; if an
            error or Ctrl-C stops the run, with the classes that were complete by then.

    Raises:
        InputError: no known layout, or masks that `strict` refuses.
        OutputError: the folder is taken or cannot be written.
        EvaluationError: the anomaly maps hold NaN or infinity.
        BundleError, BackendError: as for `Detector.open`.
        KeyboardInterrupt: Ctrl-C, after the files are written.
    """
    # all checks come before the model is loaded
    labelled = find_labelled_set(Path(config.data), layout=config.layout, classes=config.classes)
    log.info("found %d labelled images in %s", len(labelled.images), config.data)
    output = None if config.output is None else Path(config.output)
    whole = (
        AtomicFolder(output, marker=RESULT, force=config.force)
        if output is not None
        else nullcontext()
    )
    with whole as files:

        def keep(found: Evaluation) -> None:
            try:
                if files is not None:
                    write_evaluation(files.folder, found)
                    files.commit()
            finally:
                # the caller gets the result even if the disk is full
                on_result(found)

        with Detector.open(config.bundle, **config.arguments) as detector:
            if config.strict:
                defective = (p for p in labelled.images if p.defective)
                size_px = detector.manifest.image.size_px
                masks = ((p.name, p.path, p.mask) for p in defective)
                check_masks(masks, size_px, limit_px=config.reading.limit_px)
            found = evaluate(
                labelled,
                detector,
                reader=detector.reader,
                bundle_name=config.bundle_name or Path(config.bundle).resolve().name,
                mistakes=MAX_MISTAKES if output is not None else 0,
                progress=progress,
                on_stopped=keep,
            )
        keep(found)
        return found
