"""The page: all figures, nothing from elsewhere, every name escaped."""

import re
from html.parser import HTMLParser

from diad_evaluate.report.page import render_page
from tests.diad_evaluate.found_evaluations import (
    CURVES,
    NASTY,
    class_found,
    evaluation,
    mistake,
    mvtec_ad,
    row,
)


class Page(HTMLParser):
    """Tags with their attributes, and the text."""

    def __init__(self, html: str) -> None:
        super().__init__()
        self.tags: list[tuple[str, dict[str, str | None]]] = []
        self.text = ""
        self.feed(re.sub(r"<style>.*?</style>", "", html, flags=re.DOTALL))

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append((tag, dict(attrs)))

    def handle_data(self, data: str) -> None:
        self.text += data

    def named(self, tag: str) -> list[dict[str, str | None]]:
        return [attributes for name, attributes in self.tags if name == tag]


def test_no_request_leaves_the_page() -> None:
    found = evaluation(class_found("a", curves=CURVES), misses=(mistake("m", "dent"),))
    html = render_page(found)
    page = Page(html)
    assert {tag for tag, _ in page.tags} & {"script", "link", "iframe"} == set()
    sources = [image["src"] or "" for image in page.named("img")]
    assert len(sources) == 3
    assert all(source.startswith("data:image/") for source in sources)
    assert all(image["alt"] for image in page.named("img"))
    assert not re.search(r"url\(|@import|https?://", html)


def test_rows_of_classes_mean_and_paper() -> None:
    page = Page(render_page(mvtec_ad()))
    kinds = [attributes.get("class") for attributes in page.named("tr")]
    assert kinds == [None, *["class"] * 15, "mean", "paper"]
    assert "the paper's MVTec-AD, mean of 15" in page.text
    assert "They were not measured in this run." in page.text
    assert "paper" not in Page(render_page(evaluation(class_found("screw")))).text


def test_mistakes_notes_and_faults() -> None:
    found = evaluation(
        class_found("a", notes=("no masks: image metrics only",)),
        rows=(row("x.png", status="failed", score=None, reason="the file is empty"),),
        false_alarms=(mistake("good/1.png"),),
        misses=(mistake("dent/2.png", "dent"),),
        stopped=True,
    )
    text = Page(render_page(found)).text
    for part in (
        *("Worst false alarms", "good/1.png", "Worst misses", "dent/2.png", "a, dent"),
        *("a: no masks: image metrics only", "x.png", "the file is empty", "1 image or mask."),
        "The run was stopped",
    ):
        assert part in text
    plain = Page(render_page(evaluation(class_found("a")))).text
    for part in ("Worst false alarms", "Worst misses", "Could not be used", "was stopped"):
        assert part not in plain


def test_names_are_escaped() -> None:
    found = evaluation(
        class_found(NASTY, notes=(NASTY,)),
        data=f"/{NASTY}",
        bundle=NASTY,
        rows=(row(NASTY, status="failed", score=None, reason=NASTY),),
        misses=(mistake(NASTY),),
    )
    page = Page(render_page(found))
    assert page.named("b") == []
    assert page.text.count("<b>&") >= 6
