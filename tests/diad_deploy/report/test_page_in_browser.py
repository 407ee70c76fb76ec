"""The page as a browser shows it: sorting, filters, the slider, and for those who do not see it."""

import io
from collections.abc import Iterator
from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest
from PIL import Image

from diad_deploy.regions import Region
from diad_deploy.report import folder as layout
from diad_deploy.report.page.render import PageFacts, write_page
from diad_deploy.report.ranking import rank
from diad_deploy.report.results import ResultRow
from diad_deploy.report.run_record import RunRecord

pytestmark = pytest.mark.browser

RECORD = RunRecord(bundle="b", bundle_sha256="ab" * 32, backend="fake", scale=(0.0, 1.0), maps=None)
THRESHOLDS = {"chip": 0.5, "gear": 0.8}
COUNT = 600
"""Images of the run; the page has cards of a third of them."""
REGION = Region(
    contour=((1, 1), (9, 1), (9, 9)), box=(1, 1, 9, 9), area_px=40, peak=1, peak_xy=(9, 1)
)


def row(number: int) -> ResultRow:
    name = ("chip", "gear")[number % 2]
    score, threshold = round((number * 7919 % COUNT) / COUNT, 6), THRESHOLDS[name]
    decision = "defect" if score > threshold else "good"
    return ResultRow(
        picture=f"{name}/{number:03}.png",
        path="p",
        status="ok",
        score=score,
        width=40,
        height=20,
        heatmap=layout.heatmap_path(f"{name}/{number:03}.png"),
        class_name=name,
        threshold=threshold,
        decision=decision,
        margin=score - threshold,
        regions=(REGION,) if decision == "defect" else (),
    )


ROWS = [row(number) for number in range(COUNT)]
FAILED = ResultRow(picture="broken.png", path="p", status="failed", reason="the file is empty")


