"""A whole evaluation, from a folder to its files."""

from collections.abc import Callable
from contextlib import nullcontext
from dataclasses import dataclass, field
from pathlib import Path

from diad_deploy.detector import Detector
from diad_deploy.files.atomic_folder import AtomicFolder
from diad_deploy.images.options import ImageOptions
from diad_deploy.inspection.summary import Progress
from diad_deploy.labelled.layouts.choice import AUTO, find_labelled_set
from diad_deploy.labelled.mask_findings import check_masks
from diad_evaluate.evaluation import evaluate
from diad_evaluate.mistakes import MAX_MISTAKES
from diad_evaluate.report.output import RESULT, write_evaluation
from diad_evaluate.results import Evaluation, Tell


@dataclass(frozen=True, slots=True, kw_only=True)
class Request:
    """What a person asks for.

    Attributes:
        data: the folder of a test set, or of one class.
        bundle: the bundle's folder.
        bundle_name: what the result calls it.
        output: folder for the files; None writes none.
        force: whether to replace an earlier evaluation there.
        layout: its name, or `auto`.
        classes: those to evaluate; none evaluates all.
        strict: whether to refuse a test set whose masks are not all as they should be.
        reading: how images are read; what is white may follow from the bundle's thresholds.
        backend, device, batch_size, threads, tf32: as of `Detector.open`.
    """

    data: Path
    bundle: Path
    bundle_name: str
    output: Path | None = None
    force: bool = False
    layout: str = AUTO
    classes: tuple[str, ...] = ()
    strict: bool = False
    reading: ImageOptions = field(default_factory=ImageOptions)
    backend: str = "auto"
    device: str = "auto"
    batch_size: int = 8
    threads: int | None = None
    tf32: bool = False


def evaluate_folder(
    request: Request, *, progress: Callable[[Progress], None], tell: Tell
) -> Evaluation:
    """Find the images, open the bundle, `evaluate`, and write the files.

    Args:
        request: see there.
        progress: called after each image.
        tell: called with the result once its files are written, or could not be; where Ctrl-C or
            an error ends the run, with the classes that were whole by then.

    Raises:
        InputError: no known layout, or masks that `strict` refuses.
        OutputError: the folder is taken or cannot be written.
        BundleError, BackendError: as of `Detector.open`.
        KeyboardInterrupt: as it came.
    """
    # what can be refused is refused before the model loads
    labelled = find_labelled_set(request.data, layout=request.layout, classes=request.classes)
    output = request.output
    whole = (
        AtomicFolder(output, marker=RESULT, force=request.force)
        if output is not None
        else nullcontext()
    )
    with whole as files:

        def keep(found: Evaluation) -> None:
            try:
                if files is not None:
                    write_evaluation(files.folder, found)
                    files.place()
            finally:
                # hours of work are not lost to a full disk
                tell(found)

        with Detector.open(
            request.bundle,
            backend=request.backend,
            device=request.device,
            threads=request.threads,
            batch_size=request.batch_size,
            tf32=request.tf32,
            **request.reading.arguments,
        ) as detector:
            if request.strict:
                defective = (p for p in labelled.images if p.defective)
                size_px = detector.manifest.image.size_px
                masks = ((p.name, p.path, p.mask) for p in defective)
                check_masks(masks, size_px, limit_px=request.reading.limit_px)
            found = evaluate(
                labelled,
                detector,
                reader=detector.reader,
                bundle_name=request.bundle_name,
                mistakes=MAX_MISTAKES if output is not None else 0,
                progress=progress,
                stopped=keep,
            )
        keep(found)
        return found
