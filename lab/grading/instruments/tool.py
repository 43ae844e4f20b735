"""A program of the learner's that is run and prints something. It is untrusted: it may hang, or write without end."""

from __future__ import annotations

import contextlib
import os
import signal
import subprocess
import tempfile
from dataclasses import dataclass

from lab.grading.model import Tool
from lab.locale import tr
from lab.runtime.inherited import inherited

PATIENCE = 20.0
"""Seconds that a program may take; it may have to load a language's whole library on a busy machine."""
KEPT = 65_536
"""Bytes of its output that are read."""


@dataclass(frozen=True, slots=True)
class Ran:
    """What became of it. `code` is None if it was not over in time, or could not be run at all; then `err` says why."""

    code: int | None
    out: str
    err: str

    def __str__(self) -> str:
        how = tr("it was not over in time") if self.code is None else tr("exit code {code}", code=self.code)
        said = self.out.strip() or tr("nothing")
        told = "".join(f"\n{line}" for line in self.err.strip().splitlines()[-5:])
        return f"{said[:200]}{told}" if self.code == 0 else f"{how}; {said[:200]}{told}"


def run(tool: Tool, given: str) -> Ran:
    """Run it in its folder with the text on stdin. Of the environment it gets what programs need, and no address."""
    env = {**inherited(os.environ), "PYTHONDONTWRITEBYTECODE": "1"}
    with tempfile.TemporaryFile() as asked, tempfile.TemporaryFile() as out, tempfile.TemporaryFile() as err:
        asked.write(given.encode())
        asked.seek(0)
        try:
            process = subprocess.Popen(
                tool.argv, cwd=tool.dir, env=env, stdin=asked, stdout=out, stderr=err, start_new_session=True
            )
        except OSError as problem:
            return Ran(None, "", f"{tool.argv[0]}: {problem.strerror}")
        code: int | None = None
        try:
            with contextlib.suppress(subprocess.TimeoutExpired):
                code = process.wait(PATIENCE)
        finally:
            with contextlib.suppress(ProcessLookupError, PermissionError):
                os.killpg(process.pid, signal.SIGKILL)  # what it has left behind, too
            process.wait()
        texts = []
        for file in (out, err):
            file.seek(0)
            texts.append(file.read(KEPT).decode("utf-8", "replace"))
    return Ran(code, *texts)
