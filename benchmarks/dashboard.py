"""What the live screen costs: a run of N events a second, drawn in a real pseudo-terminal of 120x40.

    python -m benchmarks.dashboard [--seconds 15] [--rates 1000,5000]

The dashboard is a process of its own that reads a journal and asks a control socket, as in a real run; both are
served from here. A second table says how long a step back takes in a journal of 200,000 events, beside the time to fold
it from its beginning.
Printed: percent of one core of the dashboard's process, bytes a second to the terminal, and how long it took to leave
(with the processor time of that: on a busy machine the clock says little). CPU must stay under 30 % at 1,000 events/s.
"""

from __future__ import annotations

import argparse
import fcntl
import os
import pty
import statistics
import struct
import sys
import tempfile
import termios
import threading
import time
from collections.abc import Iterable
from dataclasses import dataclass
from itertools import islice
from pathlib import Path

import psutil

from lab.dashboard.bars import About
from lab.dashboard.shown import ShownRun
from lab.journal.event import to_line
from tests.dashboard import shop
from tests.dashboard.served import ServedRun

WARM_UP = 5.0
EVENTS_AN_ORDER = 18.6
LIMIT = 30.0
LONG = 200_000

CHILD = """
import sys
from pathlib import Path
from lab.dashboard import run_live
from tests.dashboard.served import Folder
sys.exit(run_live(Folder(Path(sys.argv[1])), stop_on_quit=False))
"""


@dataclass
class Result:
    rate: int
    sent: float
    cpu: float
    bytes: float
    rss: int
    leave: float
    leave_cpu: float
    code: int


def measure(rate: int, seconds: float) -> Result:
    """One run of the dashboard."""
    stream = shop.stream(WARM_UP + seconds + 3, orders=rate / EVENTS_AN_ORDER)
    with tempfile.TemporaryDirectory() as folder:
        runtime = ServedRun(Path(folder), [(event.t, to_line(event)) for event in stream])
        runtime.open()
        pid, terminal = pty.fork()
        if pid == 0:
            os.environ.update(TERM="xterm-256color", COLORTERM="truecolor", PYTHONPATH=str(Path(__file__).parents[1]))
            os.execv(sys.executable, [sys.executable, "-c", CHILD, folder])
        fcntl.ioctl(terminal, termios.TIOCSWINSZ, struct.pack("HHHH", 40, 120, 0, 0))
        drawn = Drain(terminal)
        drawn.start()
        time.sleep(WARM_UP)
        process = psutil.Process(pid)
        before, sent, seen, began = cpu(process), runtime.sent, drawn.total, time.monotonic()
        time.sleep(seconds)
        took = time.monotonic() - began
        used, events, size = cpu(process) - before, runtime.sent - sent, drawn.total - seen
        rss = process.memory_info().rss
        pressed, busy = time.monotonic(), cpu(process)
        os.write(terminal, b"q")
        _, status, usage = os.wait4(pid, 0)
        left = time.monotonic() - pressed
        busy = usage.ru_utime + usage.ru_stime - busy
        runtime.close()
    code = os.waitstatus_to_exitcode(status)
    return Result(rate, events / took, used / took * 100, size / took, rss, left, busy, code)


def jumps(count: int) -> str:
    """How long steps back take in a run of so many events, and that as a share of folding the run anew."""
    with tempfile.TemporaryDirectory() as folder:
        journal = Path(folder) / "journal.ndjson"
        events = islice(shop.stream(count / EVENTS_AN_ORDER, orders=20), count)
        journal.write_bytes(b"".join(map(to_line, events)))
        run = ShownRun(journal, shop.SYSTEM, About("day3"))
        timeline = run.timeline
        timeline.follow()
        began = time.perf_counter()
        timeline.advance(0.0)
        whole = time.perf_counter() - began
        took = []
        for share in (0.99, 0.75, 0.5, 0.25, 0.01):
            to = timeline.last * share
            began = time.perf_counter()
            timeline.seek(to)
            took.append(time.perf_counter() - began)
            timeline.follow()
            timeline.advance(0.0)
        worst = max(took)
        return (
            f"{count:,} events: folded from the start in {whole:.2f} s; a step back takes "
            f"{statistics.median(took) * 1000:.0f} ms (median), {worst * 1000:.0f} ms (worst), "
            f"1/{whole / worst:.0f} of that"
        )


def cpu(process: psutil.Process) -> float:
    times = process.cpu_times()
    return float(times.user + times.system)


class Drain(threading.Thread):
    """Reads what is drawn and throws it away, as a fast terminal would."""

    def __init__(self, terminal: int) -> None:
        super().__init__(daemon=True)
        self.total = 0
        self._terminal = terminal

    def run(self) -> None:
        try:
            while data := os.read(self._terminal, 1 << 16):
                self.total += len(data)
        except OSError:
            return


def table(results: Iterable[Result]) -> str:
    lines = ["events/s wanted  sent/s  dashboard CPU  to the terminal  memory  leaves in (cpu)"]
    lines += [
        f"{r.rate:15,}  {r.sent:6,.0f}  {r.cpu:11.1f} %  {r.bytes / 1000:10.0f} kB/s"
        f"  {r.rss / (1 << 20):3.0f} MB  {r.leave:7.2f} s ({r.leave_cpu:.2f} s)"
        for r in results
    ]
    return "\n".join(lines)


def main() -> int:
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--seconds", type=float, default=15.0)
    parser.add_argument("--rates", default="1000,5000")
    options = parser.parse_args()
    results = [measure(int(rate), options.seconds) for rate in options.rates.split(",")]
    print(table(results))
    print(f"\n{jumps(LONG)}")
    failed = [r for r in results if r.code or (r.rate <= 1000 and r.cpu >= LIMIT)]
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
