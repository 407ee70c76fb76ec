"""What a person reads on the terminal."""

import io
from pathlib import Path

from rich.console import Console

from diad_deploy.labelled.mask_findings import MaskCounts
from diad_evaluate.cli.terminal import MAX_FAULTS, print_evaluation
from diad_evaluate.results import Evaluation
from tests.diad_evaluate.found_evaluations import NASTY, class_found, evaluation, mvtec_ad, row


def printed(found: Evaluation, output: Path | None = None, width: int = 80) -> str:
    file = io.StringIO()
    console = Console(file=file, width=width, highlight=False, soft_wrap=True)
    print_evaluation(found, output, console)
    return file.getvalue()


def test_a_table_that_fits_eighty_columns() -> None:
    text = printed(mvtec_ad(1.0), Path("out"))
    assert max(map(len, text.splitlines())) <= 80
    for word in ("toothbrush", "metal_nut", "3 + 4", "AUROC", "F1-max", "exact", "100.0", "97.2"):
        assert word in text
    assert (
        "Last row: the paper's MVTec-AD, mean of 15 classes; not measured in this run.\n(DiAD, AAAI"
        in text
    )
    assert "\n(paper) " in text
    assert text.splitlines()[-1] == "page: out/page.html"


def test_notes_faults_and_a_stop_are_printed() -> None:
    faults = [
        row(f"{n}{NASTY}.png", status="failed", score=None, reason="the file is empty")
        for n in range(MAX_FAULTS + 2)
    ]
    found = evaluation(class_found("[bold]", notes=("no masks",)), rows=tuple(faults), stopped=True)
    text = printed(found)
    assert text.startswith("stopped: only classes that were complete\n")
    assert "note: [bold]: no masks\n" in text
    assert text.count("failed: ") == MAX_FAULTS
    assert "failed: 0<b>&\"'\\udcff.png: the file is empty\n" in text
    assert "and 2 more; see the files written with -o" in text
    assert "paper" not in text


def test_images_for_the_image_metrics_only_have_a_column() -> None:
    counts = MaskCounts(empty=2, full=1)
    text = printed(evaluation(class_found("pill", masks=counts), class_found("screw", 1.0)))
    assert max(map(len, text.splitlines())) <= 80
    cells = {line.split()[0]: line.split()[1:5] for line in text.splitlines() if line.strip()}
    assert cells["pill"] == ["3", "+", "4", "3"]
    assert cells["screw"] == ["3", "+", "4", "0"]
    assert cells["mean"][0] == "3"
    assert "only" not in printed(evaluation(class_found("pill")))
