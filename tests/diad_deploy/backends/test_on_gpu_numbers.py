"""What a GPU computes: the CPU's numbers, the same each time, whatever else is in the batch.

`pytest -m gpu` runs it where there is a GPU.
"""

from collections.abc import Iterator

import numpy as np
import pytest

from diad_deploy import Detection, Detector
from diad_deploy.errors import DiadError
from diad_deploy.images.preprocess import prepare_batch
from tests.real_cuda.subjects import LARGEST, WITHOUT_DEMO, Subject

pytestmark = pytest.mark.gpu


@pytest.fixture(scope="module")
def detector(subject: Subject) -> Iterator[Detector]:
    """One for all tests here: each has to leave it as it was."""
    with subject.open() as opened:
        yield opened


def equal(one: Detection, other: Detection) -> bool:
    return one.score == other.score and all(
        np.array_equal(getattr(one, name), getattr(other, name))
        for name in ("anomaly_map", "reconstruction")
    )


def test_every_batch_size_to_one_past_the_largest_gives_the_cpu_s_numbers(
    subject: Subject, detector: Detector
) -> None:
    for count in (*range(1, LARGEST + 2), 2 * LARGEST + 1, 1):
        subject.check(detector.detect(subject.images[:count]), list(range(count)))


@pytest.mark.parametrize("subject", WITHOUT_DEMO, indirect=True)
def test_a_largest_batch_that_is_no_power_of_two_gives_the_cpu_s_numbers(subject: Subject) -> None:
    with subject.open(batch_size=3) as detector:
        subject.check(detector.detect(subject.images[:8]), list(range(8)))


def test_a_replay_gives_the_same_bits(subject: Subject, detector: Detector) -> None:
    first = detector.detect(subject.images)
    for _ in range(3):
        again = detector.detect(subject.images)
        assert all(equal(one, other) for one, other in zip(first, again, strict=True))


def test_an_image_s_numbers_do_not_depend_on_its_batch_or_neighbours(
    subject: Subject, detector: Detector
) -> None:
    images = subject.images
    alone = detector.detect(images[:1])
    whole = detector.detect(images[:4])
    mixed = detector.detect([images[0], images[6], images[7], images[5]])
    last = detector.detect([images[4], images[6], images[7], images[0]])
    filled = detector.detect(images[:3])
    # at the same place of a batch of the same size, bit for bit; a filled one counts as such
    assert equal(mixed[0], whole[0])
    assert equal(filled[1], whole[1])
    for found in (alone[0], last[3]):
        subject.check([found], [0])
        assert found.score == pytest.approx(whole[0].score, rel=subject.tolerance)


def test_what_overflows_on_the_gpu_is_one_error_and_the_next_batch_is_right(
    subject: Subject, detector: Detector
) -> None:
    batch = prepare_batch(subject.images[:2], subject.bundle.manifest.image)
    batch[1] = np.finfo(np.float32).max
    with pytest.raises(DiadError):
        detector.detect_prepared(batch, [(1, 1)] * 2)
    subject.check(detector.detect(subject.images[:3]), [0, 1, 2])
