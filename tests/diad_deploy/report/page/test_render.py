"""The page: what stands on it, and that nothing on it is anybody's markup."""

import base64
import hashlib
import re
from dataclasses import replace
from html.parser import HTMLParser
from pathlib import Path

import pytest

from diad_deploy.regions import Region
from diad_deploy.report import folder as layout
from diad_deploy.report.page.render import PageFacts, render_page, write_page
from diad_deploy.report.ranking import rank
from diad_deploy.report.results import ResultRow
from diad_deploy.report.run_record import RunRecord

RECORD = RunRecord(
    bundle="the bundle", bundle_sha256="ab" * 32, backend="fake", scale=(0.05, 0.75), maps=None
)
HOSTILE = '<script>alert("1")</script>&\'.png'
VOID = {"meta", "img", "br", "link", "input"}


class Page(HTMLParser):
    """The page's elements, and whether they close in order."""

    def __init__(self, html: str) -> None:
        super().__init__()
        self.elements: list[tuple[str, dict[str, str | None]]] = []
        self.text = ""
        self.code: dict[str, str] = {}
        self._open: list[str] = []
        self.feed(html)
        self.close()
        assert self._open == []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.elements.append((tag, dict(attrs)))
        if tag not in VOID:
            self._open.append(tag)

    def handle_startendtag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.elements.append((tag, dict(attrs)))

    def handle_endtag(self, tag: str) -> None:
        assert self._open.pop() == tag

    def handle_data(self, data: str) -> None:
        if self._open and self._open[-1] in ("script", "style"):
            self.code[self._open[-1]] = data
        else:
            self.text += data

    def all(self, tag: str) -> list[dict[str, str | None]]:
        return [attributes for name, attributes in self.elements if name == tag]


def ok(image: str, score: float) -> ResultRow:
    return ResultRow(
        picture=image,
        path=image,
        status="ok",
        score=score,
        width=40,
        height=20,
        heatmap=layout.heatmap_path(image),
    )


def failed(image: str, reason: str = "the file is empty") -> ResultRow:
    return ResultRow(picture=image, path=image, status="failed", reason=reason)


def facts(total: int) -> PageFacts:
    return PageFacts(total=total, seconds=75.4, pictures_per_second=1.234, version="0.1.0")


def page(folder: Path, rows: list[ResultRow], total: int | None = None) -> Page:
    ranking = rank(rows)
    return Page(render_page(folder, RECORD, ranking, facts(total or len(rows))))


def test_images_stand_with_three_thumbnails_and_a_link(tmp_path: Path) -> None:
    for kind in layout.THUMBNAIL_KINDS:
        layout.write_output(tmp_path, layout.thumbnail_path("a b#.png", kind), kind.encode())
    found = page(tmp_path, [ok("a b#.png", 0.31)])
    images = found.all("img")
    assert [image["alt"] for image in images] == [
        "Input of a b#.png",
        "Reconstruction of a b#.png",
        "Heatmap of a b#.png, full size",
    ]
    assert all((image["src"] or "").startswith("data:image/jpeg;base64,") for image in images)
    assert (images[0]["width"], images[0]["height"]) == ("160", "80")
    assert "heatmaps/a%20b%23.png.png" in [link["href"] for link in found.all("a")]
    assert "0.31" in found.text


def test_names_and_reasons_are_escaped(tmp_path: Path) -> None:
    found = page(tmp_path, [ok(HOSTILE, 0.5), failed("b", HOSTILE)])
    assert found.text.count(HOSTILE) == 2
    assert len(found.all("script")) == 2  # the page's own, and its values


def test_stray_bytes_in_names_do_not_stop_the_page(tmp_path: Path) -> None:
    ranking = rank([ok("stray-\udcff.png", 0.5)])
    html = write_page(tmp_path, RECORD, ranking, facts(1)).read_text(encoding="utf-8")
    assert "stray-\\udcff.png" in html
    assert 'href="heatmaps/stray-%FF.png.png"' in html


def test_the_page_needs_nothing_but_itself(tmp_path: Path) -> None:
    html = render_page(tmp_path, RECORD, rank([ok("a.png", 0.5)]), facts(1))
    assert not re.search(r"https?:|//[a-z]|@import|url\(|<link|src=\"(?!data:)", html)


def test_the_200_highest_are_shown_highest_first(tmp_path: Path) -> None:
    rows = [ok(f"{n:03}.png", ((n * 37) % 300) / 300) for n in range(300)]
    found = page(tmp_path, rows)
    names = [card["data-name"] for card in found.all("li")]
    best = sorted(rows, key=lambda row: -(row.score or 0.0))[:200]
    assert names == [row.picture for row in best]
    assert "All 300 scores are in" in found.text


def test_the_histogram_counts_all_scores(tmp_path: Path) -> None:
    rows = [ok(f"{n:03}.png", n / 300) for n in range(300)]
    html = render_page(tmp_path, RECORD, rank(rows), facts(300))
    counts = re.findall(r"<rect[^>]*><title>[^:<]* to [^:<]*: ([\d,]+)</title></rect>", html)
    assert sum(map(int, counts)) == 300


def test_failures_are_listed_up_to_a_number_and_counted(tmp_path: Path) -> None:
    found = page(tmp_path, [failed(f"{n:03}.png") for n in range(230)])
    assert len(re.findall(r"\b\d{3}\.png", found.text)) == 200
    assert "230 images, of which the first 200 are listed" in " ".join(found.text.split())