@pytest.fixture(scope="module")
def report(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("report")
    file = io.BytesIO()
    Image.new("RGB", (160, 80), (200, 60, 60)).save(file, "JPEG")
    for found in rank(ROWS).highest:
        for kind in layout.THUMBNAIL_KINDS:
            path = layout.thumbnail_path(found.picture, kind)
            layout.write_output(folder, path, file.getvalue())
    facts = PageFacts(total=COUNT + 1, seconds=9, pictures_per_second=70, version="0")
    return write_page(folder, RECORD, rank([*ROWS, FAILED]), facts)


@pytest.fixture
def page(browser: Any, report: Path) -> Iterator[Any]:
    """The opened page; a fault in its script or its policy fails the test."""
    opened = browser.new_page(viewport={"width": 1200, "height": 900})
    faults: list[str] = []
    opened.on("pageerror", lambda error: faults.append(str(error)))
    opened.on("console", lambda message: faults.append(message.text))
    opened.goto(report.as_uri())
    yield opened
    opened.close()
    assert faults == []


def shown(page: Any) -> list[str]:
    """Names on the cards that can be seen, in order."""
    names: list[str] = page.eval_on_selector_all(
        "#cards > li", "cards => cards.filter(c => c.checkVisibility()).map(c => c.dataset.name)"
    )
    return names


def best(rows: list[ResultRow]) -> list[str]:
    return [row.picture for row in sorted(rows, key=lambda row: -(row.score or 0))]


def status(page: Any) -> str:
    text: str = page.locator("#change").inner_text()
    return text


def slide(page: Any, threshold: float) -> None:
    """Move the slider to the place of this threshold."""
    page.locator("#threshold").evaluate(
        "(slider, threshold) => { slider.value = Math.round(threshold * values.denominator"
        " / values.numerator) - values.first; slider.dispatchEvent(new Event('input')); }",
        threshold,
    )


def test_the_highest_stand_first_and_all_orders_sort(page: Any) -> None:
    cards = best(ROWS)[:200]
    assert shown(page) == cards
    sort = page.get_by_label("Sort by")
    sort.select_option(label="Name")
    assert shown(page) == sorted(cards)
    sort.select_option(label="Score, lowest first")
    assert shown(page) == cards[::-1]
    sort.select_option(label="Class")
    assert shown(page) == [name for start in "cg" for name in cards if name.startswith(start)]
    sort.select_option(label="Closest to the threshold")
    margins = {row.picture: abs(row.margin or 0.0) for row in ROWS}
    assert [margins[name] for name in shown(page)] == sorted(margins[name] for name in cards)


def test_filters_by_class_decision_score_and_name(page: Any) -> None:
    cards = [row for row in ROWS if row.picture in set(best(ROWS)[:200])]
    by_class = page.get_by_label("Class", exact=True)
    assert by_class.locator("option").all_inner_texts() == ["All", "chip", "gear"]
    by_class.select_option("gear")
    page.get_by_label("Decision").select_option("good")
    expected = [row for row in cards if row.class_name == "gear" and row.decision == "good"]
    assert shown(page) == best(expected)
    assert f"{len(expected)} of 200 images" in page.locator("#shown").inner_text()
    page.get_by_label("Score from").fill("0.7")
    page.get_by_label("Score to").fill("0.75")
    expected = [row for row in expected if 0.7 <= (row.score or 0) <= 0.75]
    assert 0 < len(expected) < 30
    assert shown(page) == best(expected)
    page.get_by_label("Name contains").fill(expected[0].picture[-7:].upper())
    assert shown(page) == [expected[0].picture]
    page.get_by_role("button", name="Clear").click()
    # the page waits for the form's own clearing
    page.locator("#cards > li[hidden]").first.wait_for(state="detached")
    assert shown(page) == best(ROWS)[:200]


def test_the_slider_counts_all_images_and_labels_the_cards(page: Any) -> None:
    defects = sum(row.decision == "defect" for row in ROWS)
    assert f"{defects} defective images of {COUNT}" in status(page)
    assert "several thresholds" in status(page)
    slide(page, 0.9)
    now = sum((row.score or 0) > 0.9 for row in ROWS)
    assert f"Above 0.9: {now} images of {COUNT} would be defective" in status(page)
    assert f"{defects - now} fewer than in the run ({defects})" in status(page)
    badges: dict[str, str] = page.eval_on_selector_all(
        "#cards > li",
        "all => Object.fromEntries(all.map(c => [c.dataset.name, "
        "c.querySelector('.decision').textContent]))",
    )
    assert len(badges) == 200
    words = {"defect": "Defective", "good": "Good"}
    for row in ROWS:
        would_be = "defect" if (row.score or 0) > 0.9 else "good"
        changed = f", was {words[row.decision or '']}".lower() if row.decision != would_be else ""
        assert badges.get(row.picture, words[would_be] + changed) == words[would_be] + changed
    page.get_by_label("Decision").select_option("defect")
    assert len(shown(page)) == now
    # below every card, the counts are still those of all images
    slide(page, 0.1)
    now = sum((row.score or 0) > 0.1 for row in ROWS)
    assert f"Above 0.1: {now} images" in status(page)
    assert f"{now - defects} more than" in status(page)
    page.get_by_role("button", name="Reset").click()
    assert f"{defects} defective images of {COUNT}" in status(page)


def test_a_class_has_its_own_threshold(page: Any) -> None:
    page.get_by_label("Class", exact=True).select_option("gear")
    gears = [row for row in ROWS if row.class_name == "gear"]
    slider = page.get_by_role("slider", name="Try a threshold")
    assert slider.get_attribute("aria-valuetext") == "0.8"
    assert f"in gear: {sum(row.decision == 'defect' for row in gears)} defective" in status(page)
    slide(page, 0.95)
    now = sum((row.score or 0) > 0.95 for row in gears)
    assert f"Above 0.95 in gear: {now} images of {len(gears)}" in status(page)


def test_the_keyboard_is_enough(page: Any) -> None:
    page.keyboard.press("Tab")
    assert page.evaluate("document.activeElement.textContent") == "Skip to the images"
    page.keyboard.press("Enter")
    assert page.evaluate("document.activeElement.id") == "highest-heading"
    page.locator("#threshold").focus()
    page.keyboard.press("Home")
    assert f"{COUNT} images of {COUNT} would be defective" in status(page)
    page.keyboard.press("End")
    assert f": 0 images of {COUNT} would be defective" in status(page)
    page.keyboard.press("ArrowLeft")
    assert f": 0 images of {COUNT}" not in status(page)
    page.keyboard.press("Tab")
    page.keyboard.press("Enter")
    assert "Decisions of the run" in status(page)


def test_every_part_has_a_name_for_those_who_listen(page: Any) -> None:
    session = page.context.new_cdp_session(page)
    nodes = session.send("Accessibility.getFullAXTree")["nodes"]
    found: dict[str, list[str]] = {}
    for node in nodes:
        if not node["ignored"]:
            role = node["role"]["value"]
            found.setdefault(role, []).append(node.get("name", {}).get("value", ""))
    for role in ("banner", "main", "contentinfo", "search"):
        assert len(found[role]) == 1, role
    named = ("button", "link", "combobox", "slider", "spinbutton", "searchbox", "image", "region")
    for role in (*named, "heading"):
        assert found[role], role
        assert all(found[role]), role
    assert found["image"].count("Outlines of 1 region") > 50
    assert len([name for name in found["image"] if name.startswith("Reconstruction of")]) == 200
    assert len(found["status"]) == 3  # the slider's value, what it changes, how many are shown
    levels = page.eval_on_selector_all("h1, h2, h3", "all => all.map(h => Number(h.tagName[1]))")
    assert levels[0] == 1
    assert all(later - earlier <= 1 for earlier, later in pairwise(levels))


def test_no_request_leaves_the_page(browser: Any, report: Path) -> None:
    opened = browser.new_page()
    requests: list[str] = []
    opened.on("request", lambda request: requests.append(request.url))
    opened.goto(report.as_uri())
    opened.wait_for_load_state("networkidle")
    elsewhere = [url for url in requests if not url.startswith("data:")]
    assert elsewhere == [report.as_uri()]
    # what slipped into the page all the same would be refused
    refused = opened.evaluate(
        """() => new Promise(resolve => {
            const found = [];
            document.addEventListener("securitypolicyviolation", event => {
                found.push(event.effectiveDirective);
                if (found.length === 3) resolve(found.sort());
            });
            document.body.append(Object.assign(new Image(), { src: "https://example.org/a.png" }));
            const script = document.createElement("script");
            script.textContent = "window.ran = true";
            document.body.append(script);
            fetch("https://example.org/").catch(() => {});
        })"""
    )
    assert refused == ["connect-src", "img-src", "script-src-elem"]
    assert opened.evaluate("window.ran") is None
    opened.close()


@pytest.mark.parametrize("width", [320, 700, 1600])
def test_nothing_is_wider_than_the_window(page: Any, width: int) -> None:
    page.set_viewport_size({"width": width, "height": 800})
    assert page.evaluate("document.documentElement.scrollWidth") <= width
    views = page.locator("#cards > li").first.locator("figure")
    tops = [views.nth(place).bounding_box()["y"] for place in range(3)]
    assert max(tops) - min(tops) < 1, "input, reconstruction and heatmap stand side by side"


def test_without_scripts_the_cards_are_there_and_nothing_that_does_not_work(
    browser: Any, report: Path
) -> None:
    context = browser.new_context(java_script_enabled=False)
    opened = context.new_page()
    opened.goto(report.as_uri())
    assert opened.locator("#cards > li").count() == 200
    assert not opened.locator("#filters").is_visible()
    assert not opened.locator("#slider").is_visible()
    context.close()
