"""The figures at the end of a plain run add up."""

from __future__ import annotations

from pathlib import Path

import pytest

from lab.cli.run.summary import summarise
from lab.journal.event import Load
from lab.journal.picture.run import RunPicture
from lab.runtime.runs import list_runs
from tests.cli.recorded import SHOP, record


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
