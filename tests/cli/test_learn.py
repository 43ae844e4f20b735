"""`lab learn` from outside: printed, as a page, as data; and without a screen it never opens the reader."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from html.parser import HTMLParser
from pathlib import Path

import pytest

from tests import toys
from tests.course.lights import ANSWERED, OVER, played

LIT = "day9.restart.lit"


def lab(home: Path, *words: str, **env: str) -> subprocess.CompletedProcess[str]:
    with toys.found():
        return subprocess.run(
            [sys.executable, "-m", "lab", *words],
            env={**os.environ, "LAB_HOME": str(home), "COLUMNS": "80", **env},
            capture_output=True,
            text=True,
            timeout=60,
            check=False,
        )


@pytest.fixture
def seen(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> str:
    """A run in which the lamp was lit three times."""
    monkeypatch.setenv("LAB_HOME", str(tmp_path))
    with toys.found():
        return played(ANSWERED, OVER)


def test_without_a_day_the_contents_are_printed(tmp_path: Path) -> None:
    done = lab(tmp_path, "learn")
    assert done.returncode == 0
    assert "day9  Ninth day: lights\n   1  Every lamp goes out, *some day*  day9#lamps-go-out\n" in done.stdout
    assert not done.stderr


def test_a_lesson_is_printed_in_the_language_that_is_spoken(tmp_path: Path) -> None:
    english = lab(tmp_path, "learn", "day9", "--plain").stdout
    assert english.startswith("Ninth day: lights\n\nWhen is it dark? After this day you can `switch` a lamp on.\n")
    assert "─ 1/2\nEvery lamp goes out, *some day*\n" in english
    assert "It was lit ◇ 2 times." in english
    assert "\x1b" not in english
    assert max(map(len, english.splitlines())) < 80
    uzbek = lab(tmp_path, "learn", "day9", LAB_LANG="uz", COLUMNS="50").stdout
    assert "U ◇ 2 marta yondi." in uzbek
    assert "◇ bosma raqam; o‘zingiznikini lab run day9" in uzbek.replace("\n  ", " ")


def test_printing_loads_no_screen(tmp_path: Path) -> None:
    done = lab(tmp_path, "learn", "day9", PYTHONPROFILEIMPORTTIME="1")
    assert "lab.course.typeset" in done.stderr
    assert "textual" not in done.stderr


def test_one_screen_is_printed_with_what_was_seen_here(tmp_path: Path, seen: str) -> None:
    told = lab(tmp_path, "learn", "day9#lamps-go-out").stdout
    assert "It was lit ◆ 3 times." in told
    assert f"◆ How often is it lit? 3 ({seen})" in told
    assert "Two lamps are brighter" not in told


def test_without_unicode_all_is_ascii_and_as_wide(tmp_path: Path) -> None:
    told = lab(tmp_path, "learn", "day9#lamps-go-out", "--plain", PYTHONIOENCODING="ascii", LAB_LANG="uz").stdout
    assert told.isascii()
    assert "   +------+      +------+\n   |switch|-->-->|chiroq|\n" in told
    assert "Chiroq - yorug'lik va'dasi." in told


@pytest.mark.parametrize(
    ("words", "told"),
    [
        (("learn", "day77"), 'there is no day "day77"'),
        (("learn", "day9#lamps"), 'there is no screen "lamps"'),
        (("learn", "day9", "--plain", "--json"), "give only one of --plain, --html and --json"),
    ],
)
def test_what_cannot_be_read_is_told(tmp_path: Path, words: tuple[str, ...], told: str) -> None:
    done = lab(tmp_path, *words)
    assert done.returncode == 2
    assert told in done.stderr
    assert not done.stdout


def test_a_page_that_cannot_be_written_is_told(tmp_path: Path) -> None:
    done = lab(tmp_path, "learn", "day9", "--html", str(tmp_path / "no" / "page.html"))
    assert done.returncode == 3
    assert "No such file or directory" in done.stderr
    assert "Traceback" not in done.stderr


def test_as_data_it_has_all_of_a_lesson(tmp_path: Path, seen: str) -> None:
    told = json.loads(lab(tmp_path, "learn", "day9", "--json").stdout)
    assert (told["schema_version"], told["language"]) == (1, "en")
    (lesson,) = told["lessons"]
    first, second = lesson["screens"]
    assert (lesson["day"], first["id"], second["id"]) == ("day9", "lamps-go-out", "two-are-brighter")
    assert [block["kind"] for block in first["blocks"]] == ["prose", "picture", "prose", "demo", "prose"]
    here = {"value": 3.0, "run": seen, "settings": "--dim"}
    assert first["figures"] == [{"measure": LIT, "usual": "2", "here": here}]
    assert second["figures"] == []
    only = json.loads(lab(tmp_path, "learn", "day9#two-are-brighter", "--json").stdout)
    assert [screen["id"] for screen in only["lessons"][0]["screens"]] == ["two-are-brighter"]


class Html(HTMLParser):
    """What a page is made of: that it closes what it opens, its ids, where its links lead, and what it loads."""

    VOID = frozenset({"meta", "br", "hr", "img", "link", "input"})

    def __init__(self, text: str) -> None:
        super().__init__()
        self.open: list[str] = []
        self.ids: list[str] = []
        self.links: list[str] = []
        self.loaded: list[str] = []
        self.text = ""
        self.feed(text)
        assert not self.open

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        if tag not in self.VOID:
            self.open.append(tag)
        found = dict(attrs)
        self.ids += [str(found["id"])] if "id" in found else []
        self.links += [str(found["href"])] if tag == "a" else []
        self.loaded += [tag] if tag in ("script", "link", "img", "iframe") else []

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag

    def handle_data(self, data: str) -> None:
        self.text += data


def test_a_page_needs_nothing_else_and_its_links_lead_somewhere(tmp_path: Path, seen: str) -> None:
    path = tmp_path / "lesson.html"
    done = lab(tmp_path, "learn", "day9", "--html", str(path))
    assert (done.returncode, done.stdout) == (0, "")
    assert f"{path} is written" in done.stderr
    written = path.read_text(encoding="utf-8")
    page = Html(written)
    assert not page.loaded
    assert "url(" not in written
    assert "prefers-color-scheme:dark" in written
    assert "@media print" in written
    assert set(page.ids) == {"day9-lamps-go-out", "day9-two-are-brighter"}
    assert {link.removeprefix("#") for link in page.links if link.startswith("#")} == set(page.ids)
    assert {link for link in page.links if not link.startswith("#")} == {"https://example.org/bulb"}
    assert '<span class="figure here">◆ 3</span> times' in written
    assert f"How often is it lit? 3 ({seen})" in page.text
    assert 'aria-label=" ╭──────╮' in written
    line = " │switch│──▶──▶│ lamp │".replace(" ", "\N{NO-BREAK SPACE}")
    assert f'textLength="193.2">{line}</text>' in written, "each sign of a picture keeps its place"
    assert "<td>100 %</td>" in written
    assert "{{" not in written


def test_a_page_of_one_screen_tells_where_the_others_are(tmp_path: Path) -> None:
    path = tmp_path / "one.html"
    lab(tmp_path, "learn", "day9#lamps-go-out", "--html", str(path), LAB_LANG="uz")
    written = path.read_text(encoding="utf-8")
    assert '<html lang="uz">' in written
    assert '<span title="lab learn day9#two-are-brighter">yorug‘roq</span>' in written
    assert '<span class="figure">◇ 2</span>' in written
    assert Html(written).ids == ["day9-lamps-go-out"]
