"""A program of the learner's that is run once: what it prints is told, and so is how it ends."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest

from lab.grading.instruments import tool
from lab.grading.instruments.tool import run
from lab.grading.model import Tool


def python(folder: Path, text: str) -> Tool:
    (folder / "say.py").write_text(text)
    return Tool(name="say", dir=str(folder), argv=(sys.executable, "-m", "say"))


def test_it_reads_what_it_is_given_and_is_told_no_address(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("USERS_URL", "http://127.0.0.1:1")
    text = "import os, sys\nsys.stdout.write(sys.stdin.read().upper() + os.environ.get('USERS_URL', '!'))"
    ran = run(python(tmp_path, text), "hello")
    assert (ran.code, ran.out, ran.err) == (0, "HELLO!", "")
    assert str(ran) == "HELLO!"


def test_a_failure_shows_its_code_and_its_last_words(tmp_path: Path) -> None:
    ran = run(python(tmp_path, "raise SystemExit('no figures')"), "")
    assert (ran.code, ran.out) == (1, "")
    assert str(ran) == "exit code 1; nothing\nno figures"


def test_one_that_hangs_is_ended(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(tool, "PATIENCE", 0.5)
    ran = run(python(tmp_path, "import time\ntime.sleep(60)"), "")
    assert ran.code is None
    assert str(ran).startswith("it was not over in time")


def test_one_that_is_not_there_says_so(tmp_path: Path) -> None:
    ran = run(Tool(name="say", dir=str(tmp_path), argv=("./bin/say",)), "")
    assert (ran.code, ran.err) == (None, "./bin/say: No such file or directory")
