"""Small programs as processes of their own: started, listened to line by line, gone at the end of a test."""

from __future__ import annotations

import queue
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

HERE = Path(__file__).parent


class Program:
    """`python *words` in this folder. What it prints is kept in `lines`."""

    def __init__(self, *words: str) -> None:
        self.lines: list[str] = []
        self._coming: queue.Queue[str | None] = queue.Queue()
        self.process = subprocess.Popen(
            [sys.executable, *words],
            cwd=HERE,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
        )
        threading.Thread(target=self._listen, daemon=True).start()

    def says(self, line: str, timeout: float = 20) -> None:
        """Wait until it has printed this line, or fail with everything that it printed."""
        deadline = time.monotonic() + timeout
        while line not in self.lines:
            try:
                coming = self._coming.get(timeout=max(0.0, deadline - time.monotonic()))
            except queue.Empty:
                coming = None
            assert coming is not None, f"never said {line!r}, but: {self.lines}"
            self.lines.append(coming)

    def ends(self, timeout: float = 20) -> list[str]:
        """Wait for its end, which must be a good one, and return all that it printed."""
        assert self.process.wait(timeout) == 0, self.lines
        while (line := self._coming.get(timeout=5)) is not None:
            self.lines.append(line)
        return self.lines

    def _listen(self) -> None:
        assert self.process.stdout is not None
        for line in self.process.stdout:
            self._coming.put(line.rstrip("\n"))
        self._coming.put(None)


class Stage:
    """The programs of one test."""

    def __init__(self) -> None:
        self._programs: list[Program] = []

    def start(self, *words: str, until: str | None = None) -> Program:
        program = Program(*words)
        self._programs.append(program)
        if until is not None:
            program.says(until)
        return program

    def run(self, *words: str) -> list[str]:
        return self.start(*words).ends()

    def clear(self) -> None:
        for program in self._programs:
            program.process.kill()
            program.process.wait()


@pytest.fixture
def stage() -> Iterator[Stage]:
    stage = Stage()
    try:
        yield stage
    finally:
        stage.clear()
