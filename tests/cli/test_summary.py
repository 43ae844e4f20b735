"""The figures at the end of a plain run add up."""

from __future__ import annotations

from collections import Counter
from dataclasses import replace
from pathlib import Path

import pytest

from lab.cli.run import summary
from lab.cli.run.summary import summarise
from lab.journal.event import Load, Note
from lab.journal.picture.run import RunPicture
from lab.runtime.api import RunOptions
from lab.runtime.runs import list_runs
from tests.cli.recorded import SHOP, record
from tests.dashboard import shop


@pytest.mark.parametrize(
    ("load", "line"),
    [
        (Load(t=9, sent=8, ok=7, failed=1), "Load: 8 requests, 7 ok, 1 failed"),
        (Load(t=9, sent=8, ok=5, failed=1), "Load: 8 requests, 5 ok, 1 failed, 2 under way at the end"),
        (Load(t=9, sent=8, ok=8, dropped=3), "Load: 8 requests, 8 ok, 0 failed; 3 journeys not begun, too many were"),
    ],
)
def test_every_request_is_accounted_for(
    load: Load, line: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("LAB_HOME", str(tmp_path))
    record()
    picture = RunPicture(SHOP)
    picture.apply(load)
    summarise(picture, list_runs()[0])
    assert line in capsys.readouterr().out


def test_it_says_whether_anything_was_late_or_lost(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("LAB_HOME", str(tmp_path))
    record()
    picture = RunPicture(shop.SYSTEM)
    for t, ident, state in ((1.0, "a", "pending"), (2.0, "b", "pending"), (6.0, "a", "confirmed")):
        log = shop.state(ident, state, f"req-{ident}")
        log.t = t
        picture.apply(log)
    summarise(picture, list_runs()[0])
    assert "Of these: 1 still under way, 1 late, 0 lost, 0 doubled" in capsys.readouterr().out


def test_states_are_painted_and_what_services_wrote_in_them_is_only_shown(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("LAB_HOME", str(tmp_path))
    monkeypatch.setattr(summary, "paint", lambda text, style: f"<{style}>{text}</>")
    record()
    picture = RunPicture(SHOP)
    picture.entity_counts = {"order": Counter({"confirmed\x1b[2J": 2})}
    summarise(picture, list_runs()[0])
    said = capsys.readouterr().out
    assert ">2 confirmed\\x1b[2J</>" in said
    assert "\x1b" not in said


def test_at_the_end_of_a_scenario_one_reads_what_was_asked_and_how_to_go_on(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("LAB_HOME", str(tmp_path))
    record()
    picture = RunPicture(SHOP)
    picture.apply(Note(topic="answer", text="How many? seen: 2. Twice.", data={"seen": 2}))
    picture.apply(Note(topic="scenario", text="over", data={"over": True, "next": "cascade"}))
    summarise(picture, list_runs()[0])
    told = capsys.readouterr().out
    assert "· How many? seen: 2. Twice." in told
    assert "With --predict" in told
    assert f"To play next: lab run {list_runs()[0].system} --scenario cascade" in told


def test_without_a_scenario_one_is_offered_and_at_the_end_of_the_last_one_all(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("LAB_HOME", str(tmp_path))
    record()
    picture = RunPicture(SHOP)
    summarise(picture, replace(list_runs()[0], system="day2", options=RunOptions()))
    assert "A scenario tells a story: lab run day2 --scenario crud" in capsys.readouterr().out
    picture.apply(Note(topic="scenario", text="over", data={"over": True, "next": ""}))
    summarise(picture, replace(list_runs()[0], system="day2"))
    assert "To play next: lab days day2" in capsys.readouterr().out
