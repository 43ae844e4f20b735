"""The generator as a process of its own: `python -m lab.load`.

`LAB_LOAD` says what to do, as JSON: `{"journeys": [...], "seed": 7, "rate": 5, "urls": {"users": "http://..."}}`.
Reports are Load events as JSON lines on stdout, once a second; stdin takes lines like `{"rate": 20}` and
`{"send": "report", "times": 3}`; SIGTERM ends it with a last report and exit code 0. A LAB_LOAD that cannot be read is
exit code 2.
"""

from __future__ import annotations

import asyncio
import io
import os
import signal
import sys
import threading

import msgspec

from lab.journal.event import Load, to_line
from lab.load.generator import Generator
from lab.load.report import Tally
from lab.load.visitors import Visitors
from lab.system.model import Journey


class Task(msgspec.Struct, frozen=True):
    """What LAB_LOAD holds. `urls` are the addresses of services by name, `rate` is journeys a second."""

    journeys: tuple[Journey, ...]
    urls: dict[str, str]
    seed: int = 0
    rate: float = 5.0


class Order(msgspec.Struct, frozen=True):
    """A line on stdin: the journeys a second from now on, or so many visitors at once on a journey."""

    rate: float | None = None
    send: str = ""
    times: int = 1


def main() -> None:
    try:
        task = msgspec.json.decode(os.environ.get("LAB_LOAD", ""), type=Task)
    except msgspec.DecodeError as error:
        sys.stderr.write(f"LAB_LOAD does not say what to do: {error}\n")
        sys.exit(2)
    asyncio.run(generate(task))


async def generate(task: Task) -> None:
    """Generate traffic until SIGTERM or SIGINT."""
    tally = Tally()
    visitors = Visitors(task.journeys, task.urls, task.seed, tally)
    generator = Generator(visitors, tally, rate=task.rate, seed=task.seed, tell=_tell)
    loop = asyncio.get_running_loop()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, generator.stop)
    threading.Thread(target=_listen, args=(loop, generator), name="orders", daemon=True).start()
    await generator.run()


def _listen(loop: asyncio.AbstractEventLoop, generator: Generator) -> None:
    """Take orders from stdin until it ends. A line that is none is answered on stderr and changes nothing.

    Unbuffered, for a thread that sits in sys.stdin holds its lock, and the interpreter cannot end without that.
    """
    for line in io.FileIO(0, closefd=False):
        try:
            order = msgspec.json.decode(line, type=Order)
        except msgspec.DecodeError as error:
            sys.stderr.write(f"not a rate: {line.decode(errors='replace').strip()} ({error})\n")
            continue
        try:
            if order.rate is not None:
                loop.call_soon_threadsafe(generator.set_rate, order.rate)
            if order.send:
                loop.call_soon_threadsafe(generator.send, order.send, order.times)
        except RuntimeError:  # the loop has closed: we are on our way out
            return


def _tell(report: Load) -> None:
    sys.stdout.buffer.write(to_line(report))
    sys.stdout.buffer.flush()


if __name__ == "__main__":
    main()
