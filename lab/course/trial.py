"""One trial of the author gate in a process of its own: `python -m lab.course.trial`, told by a line of JSON on stdin.

Its own process, because pytest grades in the main thread, and because what a grading leaves behind is then seen.
"""

from __future__ import annotations

import os
import signal
import sys
import tempfile
import threading
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import msgspec

if TYPE_CHECKING:
    from lab.grading.model import Assignment, Report


class Task(msgspec.Struct, frozen=True, kw_only=True):
    """Which stored program of the exercise in `folder` is graded, and with which seed."""

    folder: str
    kind: str
    language: str
    wrong: str
    seed: int


def main() -> None:
    """Grade it and print the Trial as JSON."""
    from lab.course.gate import trial
    from lab.course.manifest import load
    from lab.course.variants import Variant

    task = msgspec.json.decode(sys.stdin.buffer.readline(), type=Task)
    threading.Thread(target=_end_with_starter, daemon=True).start()
    variant = Variant(kind=task.kind, language=task.language, wrong=task.wrong)  # type: ignore[arg-type]
    done = trial(load(Path(task.folder)), variant, _grade, task.seed)
    sys.stdout.buffer.write(msgspec.json.encode(done))


def _end_with_starter() -> None:
    """The end of stdin is the end of whoever started this: then nobody reads what comes of it."""
    while os.read(sys.stdin.fileno(), 1):  # past Python's own buffer, whose lock the interpreter wants at its end
        pass
    os.kill(os.getpid(), signal.SIGINT)


def _grade(assignment: Assignment, seed: int, only: Sequence[str]) -> Report:
    from lab.course.variants import Unusable
    from lab.engines.launch import EngineUnavailable
    from lab.grading.grade import grade
    from lab.runtime.launch import LaunchError

    with tempfile.TemporaryDirectory(prefix="lab-dev-") as records:
        try:
            return grade(assignment, seed=seed, only=only, records=Path(records))
        except (EngineUnavailable, LaunchError) as problem:
            raise Unusable(f"the grading could not begin: {problem}") from None


if __name__ == "__main__":
    try:
        main()
    except KeyboardInterrupt:
        sys.exit(130)
