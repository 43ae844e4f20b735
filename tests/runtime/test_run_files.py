from __future__ import annotations

from pathlib import Path

import pytest

from lab.runtime import runs
from lab.runtime.api import RunOptions
from lab.system.model import System


def test_credentials_in_an_engines_url_do_not_stay_on_disk(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("LAB_HOME", str(tmp_path))
    asked = {"redis": "redis://:hunter2@127.0.0.1:6379/0", "sql": "postgresql://h/db?password=hunter2", "*": "native"}
    options = RunOptions(tiers=asked)
    runs.create(System(name="demo"), options, "now")
    (folder,) = (tmp_path / "runs").iterdir()

    assert runs.claim(folder).options.tiers == asked
    assert "hunter2" not in (folder / "run.json").read_text()
    kept = runs.load(folder).options.tiers
    assert kept == {"redis": "redis://127.0.0.1:6379/0", "sql": "postgresql://h/db", "*": "native"}
