"""Reading a run to its end: its own end, Ctrl-C once, Ctrl-C twice, a reader that left."""

from __future__ import annotations

import os
import signal
from collections.abc import Sequence
from pathlib import Path

import pytest

from lab.cli.run.follow import watch
from lab.journal.event import Note
from lab.journal.journal import Journal


class FakeRun:
    """A run that writes a line each time it is looked at, and ends when `lines` are written or it is stopped."""

    def __init__(self, path: Path, lines: int = 5, stoppable: bool = True) -> None:
        self.journal = path
        self.calls: list[str] = []
        self._journal = Journal(path)
        self._left = lines
        self._stoppable = stoppable

    def ended(self) -> bool:
        if self._left == 0:
            return True
        self._left -= 1
        self._journal.append(Note(text="tick"))
        self._journal.flush()
        return False

    def stop(self) -> None:
        self.calls.append("stop")
        if self._stoppable:
            self._left = min(self._left, 2)

    def kill(self) -> None:
        self.calls.append("kill")
        self._left = 0

    def trouble(self) -> str:
        return "the journal is not being written: the disk is full"


def test_a_run_is_read_to_its_end(tmp_path: Path) -> None:
    seen: list[bytes] = []
    run = FakeRun(tmp_path / "j")
    assert watch(run, seen.extend) is False
    assert len(seen) == 5
    assert run.calls == []


def press_after(lines: int, times: int = 1) -> tuple[list[bytes], object]:
    seen: list[bytes] = []

    def reader(new: Sequence[bytes]) -> None:
        nonlocal times
        seen.extend(new)
        if len(seen) >= lines and times:
            times -= 1
            os.kill(os.getpid(), signal.SIGINT)

    return seen, reader


def test_ctrl_c_asks_the_run_to_stop_and_reads_what_it_still_writes(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    run = FakeRun(tmp_path / "j", lines=1000)
    seen, reader = press_after(3)
    assert watch(run, reader) is True  # type: ignore[arg-type]
    assert run.calls == ["stop"]
    assert 3 < len(seen) <= 6
    assert "Ctrl-C again" in capsys.readouterr().err


def test_ctrl_c_twice_ends_it_at_once(tmp_path: Path) -> None:
    run = FakeRun(tmp_path / "j", lines=1000, stoppable=False)
    seen, reader = press_after(3, times=2)
    assert watch(run, reader) is True  # type: ignore[arg-type]
    assert run.calls == ["stop", "kill"]
    assert len(seen) < 10


def test_a_reader_that_leaves_stops_the_run(tmp_path: Path) -> None:
    def gone(_: Sequence[bytes]) -> None:
        raise BrokenPipeError

    run = FakeRun(tmp_path / "j", lines=1000)
    with pytest.raises(BrokenPipeError):
        watch(run, gone)
    assert run.calls == ["stop"]
    assert run.ended()


def test_a_run_that_falls_silent_is_asked_why_once(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    run = FakeRun(tmp_path / "j", lines=20)
    monkeypatch.setattr("lab.cli.run.follow.QUIET", 0.0)
    monkeypatch.setattr(Journal, "append", lambda *_: None)
    watch(run, lambda _: None)
    assert capsys.readouterr().err == "lab: the journal is not being written: the disk is full\n"


def test_ctrl_c_means_what_it_meant_before_once_the_run_is_read(tmp_path: Path) -> None:
    before = signal.getsignal(signal.SIGINT)
    watch(FakeRun(tmp_path / "j"), lambda _: None)
    assert signal.getsignal(signal.SIGINT) is before
