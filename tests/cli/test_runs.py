"""`lab runs`: the list holds whatever state its runs are in."""

from __future__ import annotations

from pathlib import Path

import pytest
from typer.testing import CliRunner

from lab.cli.app import app
from tests.cli.recorded import record


def test_a_run_without_a_journal_is_listed_with_the_others(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A run has its folder before its journal: the list of all runs must not fail in between."""
    monkeypatch.setenv("LAB_HOME", str(tmp_path / "home"))
    record()
    (record() / "journal.ndjson").unlink()
    listed = CliRunner().invoke(app, ["runs"])
    assert listed.exit_code == 0, listed.output
    rows = [line.split() for line in listed.stdout.splitlines()]
    assert [(row[0], row[-1]) for row in rows[1:3]] == [("0001-shop", rows[1][-1]), ("0002-shop", "-")]
    assert rows[1][-1] != "-"
