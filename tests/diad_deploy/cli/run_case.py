"""`diad-run` with a fake detector, in this process or in another."""

import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

from diad_deploy.thresholds.file import write_thresholds
from tests.diad_deploy.thresholds.threshold_case import make_thresholds

ROOT = Path(__file__).parents[3]

Run = Callable[..., tuple[int, str, str]]


def one_line(text: str) -> bool:
    return text.startswith("diad-run: ") and text.count("\n") == 1


INTERRUPTED = """
    import sys, time
    from diad_deploy.detector import Detector
    from diad_deploy.cli.run import main
    from tests.diad_deploy.fake_detector import FakeDetector

    def before(batch):
        if batch == 2:
            print("in the model", file=sys.stderr, flush=True)
            time.sleep(20)

    detector = FakeDetector(before=before)
    Detector.open = lambda *_, **__: detector
    main()
"""


def subprocess_environment() -> dict[str, str]:
    return {**os.environ, "PYTHONPATH": str(ROOT), "COLUMNS": "100"}


def python(code: str, *arguments: object) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-c", code, *map(str, arguments)],
        cwd=ROOT,
        env=subprocess_environment(),
        capture_output=True,
        text=True,
        check=False,
    )


MAIN = "from diad_deploy.cli.run import main; main()"


def with_thresholds(folder: Path, **given: float) -> Path:
    (folder / "b").mkdir()
    write_thresholds(folder / "b" / "thresholds.json", make_thresholds(**given))
    return folder / "b"
