"""A batch's arrays as one detection an image."""

from collections.abc import Iterator, Sequence

import numpy as np

from diad_deploy.arrays import FloatArray
from diad_deploy.bundle.manifest import Manifest
from diad_deploy.detection import Detection
from diad_deploy.diffusion.stages import BatchResult
from diad_deploy.errors import NotFiniteError

Found = Detection | NotFiniteError
"""The detection of an image, or the error that it failed with."""

_ORIGINS = {
    "reconstruction": "the decoder or a stage before it",
    "anomaly_map": "the scorer",
    "image_score": "the scorer",
}
"""The stage that an output comes from, in the stages' order."""


def detections_of(
    result: BatchResult, sizes: Sequence[tuple[int, int]], manifest: Manifest
) -> list[Found]:
    """One detection per image, each with its own arrays.

    An image with NaN or infinity in any of its arrays gets an error in its place, which is not
    raised, so that the batch's other images can go on. All arrays are looked at: on a GPU a
    maximum passes over NaN, so that a score can look right above a map that is not.

    Args:
        result: of the model.
        sizes: (height, width) in pixels of each image.
        manifest: of the bundle.
    """
    return [_found(result, place, size, manifest) for place, size in enumerate(sizes)]


def all_detections(found: Sequence[Found]) -> list[Detection]:
    """The detections, where every image has one.

    Raises:
        NotFiniteError: one has none; the message names all that have none.
    """
    errors = [one for one in found if isinstance(one, NotFiniteError)]
    if errors:
        raise NotFiniteError(", ".join(error.image for error in errors), errors[0].reason)
    return [one for one in found if isinstance(one, Detection)]


def _found(result: BatchResult, place: int, size: tuple[int, int], manifest: Manifest) -> Found:
    outputs: dict[str, FloatArray] = {name: getattr(result, name)[place] for name in _ORIGINS}
    # an image at a time: what is looked at is then copied out of the cache
    if not all(np.isfinite(values).all() for values in outputs.values()):
        faults = "; ".join(_faults(outputs))
        return NotFiniteError(
            f"image {place + 1} of the batch",
            f"the model's result is not finite: {faults}; {_way_out(manifest)}",
        )
    # copies: one kept detection must not keep its whole batch in memory
    return Detection(
        score=float(outputs["image_score"]),
        anomaly_map=outputs["anomaly_map"].copy(),
        reconstruction=outputs["reconstruction"].copy(),
        image_size_px=size,
        image=manifest.image,
        scale=(manifest.heatmap.low, manifest.heatmap.high),
    )


def _faults(outputs: dict[str, FloatArray]) -> Iterator[str]:
    for name, values in outputs.items():
        count = {"NaN": int(np.isnan(values).sum()), "infinite": int(np.isinf(values).sum())}
        if any(count.values()):
            found = " and ".join(f"{number} {kind}" for kind, number in count.items() if number)
            yield f"{name} has {found} of {values.size} values, from {_ORIGINS[name]}"


def _way_out(manifest: Manifest) -> str:
    if any(graph.precision == "float16" for graph in manifest.graphs):
        return (
            "float16 may overflow: build the bundle with --precision fp32, and compare the two "
            "with `diad-export verify`"
        )
    return (
        "run `diad-export verify`: where PyTorch's result is not finite either, the checkpoint's "
        "weights are damaged; else take another --backend or --device"
    )
