"""The runtime process of one run: `python -m lab.runtime RUNFOLDER [--lifeline FD] [--warm GROUP ...]`.

It ends on SIGTERM, SIGINT or SIGHUP, and when the other end of the lifeline, a pipe that its starter holds, is closed
without a byte that lets go of it.
"""

from __future__ import annotations

import argparse
import asyncio
import os
import signal
import sys
from collections.abc import Callable
from pathlib import Path

from lab.locale import tr
from lab.runtime.preload import groups
from lab.runtime.warmup import ForkServerProcess, fork_off


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m lab.runtime")
    parser.add_argument("folder", type=Path)
    parser.add_argument("--lifeline", type=int)
    parser.add_argument("--warm", nargs="*", default=groups(), choices=groups())
    options = parser.parse_args()
    fork_server = fork_off(options.warm, options.lifeline)  # it goes on with its imports while we do ours

    from lab.engines.recipe import EngineUnavailable
    from lab.faults.scenario import InvalidScenario

    try:
        with asyncio.Runner(loop_factory=_loop_factory()) as runner:
            code = runner.run(_live(options.folder, options.lifeline, fork_server))
    except (EngineUnavailable, InvalidScenario, OSError) as error:
        sys.exit(f"lab: {error}")
    sys.stderr.flush()
    os._exit(code)  # all is closed, and who waits for the end need not wait until every module is taken down, too


async def _live(folder: Path, lifeline: int | None, fork_server: ForkServerProcess) -> int:
    from lab.runtime import runs
    from lab.runtime.control import ControlServer
    from lab.runtime.run import Run

    run = Run(folder, runs.claim(folder), fork_server)
    loop = asyncio.get_running_loop()
    for number in (signal.SIGTERM, signal.SIGINT, signal.SIGHUP):
        loop.add_signal_handler(number, run.stop, tr("stopped by {name}", name=number.name))
    if lifeline is not None:

        def starter_gone() -> None:
            loop.remove_reader(lifeline)
            let_go = os.read(lifeline, 1)
            os.close(lifeline)
            if not let_go:
                run.stop(tr("whoever started it is gone"))

        loop.add_reader(lifeline, starter_gone)
    await run.live(ControlServer)
    return 1 if run.state == "failed" else 0


def _loop_factory() -> Callable[[], asyncio.AbstractEventLoop]:
    try:
        import uvloop
    except ImportError:
        return asyncio.new_event_loop
    return uvloop.new_event_loop


if __name__ == "__main__":
    main()
