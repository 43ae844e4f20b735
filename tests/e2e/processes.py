"""The installed command as tests drive it, and proof that nothing of it is left."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from collections.abc import Iterable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

import psutil

from tests.waiting import eventually

LAB = str(Path(sys.executable).parent / "lab")


def alive(processes: Iterable[psutil.Process]) -> list[psutil.Process]:
    """Those that still run; a zombie only waits for somebody to ask how it ended."""

    def runs(one: psutil.Process) -> bool:
        try:
            return one.is_running() and one.status() != psutil.STATUS_ZOMBIE
        except psutil.NoSuchProcess:  # it has ended between the two
            return False

    return [one for one in processes if runs(one)]


class Lab:
    """The `lab` command with a home of its own."""

    def __init__(self, home: Path) -> None:
        self.home = home
        self.env = {**os.environ, "LAB_HOME": str(home), "PYTHONUNBUFFERED": "1"}

    def __call__(self, *words: str, timeout: float = 90) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            [LAB, *words], env=self.env, cwd=self.home, capture_output=True, text=True, timeout=timeout, check=False
        )

    @contextmanager
    def started(self, *words: str) -> Iterator[subprocess.Popen[str]]:
        """The command going on in the background; killed at the end if it still does."""
        process = subprocess.Popen(
            [LAB, *words],
            env=self.env,
            cwd=self.home,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            start_new_session=True,
        )
        try:
            yield process
        finally:
            if process.poll() is None:
                process.send_signal(signal.SIGINT)
                try:
                    process.wait(20)
                except subprocess.TimeoutExpired:
                    process.kill()
                    process.wait()
            for stream in (process.stdout, process.stderr):
                if stream:
                    stream.close()

    def at_work(self, least: int = 6) -> list[psutil.Process]:
        """The processes of the run once there are so many of them."""

        def enough() -> list[psutil.Process]:
            found = self.processes()
            return found if len(found) >= least else []

        return eventually(enough, 30)

    def runtime(self, number: int = 1) -> int:
        """The pid of the runtime of that run."""
        (folder,) = (self.home / "runs").glob(f"{number:04}-*")
        return int(json.loads((folder / "run.json").read_text())["pid"])

    def commands(self) -> list[psutil.Process]:
        """The `lab` commands themselves that were started for this home."""
        found = []
        for process in psutil.process_iter():
            with suppress(psutil.Error):
                if LAB in process.cmdline() and process.environ().get("LAB_HOME") == str(self.home):
                    found.append(process)
        return found

    def processes(self) -> list[psutil.Process]:
        """Everything alive that belongs to a run of this home: it works in a folder there, or was told of one."""
        found = []
        for process in psutil.process_iter():
            try:
                mark = " ".join((process.cwd(), *process.cmdline()))
                if f"{self.home}/runs" in mark and process.status() != psutil.STATUS_ZOMBIE:
                    found.append(process)
            except psutil.Error:
                continue
        return found