def test_the_header_says_what_ran(tmp_path: Path) -> None:
    text = " ".join(page(tmp_path, [ok("a.png", 0.5), failed("b")]).text.split())
    for part in ("the bundle", "fake", "1 min 15 s", "Images per second1.23", "0.05", "0.75"):
        assert part in text
    assert "The run was stopped" not in text


def test_a_run_that_was_stopped_says_so(tmp_path: Path) -> None:
    text = " ".join(page(tmp_path, [ok("a.png", 0.5)], total=7).text.split())
    assert "The run was stopped after 1 of 7 images." in text


def test_missing_thumbnails_cost_no_more_than_themselves(tmp_path: Path) -> None:
    found = page(tmp_path, [ok("a.png", 0.5)])
    assert found.all("img") == []
    assert found.text.count("No thumbnail") == 2


@pytest.mark.parametrize("rows", [[], [ok("a.png", 0.5)], [failed("a.png")]])
def test_headings_tables_and_language_for_those_who_listen(
    tmp_path: Path, rows: list[ResultRow]
) -> None:
    found = page(tmp_path, rows)
    assert found.all("html") == [{"lang": "en"}]
    failures = sum(row.status == "failed" for row in rows)
    assert len(found.all("table")) == len(found.all("caption")) == failures
    for landmark in ("header", "main", "footer"):
        assert len(found.all(landmark)) == 1
    labelled = {label["for"] for label in found.all("label")}
    assert {field["id"] for kind in ("input", "select") for field in found.all(kind)} == labelled
    assert all("scope" in head for head in found.all("th"))
    assert all(image.get("alt") for image in found.all("img"))
    names = {element["id"] for _, element in found.elements if "id" in element}
    labels = {e["aria-labelledby"] for _, e in found.elements if "aria-labelledby" in e}
    assert labels <= names


def contrast(first: str, second: str) -> float:
    def luminance(colour: str) -> float:
        channels = [int(colour[i : i + 2], 16) / 255 for i in (1, 3, 5)]
        linear = [c / 12.92 if c <= 0.04045 else ((c + 0.055) / 1.055) ** 2.4 for c in channels]
        return 0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2]

    low, high = sorted([luminance(first), luminance(second)])
    return (high + 0.05) / (low + 0.05)


def test_text_has_contrast_in_light_and_dark(tmp_path: Path) -> None:
    html = render_page(tmp_path, RECORD, rank([]), facts(0))
    themes = re.findall(r":root \{([^}]*--page[^}]*)\}", html)
    assert len(themes) == 2
    for theme in themes:
        colours = dict(re.findall(r"--([\w-]+): (#\w{6});", theme))
        for ink in ("ink", "quiet", "accent", "bad", "good"):
            for ground in ("page", "card"):
                assert contrast(colours[ink], colours[ground]) >= 4.5, (ink, ground)
        assert contrast(colours["bad"], colours["bad-wash"]) >= 4.5
        assert contrast(colours["good"], colours["good-wash"]) >= 4.5
        assert contrast(colours["bar"], colours["card"]) >= 3
        assert contrast(colours["edge"], colours["card"]) >= 3


def test_the_policy_lets_run_what_stands_on_the_page_and_nothing_else(tmp_path: Path) -> None:
    html = render_page(tmp_path, RECORD, rank([ok("a.png", 0.5)]), facts(1))
    found = Page(html)
    [policy] = [
        meta["content"] or ""
        for meta in found.all("meta")
        if meta.get("http-equiv") == "Content-Security-Policy"
    ]
    rules = dict(rule.strip().split(" ", 1) for rule in policy.split(";"))
    assert rules["default-src"] == "'none'"
    assert rules["img-src"] == "data:"
    for kind in ("script", "style"):
        digest = hashlib.sha256(found.code[kind].encode()).digest()
        assert rules[f"{kind}-src"] == f"'sha256-{base64.b64encode(digest).decode()}'"
    assert not any("style" in attributes for _, attributes in found.elements)


REGION = Region(
    contour=tuple((x, 3) for x in range(200)),
    box=(0, 3, 200, 1),
    area_px=200,
    peak=0.6,
    peak_xy=(7, 3),
)


def test_decisions_thresholds_and_regions_stand_on_the_card(tmp_path: Path) -> None:
    layout.write_output(tmp_path, layout.thumbnail_path("a.png", "input"), b"x")
    row = replace(
        ok("a.png", 0.31),
        class_name="gear",
        threshold=0.25,
        decision="defect",
        margin=0.06,
        regions=(REGION,) * 12,
    )
    found = page(tmp_path, [row, failed("b")])
    [card] = found.all("li")
    assert (card["data-decision"], card["data-group"]) == ("defect", "gear")
    assert "gear · threshold 0.25, margin +0.06 · 12 regions" in found.text
    outlines = [polygon["points"] or "" for polygon in found.all("polygon")]
    assert len(outlines) == 2 * 8  # the highest peaks, each with its halo
    assert outlines[0].startswith("0,3 ")
    assert len(outlines[0].split()) <= 64
    assert "Defective1Good0" in "".join(found.text.split())


def test_a_long_runs_page_is_no_longer(tmp_path: Path) -> None:
    def size(count: int) -> int:
        rows = (ok(f"line-{n % 30}/{n:06}.png", (n * 7919 % count) / count) for n in range(count))
        return len(render_page(tmp_path, RECORD, rank(rows), facts(count)))

    assert size(12_000) < 1.2 * size(3_000)
