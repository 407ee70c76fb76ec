"""A long run takes no more of a GPU's memory, and its numbers stay.

`pytest -m gpu` runs it where there is a GPU.
"""

import pytest

from diad_deploy.images.preprocess import prepare_batch
from tests.real_cuda.card import MIB, Card
from tests.real_cuda.subjects import LARGEST, Subject

pytestmark = pytest.mark.gpu


def test_500_batches_take_no_more_memory(card: Card, subject: Subject) -> None:
    batches = [
        (prepare_batch(subject.images[:count], subject.bundle.manifest.image), [(1, 1)] * count)
        for count in range(1, LARGEST + 1)
    ]
    with subject.open() as detector:
        expected = [[one.score for one in detector.detect_prepared(*batch)] for batch in batches]
        for batch in batches:
            detector.detect_prepared(*batch)
        free = card.free_bytes()
        for number in range(500):
            found = detector.detect_prepared(*batches[number % LARGEST])
            assert [one.score for one in found] == expected[number % LARGEST]
        assert free - card.free_bytes() < MIB
