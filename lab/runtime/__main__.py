"""The runtime process of one run: `python -m lab.runtime RUNFOLDER [--lifeline FD]`.

It ends on SIGTERM, SIGINT or SIGHUP, and when the other end of the lifeline, a pipe that its starter holds, is closed.
"""

from __future__ import annotations

import argparse
import asyncio
import os
import signal
import sys
from collections.abc import Callable
from pathlib import Path

from lab.engines.launch import EngineUnavailable
from lab.faults.timeline import InvalidScenario
from lab.runtime import runs
from lab.runtime.run import Run


async def _live(folder: Path, lifeline: int | None) -> int:
    run = Run(folder, runs.claim(folder))
    loop = asyncio.get_running_loop()
    for number in (signal.SIGTERM, signal.SIGINT, signal.SIGHUP):
        loop.add_signal_handler(number, run.stop, f"stopped by {number.name}")
    if lifeline is not None:
        loop.add_reader(lifeline, _starter_gone, run, lifeline)
    await run.live()
    return 1 if run.state == "failed" else 0


def _starter_gone(run: Run, lifeline: int) -> None:
    asyncio.get_running_loop().remove_reader(lifeline)
    os.close(lifeline)
    run.stop("whoever started it is gone")


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m lab.runtime")
    parser.add_argument("folder", type=Path)
    parser.add_argument("--lifeline", type=int)
    options = parser.parse_args()
    try:
        with asyncio.Runner(loop_factory=_loop_factory()) as runner:
            code = runner.run(_live(options.folder, options.lifeline))
    except (EngineUnavailable, InvalidScenario, OSError) as error:
        sys.exit(f"lab: {error}")
    sys.exit(code)


def _loop_factory() -> Callable[[], asyncio.AbstractEventLoop]:
    try:
        import uvloop
    except ImportError:
        return asyncio.new_event_loop
    return uvloop.new_event_loop


if __name__ == "__main__":
    main()
