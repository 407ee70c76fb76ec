"""Who shares a GPU: detectors, threads, and the one that closes while others work.

`pytest -m gpu` runs it where there is a GPU.
"""

from concurrent.futures import ThreadPoolExecutor
from threading import Barrier, Event

import pytest

from diad_deploy import Detection, Detector
from diad_deploy.errors import BackendError, DiadError
from diad_deploy.images.preprocess import prepare_batch
from tests.real_cuda.card import MIB, Card
from tests.real_cuda.subjects import WITHOUT_DEMO, Subject

pytestmark = [
    pytest.mark.gpu,
    pytest.mark.parametrize("subject", WITHOUT_DEMO, indirect=True),
]
ROUNDS = 5
SECONDS = 60
"""When threads that wait for each other give up."""


def test_two_detectors_on_one_gpu_at_once(subject: Subject) -> None:
    start = Barrier(2, timeout=SECONDS)

    def work(detector: Detector) -> list[list[Detection]]:
        start.wait()
        return [detector.detect(subject.images) for _ in range(ROUNDS)]

    with (
        subject.open(batch_size=2) as first,
        subject.open(batch_size=3) as second,
        ThreadPoolExecutor(2) as pool,
    ):
        for rounds in pool.map(work, (first, second)):
            for found in rounds:
                subject.check(found, list(range(len(subject.images))))


def test_a_detector_opens_and_closes_while_another_one_works(subject: Subject) -> None:
    opened = Event()

    def work(detector: Detector) -> list[list[Detection]]:
        rounds = []
        while not opened.is_set() or not rounds:
            rounds.append(detector.detect(subject.images))
        return rounds

    with subject.open() as first, ThreadPoolExecutor(1) as pool:
        working = pool.submit(work, first)
        try:
            for _ in range(2):
                with subject.open(batch_size=2) as second:
                    subject.check(second.detect(subject.images[:3]), [0, 1, 2])
        finally:
            opened.set()
        for found in working.result():
            subject.check(found, list(range(len(subject.images))))


def test_eight_threads_on_one_detector_get_their_own_images_numbers(subject: Subject) -> None:
    start = Barrier(8, timeout=SECONDS)

    def work(number: int) -> list[tuple[list[int], list[Detection]]]:
        places = [(number + step) % len(subject.images) for step in range(number % 5 + 1)]
        start.wait()
        images = [subject.images[place] for place in places]
        return [(places, detector.detect(images)) for _ in range(ROUNDS)]

    with subject.open() as detector, ThreadPoolExecutor(8) as pool:
        for rounds in pool.map(work, range(8)):
            for places, found in rounds:
                subject.check(found, places)


def test_a_detector_closed_with_pending_batches_ends_them_and_frees_its_memory(
    card: Card, subject: Subject
) -> None:
    def close_early() -> None:
        detector = subject.open()
        batch = prepare_batch(subject.images[:4], subject.bundle.manifest.image)
        pending = [detector.submit_prepared(batch, [(1, 1)] * 4) for _ in range(3)]
        detector.close()
        detector.close()
        with pytest.raises(BackendError, match="closed"):
            pending[-1]()

    close_early()
    free = card.free_bytes()
    for _ in range(3):
        close_early()
    assert free - card.free_bytes() < 4 * MIB
    with subject.open() as detector:
        subject.check(detector.detect(subject.images[:5]), [0, 1, 2, 3, 4])


def test_a_detector_closed_while_threads_work_ends_them_with_one_error(subject: Subject) -> None:
    detector = subject.open()
    worked = Barrier(5, timeout=SECONDS)

    def work(number: int) -> str:
        detector.detect(subject.images[:2])
        worked.wait()
        # until it is closed
        while True:
            try:
                subject.check(
                    detector.detect(subject.images[: number + 1]), list(range(number + 1))
                )
            except DiadError as error:
                return str(error)

    with ThreadPoolExecutor(4) as pool:
        ends = [pool.submit(work, number) for number in range(4)]
        worked.wait()
        detector.close()
        assert all("closed" in end.result() for end in ends)


def test_a_device_that_is_not_there_is_named_with_those_found(card: Card, subject: Subject) -> None:
    with pytest.raises(DiadError, match=rf"cuda:{card.count}\b.*cuda:0") as raised:
        subject.open(device=f"cuda:{card.count}")
    assert "\n" not in str(raised.value)
    with subject.open(device="cuda:0") as detector:
        subject.check(detector.detect(subject.images[:2]), [0, 1])


def test_the_last_of_several_gpus_gives_the_same_numbers(card: Card, subject: Subject) -> None:
    if card.count < 2:
        pytest.skip(f"needs two GPUs: found {card.count}")
    with subject.open(device=f"cuda:{card.count - 1}") as detector, ThreadPoolExecutor(2) as pool:
        for found in pool.map(detector.detect, [subject.images] * 2):
            subject.check(found, list(range(len(subject.images))))
