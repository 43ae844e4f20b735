"""The curves of a run are drawn in plain characters, with a number for each, and kept as a picture beside it."""

from __future__ import annotations

from pathlib import Path

import pytest

from lab.cli.run.curves import WIDTH, tell
from tests.journal.test_curves import a_run


@pytest.mark.parametrize("ascii_", [False, True])
def test_a_run_with_curves_ends_with_them(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch, ascii_: bool
) -> None:
    monkeypatch.setenv("LAB_ASCII", "1" if ascii_ else "0")
    tell(a_run(), tmp_path)
    out = capsys.readouterr().out
    assert "answered in a second" in out
    assert "p95, ms" in out
    assert "\x1b" not in out
    assert out.replace(str(tmp_path), "").isascii() is ascii_
    assert all(len(line) <= WIDTH for line in out.splitlines() if str(tmp_path) not in line)
    rows = [line.split() for line in out.splitlines()]
    assert ["1", "one", "10", "10.0", "50", "ms", "50", "ms", "0"] in rows
    assert (tmp_path / "curves.svg").read_text().startswith("<svg")
    assert str(tmp_path / "curves.svg") in out


def test_a_run_without_says_nothing(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    tell([], tmp_path)
    assert capsys.readouterr().out == ""
    assert not (tmp_path / "curves.svg").exists()
