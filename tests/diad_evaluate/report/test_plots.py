"""Plots are SVG that asks nothing of a reader's machine, and the same each time."""

from xml.etree import ElementTree

import pytest

from diad_evaluate.metrics.curves import Curves
from diad_evaluate.metrics.paper import PAPER
from diad_evaluate.report.plots import IMAGE_PANELS, PIXEL_PANELS, draw_plots
from tests.diad_evaluate.found_evaluations import CURVE, CURVES, class_found


@pytest.mark.parametrize("panels", [IMAGE_PANELS, PIXEL_PANELS])
def test_a_line_a_class_and_panel(panels: tuple) -> None:
    few, many = (
        draw_plots([class_found(name, curves=CURVES) for name in PAPER[0].classes[:count]], panels)
        for count in (1, 15)
    )
    assert few is not None
    assert many is not None
    lines = [text.count(b'<g id="line2d_') for text in (few, many)]
    # with every class come its lines and one in the legend
    assert lines[1] - lines[0] == 14 * (len(panels) + 1)
    ElementTree.fromstring(many)
    assert b'href="http' not in many


def test_the_same_bytes_again() -> None:
    classes = [class_found("a", curves=CURVES), class_found("b", curves=CURVES)]
    assert draw_plots(classes, IMAGE_PANELS) == draw_plots(classes, IMAGE_PANELS)


def test_a_class_has_one_colour_in_all_plots() -> None:
    without = class_found("a")
    first, second = (class_found(name, curves=CURVES) for name in ("a", "b"))
    both = draw_plots([first, second], IMAGE_PANELS) or b""
    alone = draw_plots([without, second], IMAGE_PANELS) or b""
    assert b"#0072b2" in both
    assert b"#0072b2" not in alone
    assert b"#d55e00" in alone


def test_nothing_to_draw() -> None:
    assert draw_plots([class_found("a")], IMAGE_PANELS) is None
    assert draw_plots([class_found("a", curves=Curves(image_roc=CURVE))], PIXEL_PANELS) is None


@pytest.mark.parametrize("name", ["_x", "$x$", "a$", "\\frac", "<&>", "垫圈", "\udcff"])
def test_names_are_no_formulas(name: str) -> None:
    drawn = draw_plots([class_found(name, curves=CURVES)], IMAGE_PANELS)
    assert drawn is not None
    texts = {(each.text or "").lstrip("\u200b") for each in ElementTree.fromstring(drawn).iter()}
    assert name.encode("utf-8", "backslashreplace").decode() in texts
