"""Builds: whatever they do, they end, and nothing of them is left."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from lab.grading import build as building
from lab.grading.build import build_all
from lab.grading.model import Build
from lab.grading.stage import Stage
from tests.runtime.live import alive
from tests.waiting import eventually


def built(folder: Path, command: str) -> str:
    return build_all([Build(service="shop", dir=str(folder), command=command)], lambda _: None).get("shop", "")


def pid_in(path: Path) -> int:
    return int(eventually(lambda: path.exists() and path.read_text().strip()))


def test_what_builds_leaves_its_work(tmp_path: Path) -> None:
    assert built(tmp_path, "echo made > bin && cat") == ""
    assert (tmp_path / "bin").read_text() == "made\n"


def test_its_last_lines_are_told_without_their_colours(tmp_path: Path) -> None:
    problem = built(
        tmp_path, r"yes | head -100000; printf '\033[1;31merror\033[0m: no \033]0;t\007compiler\r\n'; exit 3"
    )
    assert problem.startswith("`yes ")
    assert problem.splitlines()[0].endswith("` ended with code 3:")
    assert problem.splitlines()[-1] == "  error: no compiler"
    assert len(problem.splitlines()) == building.SAID + 1


def test_nothing_said_is_nothing_told(tmp_path: Path) -> None:
    assert built(tmp_path, "false") == "`false` ended with code 1"
    assert built(tmp_path, "exec >&- 2>&-; exit 4").endswith("ended with code 4")


def test_a_folder_that_is_missing_is_said(tmp_path: Path) -> None:
    assert built(tmp_path / "gone", "true").endswith(f"cannot be run in {tmp_path / 'gone'}: No such file or directory")


def test_one_that_hangs_is_ended_with_all_that_it_started(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(building, "PATIENCE", 0.5)
    told: list[Stage] = []
    command = "echo half way; trap '' TERM; sleep 600 & echo $! > pid; wait"
    problem = build_all([Build(service="shop", dir=str(tmp_path), command=command)], told.append)["shop"]
    assert problem.endswith("was not done after 0.5 s:\n  half way")
    assert told[-1].seconds > 0.5
    eventually(lambda: not alive(pid_in(tmp_path / "pid")), 3)


def test_one_that_ends_holds_nobody_up_by_what_it_leaves_behind(tmp_path: Path) -> None:
    assert built(tmp_path, "yes & echo $! > pid") == ""
    eventually(lambda: not alive(pid_in(tmp_path / "pid")), 3)


@pytest.mark.parametrize("number", [signal.SIGKILL, signal.SIGTERM, signal.SIGINT, signal.SIGHUP])
def test_a_killed_starter_takes_its_build_along(tmp_path: Path, number: signal.Signals) -> None:
    script = (
        "import sys; from lab.grading.build import build_all; from lab.grading.model import Build;"
        "build_all([Build(service='shop', dir=sys.argv[1], command='sleep 600 & echo $! > pid; wait')], lambda _: None)"
    )
    starter = subprocess.Popen([sys.executable, "-c", script, str(tmp_path)], stderr=subprocess.DEVNULL)
    try:
        pid = pid_in(tmp_path / "pid")
        os.kill(starter.pid, number)
        eventually(lambda: not alive(pid), 3)
    finally:
        starter.kill()
        starter.wait()
