"""A learner at the keyboard: the command with the toy exercise, in a workspace of their own."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from tests.course import TOY
from tests.e2e.processes import Lab

REPOSITORY = Path(__file__).parents[2]
COMMAND = [sys.executable, "-m", "tests.cli.with_toy"]


class Learner(Lab):
    """Types commands in the folder `cwd`."""

    def __init__(self, folder: Path) -> None:
        super().__init__(folder / "home")
        self.home.mkdir(parents=True)
        self.workspace = folder / "w"
        self.cwd = folder
        self.env |= {"PYTHONPATH": str(REPOSITORY)}

    def __call__(self, *words: str, says: str = "", timeout: float = 100) -> subprocess.CompletedProcess[str]:
        """A command to its end; `says` is what is typed meanwhile."""
        return subprocess.run(
            [*COMMAND, *words],
            env=self.env,
            cwd=self.cwd,
            input=says,
            capture_output=True,
            text=True,
            timeout=timeout,
            check=False,
        )

    @contextmanager
    def typed(self, *words: str) -> Iterator[subprocess.Popen[str]]:
        """A command that goes on until Ctrl-C; its output and errors are one stream."""
        process = subprocess.Popen(
            [*COMMAND, *words],
            env=self.env,
            cwd=self.cwd,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            start_new_session=True,
        )
        try:
            yield process
        finally:
            if process.poll() is None:
                process.kill()
            process.wait()
            if process.stdout:
                process.stdout.close()

    def begin(self) -> None:
        """Make a workspace with the toy exercise in it, and go there."""
        self("init", "w")
        self.cwd = self.workspace
        self("start", "9.1")

    @property
    def app(self) -> Path:
        return self.workspace / "day9" / "9.1-greeting" / "greeter" / "greeter" / "app.py"

    def solve(self) -> None:
        self.app.write_text((TOY / "solution" / "greeter" / "greeter" / "app.py").read_text())
