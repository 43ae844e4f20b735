"""The process of one grading: `python -m lab.course.grading_process`, which takes a Task on stdin, as a line of JSON.

It says every step on stdout, a line of JSON each, and the report at last. When its stdin ends, whoever asked is gone;
then it breaks off, as it does on SIGINT, and leaves nothing behind.
"""

from __future__ import annotations

import os
import signal
import sys
import threading
import time
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING

from lab import interrupt

if TYPE_CHECKING:
    from lab.course.grading import Refused, Said
    from lab.grading.stage import Stage, Watcher

PATIENCE = 20.0
"""Seconds that a grading has to break off when its asker is gone. Then it just ends, and its run ends with it."""
EVERY = 0.1
"""Seconds between two messages about the same wait."""


def main() -> None:
    # Whoever asked may ignore it, as what a script starts with `&` does, and then so would we, who break off by it.
    signal.signal(signal.SIGINT, signal.default_int_handler)
    interrupt.heed()
    out = os.fdopen(os.dup(1), "wb", 0)
    os.dup2(2, 1)  # what a check prints is no message

    from lab.course.grading import Done, Reached, Task, decode, encode
    from lab.grading.grade import grade

    line = sys.stdin.buffer.readline()
    if not line:
        return
    threading.Thread(target=_end_with_asker, daemon=True).start()
    task: Task = decode(line, Task)

    speaking = threading.Lock()

    def say(said: Said) -> None:
        with speaking, suppress(BrokenPipeError):  # then nobody reads any more, and the end of stdin says so, too
            out.write(encode(said) + b"\n")

    present = traces() if task.traces else set()
    try:
        report = grade(
            task.assignment,
            seed=task.seed,
            records=Path(task.records),
            tiers=task.tiers,
            on_event=_paced(lambda stage: say(Reached(stage))),
            first=task.first,
            only=task.only,
            stop_at_first=task.stop_at_first,
            chosen=task.chosen,
        )
    except Exception as problem:
        if (refused := _refused(problem)) is None:
            raise
        say(refused)
        return
    say(Done(report, tuple(sorted(traces() - present)) if task.traces else ()))


def traces() -> set[str]:
    """The processes and open ports that this process answers for, in words."""
    import psutil

    me = psutil.Process()
    found = set()
    for child in me.children(recursive=True):
        with suppress(psutil.Error):
            if child.status() != psutil.STATUS_ZOMBIE:
                found.add(f"process {child.pid} {child.name()}")
    ports = [one for one in me.net_connections("tcp") if one.status == psutil.CONN_LISTEN]
    return found | {f"port {one.laddr.port} of process {os.getpid()}" for one in ports}


def _paced(tell: Watcher) -> Watcher:
    """A wait is told of at first and then so often that a reader can follow."""
    last = 0.0

    def paced(stage: Stage) -> None:
        nonlocal last
        if stage.kind in ("build", "waiting") and stage.seconds:
            if time.monotonic() - last < EVERY:
                return
            last = time.monotonic()
        tell(stage)

    return paced


def _refused(problem: Exception) -> Refused | None:
    """The lab's refusal; None for an error of the lab itself."""
    from lab.course.grading import Refused
    from lab.engines.recipe import EngineUnavailable
    from lab.runtime.launch import LaunchError
    from lab.system.extras import MissingExtra
    from lab.system.validate import InvalidSystem

    match problem:
        case EngineUnavailable():
            return Refused("engine", str(problem))
        case MissingExtra():
            return Refused("package", problem.why)
        case InvalidSystem():
            return Refused("start", str(problem))
        case LaunchError():
            return Refused("start", problem.why)
        case OSError():
            why = f"{problem.filename or ''}: {problem.strerror or problem}".removeprefix(": ")
            return Refused("broken off", why)
    return None


def _end_with_asker() -> None:
    while os.read(0, 1):  # past Python's own buffer, whose lock the interpreter wants at its end
        pass
    os.kill(os.getpid(), signal.SIGINT)
    time.sleep(PATIENCE)
    os._exit(130)


if __name__ == "__main__":
    try:
        main()
    except KeyboardInterrupt:
        sys.exit(130)
