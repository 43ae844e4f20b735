"""An exercise whose engine needs a package that is not installed."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

HIDE = """
import sys
from importlib import util

found = util.find_spec
util.find_spec = lambda name, *more: None if name.startswith("confluent_kafka") else found(name, *more)


class Hidden:
    def find_spec(self, name, path=None, target=None):
        if name.startswith("confluent_kafka"):
            raise ModuleNotFoundError(f"No module named {name!r}", name=name)


sys.meta_path.insert(0, Hidden())
"""
"""Python runs it before everything else, in the lab's own processes, too."""


@pytest.mark.parametrize("command", ["check", "try"])
def test_without_kafkas_client_it_is_said_how_to_get_it(command: str, tmp_path: Path) -> None:
    (tmp_path / "sitecustomize.py").write_text(HIDE)
    folder = tmp_path / "work"
    folder.mkdir()
    env = {**os.environ, "PYTHONPATH": str(tmp_path), "LAB_HOME": str(tmp_path / "home")}

    def lab(*words: str) -> subprocess.CompletedProcess[str]:
        argv = [sys.executable, "-m", "lab", "--lang", "en", *words]
        return subprocess.run(argv, cwd=folder, env=env, capture_output=True, text=True, timeout=60, check=False)

    assert lab("init").returncode == 0
    assert lab("start", "3.8").returncode == 0
    done = lab(command, "3.8")
    assert done.returncode == 3
    assert "Kafka needs confluent-kafka, which is not installed here" in done.stderr
    assert "python3 -m pip install 'lab[kafka]'" in done.stderr
    assert "unexpectedly" not in done.stderr
