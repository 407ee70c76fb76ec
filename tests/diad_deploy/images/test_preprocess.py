"""Images become model input as the published loaders make it."""

import numpy as np
import pytest
from PIL import Image

from diad_deploy.bundle.manifest import ImageSpec
from diad_deploy.errors import InputError, OptionError
from diad_deploy.images.preprocess import check_prepared, prepare, prepare_batch

SPEC = ImageSpec(size_px=8, mean=(0.485, 0.456, 0.406), std=(0.229, 0.224, 0.225))


def test_normalised_as_published() -> None:
    image = np.full((8, 8, 3), (255, 0, 51), dtype=np.uint8)
    prepared = prepare(image, SPEC)
    expected = (np.array([1.0, 0.0, 0.2]) - SPEC.mean) / SPEC.std
    assert prepared.shape == (3, 8, 8)
    assert prepared.dtype == np.float32
    assert np.allclose(prepared[:, 3, 3], expected, atol=1e-6)


def test_resized_by_pils_bilinear_filter_without_keeping_the_aspect() -> None:
    image = np.random.default_rng(0).integers(0, 256, (20, 50, 3), dtype=np.uint8)
    resized = np.asarray(Image.fromarray(image).resize((8, 8), Image.Resampling.BILINEAR))
    assert np.array_equal(prepare(image, SPEC), prepare(resized, SPEC))


def test_batch_is_each() -> None:
    images = [np.full((5 + i, 9, 3), 40 * i, dtype=np.uint8) for i in range(3)]
    batch = prepare_batch(images, SPEC)
    assert np.array_equal(batch, [prepare(image, SPEC) for image in images])


@pytest.mark.parametrize("shape", [(8, 8), (8, 8, 1), (8, 8, 4), (0, 8, 3)])
def test_shapes_that_are_no_image(shape: tuple[int, ...]) -> None:
    with pytest.raises(InputError):
        prepare(np.zeros(shape, dtype=np.uint8), SPEC)


def test_floats_are_refused() -> None:
    with pytest.raises(InputError, match="float32"):
        prepare(np.zeros((8, 8, 3), dtype=np.float32), SPEC)


@pytest.mark.parametrize(
    ("batch", "sizes", "message"),
    [
        (np.zeros((1, 3, 4, 4), np.float32), [(1, 1)], r"\[B, 3, 8, 8\], found float32 \[1, 3"),
        (np.zeros((1, 3, 8, 8)), [(1, 1)], "found float64"),
        (np.zeros((2, 3, 8, 8), np.float32), [(1, 1)], "each of 2 images, found 1"),
    ],
)
def test_prepared_images_that_do_not_fit(
    batch: np.ndarray, sizes: list[tuple[int, int]], message: str
) -> None:
    with pytest.raises(OptionError, match=message):
        check_prepared(batch, sizes, SPEC)
