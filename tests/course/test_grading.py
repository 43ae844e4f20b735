"""A grading in a process of its own: it is followed step by step, and nothing of it outlives whoever asked."""

from __future__ import annotations

import contextlib
import os
import signal
import subprocess
import sys
import threading
from collections.abc import Iterator
from pathlib import Path

import psutil
import pytest

from lab.course.assignment import assignment, sources
from lab.course.grading import Done, Grading, NotGraded, Task, decode, encode
from lab.course.manifest import load
from lab.course.variants import Variant, lay_out
from lab.grading.stage import Stage
from tests.course import TOY
from tests.waiting import eventually

EXERCISE = load(TOY)


@pytest.fixture(autouse=True)
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("LAB_HOME", str(tmp_path / "home"))
    return tmp_path / "home"


def task(folder: Path, **more: object) -> Task:
    """The toy's solution, laid out in the folder."""
    variant = Variant("solution")
    if not (folder / "services").exists():
        lay_out(EXERCISE, variant, folder / "services")
    asked = assignment(EXERCISE, sources(EXERCISE, folder / "services"))
    return Task(assignment=asked, seed=1, records=str(folder / "records"), **more)  # type: ignore[arg-type]


def marked(home: Path) -> set[int]:
    """Processes that carry the mark of a run that is kept there."""
    found = set()
    for process in psutil.process_iter():
        with contextlib.suppress(psutil.Error, OSError):
            if process.environ().get("LAB_RUN", "").startswith(str(home)):
                found.add(process.pid)
    return found


@pytest.fixture
def runs(home: Path) -> Iterator[Path]:
    yield home
    eventually(lambda: not marked(home), 20)


def test_its_steps_come_one_by_one_and_then_its_report(tmp_path: Path, runs: Path) -> None:
    steps: list[Stage] = []
    with Grading() as grading:
        done = grading.grade(task(tmp_path, traces=True), steps.append)
    assert done.report.passed
    assert done.left == ()
    kinds = [step.kind for step in steps if step.kind != "waiting"]
    assert kinds == ["start", "check", "verdict", "check", "verdict", "end"]
    assert (tmp_path / "records" / "greeter.log").exists()
    assert decode(encode(done), Done) == done
    assert not marked(runs)


def test_one_that_is_never_asked_for_anything_ends() -> None:
    with Grading() as grading:
        process = psutil.Process(grading.pid)
    assert not process.is_running()


def test_a_screen_may_break_it_off_from_another_thread(tmp_path: Path, runs: Path) -> None:
    with Grading() as grading:

        def stop(step: Stage) -> None:
            if step.kind == "check":
                threading.Thread(target=grading.interrupt).start()

        with pytest.raises(NotGraded, match="stopped unexpectedly"):
            grading.grade(task(tmp_path), stop)
    assert not marked(runs)


def test_a_grading_that_is_killed_leaves_nothing(tmp_path: Path, runs: Path) -> None:
    with Grading() as grading:

        def kill(step: Stage) -> None:
            if step.kind == "check":
                os.kill(grading.pid, signal.SIGKILL)

        with pytest.raises(NotGraded, match="stopped unexpectedly"):
            grading.grade(task(tmp_path), kill)
    eventually(lambda: not marked(runs), 20)


ASKER = """
import signal, sys
from pathlib import Path
signal.signal(signal.SIGINT, getattr(signal, sys.argv[2]))
from tests.course.test_grading import task
from lab.course.grading import Grading
with Grading() as grading:
    print(grading.pid, flush=True)
    grading.grade(task(Path(sys.argv[1])), lambda step: print(step.kind, flush=True))
"""


@pytest.mark.parametrize("ctrl_c", ["SIG_DFL", "SIG_IGN"], ids=["typed", "from a script, with &"])
def test_a_grading_whose_asker_is_killed_leaves_nothing(tmp_path: Path, runs: Path, ctrl_c: str) -> None:
    task(tmp_path)
    (app,) = (tmp_path / "services").rglob("app.py")
    app.write_text("import time\ntime.sleep(60)\n")  # it would go on for long
    asker = subprocess.Popen([sys.executable, "-c", ASKER, str(tmp_path), ctrl_c], stdout=subprocess.PIPE, text=True)
    assert asker.stdout
    pid = int(asker.stdout.readline())
    next(line for line in asker.stdout if line == "check\n")
    asker.kill()
    asker.wait()
    asker.stdout.close()
    eventually(lambda: not psutil.pid_exists(pid) and not marked(runs), 10)


def test_why_it_cannot_begin_is_said(tmp_path: Path, home: Path) -> None:
    home.write_text("a file is in the way")
    with Grading() as grading, pytest.raises(NotGraded, match="cannot write to") as caught:
        grading.grade(task(tmp_path))
    assert caught.value.reason == "start"
