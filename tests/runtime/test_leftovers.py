"""What is removed of a dead run is the run's, whatever its folder says."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path

import pytest

from lab.runtime import leftovers, runs
from lab.runtime.api import RunOptions
from lab.runtime.identity import identity
from lab.runtime.leftovers import Pid, Remains
from lab.system.model import System

SHOP = System(name="shop")


@pytest.fixture(autouse=True)
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("LAB_HOME", str(tmp_path / "home"))
    return tmp_path / "home"


@pytest.fixture
def stranger() -> Iterator[subprocess.Popen[bytes]]:
    process = subprocess.Popen(["sleep", "600"], start_new_session=True)
    yield process
    process.kill()
    process.wait()


def dead(*, ready: bool = True, grading: bool = False) -> Path:
    """The folder of a run whose runtime is gone."""
    file = runs.create(SHOP, RunOptions(grading=grading), datetime.now(UTC).isoformat())
    folder = runs.home() / "runs" / file.id
    if ready:
        (folder / runs.READY).touch()
    return folder


def remains(folder: Path, *processes: Pid, paths: tuple[str, ...] = ()) -> None:
    runs.write(folder / leftovers.FILE, Remains(list(processes), list(paths)))


def test_a_process_is_the_same_whatever_the_wall_clock_does(monkeypatch: pytest.MonkeyPatch) -> None:
    before = identity(os.getpid())
    monkeypatch.setattr("psutil.boot_time", lambda: 5.0)
    monkeypatch.setattr("psutil._pslinux.boot_time", lambda: 5.0, raising=False)
    assert before
    assert identity(os.getpid()) == before
    assert identity(os.getppid()) not in (before, None)


@pytest.mark.parametrize("pid", [-1, 0, 2**22 + 1])
def test_a_number_that_is_no_process_is_nobody(pid: int) -> None:
    assert identity(pid) is None


def test_a_process_that_has_ended_is_nobody() -> None:
    process = subprocess.Popen(["true"])
    os.waitid(os.P_PID, process.pid, os.WEXITED | os.WNOWAIT)
    assert identity(process.pid) is None  # a zombie
    process.wait()


def test_only_the_very_process_that_was_written_down_is_killed(stranger: subprocess.Popen[bytes]) -> None:
    folder = dead()
    for born in ("", "another-boot:1"):
        remains(folder, Pid("front", stranger.pid, born), Pid("all", -1, born))
        assert runs.clean_leftovers() == []
    remains(folder, Pid("front", stranger.pid, identity(stranger.pid) or ""))
    assert runs.clean_leftovers() == ["front"]
    stranger.wait(timeout=20)


def test_what_carries_the_mark_is_killed() -> None:
    folder = dead()
    remains(folder)
    process = subprocess.Popen(["sleep", "600"], env={**os.environ, "LAB_RUN": str(folder)})
    assert runs.clean_leftovers() == ["sleep"]
    process.wait(timeout=20)


def test_a_run_that_lives_is_left_alone_though_its_file_says_another_pid() -> None:
    folder = dead()
    program = (
        "import socket, sys, time; s = socket.socket(socket.AF_UNIX); s.bind(sys.argv[1]); s.listen(); "
        "print(flush=True); time.sleep(600)"
    )
    process = subprocess.Popen(
        [sys.executable, "-c", program, str(folder / "control.sock")],
        env={**os.environ, "LAB_RUN": str(folder)},
        stdout=subprocess.PIPE,
    )
    assert process.stdout
    process.stdout.readline()
    remains(folder)
    try:
        assert runs.clean_leftovers() == []
        assert process.poll() is None
    finally:
        process.kill()
        process.wait()
        process.stdout.close()


def test_only_what_is_the_runs_is_removed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path))
    folder, other = dead(), dead()
    thesis = tmp_path / "thesis"
    thesis.mkdir()
    (thesis / "control.sock").write_text("not the lab's")
    others = leftovers.scratch(other)
    mine = leftovers.scratch(folder)
    (mine / "control.sock").write_text("")
    inside = folder / "data"
    inside.mkdir()
    link = folder / "link"
    link.symlink_to(thesis)
    paths = [thesis, thesis / "control.sock", others, others / "control.sock", mine / "control.sock", inside]
    paths += [folder / ".." / other.name, folder, link / "control.sock"]
    remains(folder, paths=(*map(str, paths), "relative", "\0", "/"))
    runs.clean_leftovers()
    assert (thesis / "control.sock").read_text() == "not the lab's"
    assert others.is_dir()
    assert other.is_dir()
    assert folder.is_dir()
    assert not mine.exists()
    assert not inside.exists()
    assert not (folder / leftovers.FILE).exists()


def test_gradings_and_failed_starts_do_not_push_runs_out(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(runs, "KEPT", 2)
    first = dead()
    for _ in range(4):
        dead(grading=True)
        dead(ready=False)
    kinds = [record.kind for record in runs.list_runs()]
    assert first.is_dir()
    assert kinds.count("grading") <= 3
    assert kinds.count("failed") <= 3


def test_a_run_can_be_kept(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(runs, "KEPT", 2)
    first, second = dead(), dead()
    runs.keep(runs.find(first.name))
    for _ in range(4):
        dead()
    assert first.is_dir()
    assert not second.is_dir()


def test_a_temporary_folder_that_was_never_written_down_is_found_by_its_name(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Its runtime was killed before it wrote anything. While whoever started it lives, it may still be starting."""
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path))
    folder, other = dead(), dead()
    mine, others = leftovers.scratch(folder), leftovers.scratch(other)
    runs.clean_leftovers()
    assert mine.is_dir()
    for one, born in ((folder, "another boot:1"), (other, "")):
        file = runs.load(one)
        runs.write(one / "run.json", replace(file, starter=Pid("starter", os.getpid(), born)))
    runs.clean_leftovers()
    assert not mine.exists()
    assert others.is_dir(), "nobody knows who started it"


def test_an_end_that_hangs_is_ended() -> None:
    folder = dead()
    (folder / "control.sock").touch()
    program = (
        "import subprocess, sys, time; from pathlib import Path; from lab.runtime.watchdog import end_within; "
        "child = subprocess.Popen(['sleep', '600'], start_new_session=True); print(child.pid, flush=True); "
        "end_within(0.2, Path(sys.argv[1])); time.sleep(600)"
    )
    remains(folder, paths=(str(folder / "control.sock"),))
    process = subprocess.Popen(
        [sys.executable, "-c", program, str(folder)],
        env={**os.environ, "LAB_RUN": str(folder)},
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    said = process.communicate(timeout=20)
    assert process.returncode == 1
    assert "the run did not end within 0.2 s; it is killed" in said[1]
    assert identity(int(said[0])) is None
    assert not (folder / "control.sock").exists()
