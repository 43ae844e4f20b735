"""The HTML page: everything is on it, nothing is fetched, nothing runs, nothing that was said is taken as markup."""

from __future__ import annotations

import re
from dataclasses import replace
from html.parser import HTMLParser

import pytest

from lab.grading.model import Report
from lab.grading.report.html import page
from tests.grading.samples import BREAKER, BROKEN, CONSUMER, PASSED

VOID = {"meta", "br"}


class Reader(HTMLParser):
    """Reads a page: its text, its tags, and whether each is closed."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.tags: list[str] = []
        self.open: list[str] = []
        self.words: list[str] = []
        self.links: list[str] = []
        self.feed(text)
        self.close()

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append(tag)
        self.links += [value or "" for name, value in attrs if name in ("href", "src", "action")]
        assert not any(name.startswith("on") for name, _ in attrs)
        if tag not in VOID:
            self.open.append(tag)

    def handle_startendtag(self, tag: str, _attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append(tag)

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag

    def handle_data(self, data: str) -> None:
        if not {"style", "script"} & set(self.open):
            self.words.append(data)

    @property
    def text(self) -> str:
        return " ".join("".join(self.words).split())


@pytest.mark.parametrize("language", ["en", "uz"])
def test_it_needs_nothing_else(language: str) -> None:
    text = page([CONSUMER, BREAKER, PASSED, BROKEN], language=language)
    reader = Reader(text)
    assert not reader.open
    assert not {"script", "link", "img", "iframe"} & set(reader.tags)
    assert all(link.startswith("#") for link in reader.links)
    assert "@import" not in text
    assert "url(" not in re.sub(r"url\(#sq[0-9a-f]{8}\)", "", text)


def test_a_failure_is_told_with_its_diagram() -> None:
    reader = Reader(page([CONSUMER]))
    assert reader.tags.count("svg") == 1
    for part in (
        "day3.3 Idempotent consumer", "NOT YET", "must 1 of 4", "seed 81", "order o-17 is charged 1 time", "2 charges",
        "No memory of handled messages", "lab explain no-dedup", "lab check day3.3 --seed 81 --behaviour C3",
        "runs/0042-day3.3/payments.log:3", "2 rows for order o-23", "C3 must pass first",
        "not ready within 10 s",
        "five times over", "stays small after a million",
    ):  # fmt: skip
        assert part in reader.text, part


def test_a_pass_and_a_fault_of_the_lab() -> None:
    assert "PASSED" in Reader(page([PASSED])).text
    assert "the lab's own fault" in Reader(page([BROKEN])).text


def test_what_was_said_is_no_markup() -> None:
    evil = "<script>alert(1)</script><img src=x onerror=alert(1)>"
    finding = replace(
        CONSUMER.findings[1],
        expected=evil,
        got=evil,
        command=evil,
        warnings=(evil,),
        looks_like=(evil,),
        read=evil,
        story=(replace(CONSUMER.findings[1].story[0], what=evil, who=evil),),
    )
    other = replace(CONSUMER.findings[4], reason=evil)
    report: Report = replace(CONSUMER, exercise=evil, title={"en": evil}, findings=(finding, other), logs={"x": evil})
    reader = Reader(page([report]))
    assert not {"script", "img"} & set(reader.tags)
    assert evil in reader.text


def test_two_diagrams_on_one_page_do_not_share_their_patterns() -> None:
    ids = re.findall(r'<pattern id="(\w+)"', page([CONSUMER, BREAKER]))
    assert len(ids) == len(set(ids)) == 2


def test_several_reports_begin_with_an_overview() -> None:
    reader = Reader(page([CONSUMER, PASSED]))
    assert "1 of 2 exercises passed" in reader.text
    assert "2 of 2 runs passed" in Reader(page([PASSED, replace(PASSED, seed=2)])).text
    assert 'href="#r1"' in page([CONSUMER, PASSED])
    assert 'id="r1"' in page([CONSUMER, PASSED])
    assert "<nav" not in page([CONSUMER])


def test_what_was_skipped_for_one_reason_is_one_card() -> None:
    skipped = [
        replace(one, verdict="skipped", reason="C3 must pass first", behaviour=f"C{number}")
        for number, one in enumerate(CONSUMER.findings[:3], 4)
    ]
    text = page([replace(CONSUMER, findings=tuple(skipped))])
    assert text.count('class="card skipped"') == 1
    assert "C4 C5 C6" in text
    assert text.count("C3 must pass first") == 1


def test_what_a_build_said_is_shown_once() -> None:
    text = page([replace(CONSUMER, not_built={"orders": "`go build` ended with code 1:\n  main.go:7:2: <undefined>"})])
    assert text.count("main.go:7:2: &lt;undefined&gt;") == 1
