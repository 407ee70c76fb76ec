"""What a GPU's memory goes through: closing, and too little of it.

`pytest -m gpu` runs it where there is a GPU.
"""

import numpy as np
import pytest

from diad_deploy.errors import DiadError
from tests.real_cuda.card import MIB, Card
from tests.real_cuda.subjects import WITHOUT_DEMO, Subject

pytestmark = [
    pytest.mark.gpu,
    pytest.mark.parametrize("subject", WITHOUT_DEMO, indirect=True),
]


def test_a_closed_detector_frees_its_memory(card: Card, subject: Subject) -> None:
    free = []
    for _ in range(4):
        with subject.open() as detector:
            detector.detect(subject.images[:2])
        free.append(card.free_bytes())
    # the first one also loads what CUDA keeps for the process
    assert free[1] - free[-1] < 4 * MIB


def test_memory_that_others_have_taken_is_one_error_and_the_process_goes_on(
    card: Card, subject: Subject
) -> None:
    with subject.open() as detector:
        detector.detect(subject.images[:1])
    with card.full(), pytest.raises(DiadError, match=r"memory"):
        subject.open()
    with subject.open() as detector:
        subject.check(detector.detect(subject.images[:5]), [0, 1, 2, 3, 4])


def test_a_detector_goes_on_while_others_take_all_memory(card: Card, subject: Subject) -> None:
    with subject.open() as detector:
        detector.detect(subject.images[:5])
        with card.full():
            subject.check(detector.detect(subject.images[:5]), [0, 1, 2, 3, 4])


def test_a_batch_far_too_large_is_one_error_and_the_process_goes_on(
    card: Card, subject: Subject
) -> None:
    if "tensorrt" in subject.backend:
        pytest.skip("engines run no more at once than their profile holds")
    image = 4 * np.prod(subject.on_cpu[0].reconstruction.shape)
    with pytest.raises(DiadError, match="smaller --batch-size"):
        subject.open(batch_size=int(card.free_bytes() // image))
    with subject.open() as detector:
        subject.check(detector.detect(subject.images[:2]), [0, 1])
