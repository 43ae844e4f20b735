"""What the live screen costs: a run of N events a second, drawn in a real pseudo-terminal of 120x40.

    python -m benchmarks.dashboard [--seconds 15] [--rates 1000,5000]

The dashboard is a process of its own that reads a journal and asks a control socket, as in a real run; both are
served from here. A second table says how long a step back takes in a journal of 200,000 events, beside the time to fold
it from its beginning. A third one says how long a person waits for the first frame of `lab run day3` and, after `q`,
for the prompt, beside a Textual program of one line, in turn: either may take 1.5 times as long.
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
from dataclasses import dataclass, field
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

PATIENCE = 1.5
PEER = """
from textual.app import App
from textual.widgets import Static
class Hello(App):
    BINDINGS = [("q", "quit", "Quit")]
    def compose(self):
        yield Static("hello world")
Hello().run()
"""

CHILD = """
import sys
from pathlib import Path
from lab.dashboard import run_live
from tests.dashboard.served import Folder
sys.exit(run_live(Folder(Path(sys.argv[1])), stop_on_quit=False).code)
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


@dataclass
class Wait:
    """Seconds until the first frame, and from `q` to the prompt."""

    first: list[float] = field(default_factory=list)
    quit: list[float] = field(default_factory=list)


def waits(rounds: int) -> tuple[Wait, Wait]:
    """How long a person waits for a bare Textual program, and for `lab run day3`."""
    hello, lab = Wait(), Wait()
    with tempfile.TemporaryDirectory() as home:
        for _ in range(rounds):
            _wait(hello, [sys.executable, "-c", PEER], b"hello world", b"hello world", home)
            _wait(lab, [sys.executable, "-m", "lab", "run", "day3"], b"client", b"live", home)
    return hello, lab


def _wait(wait: Wait, command: list[str], frame: bytes, settled: bytes, home: str) -> None:
    """Start it, press `q` a second after it is `settled`, and measure both ends."""
    began = time.monotonic()
    pid, terminal = pty.fork()
    if pid == 0:
        os.environ.update(TERM="xterm-256color", COLORTERM="truecolor", LAB_HOME=home, LAB_LANG="en")
        os.execv(command[0], command)
    fcntl.ioctl(terminal, termios.TIOCSWINSZ, struct.pack("HHHH", 40, 120, 0, 0))
    seen, first = b"", 0.0
    while settled not in seen:
        seen += os.read(terminal, 1 << 16)
        if not first and frame in seen:
            first = time.monotonic() - began
    Drain(terminal).start()
    time.sleep(1.0)
    pressed = time.monotonic()
    os.write(terminal, b"q")
    os.waitpid(pid, 0)
    wait.quit.append(time.monotonic() - pressed)
    wait.first.append(first)


def waited(hello: Wait, lab: Wait) -> tuple[str, bool]:
    """A table of both, and whether the lab keeps to its limit."""
    lines, kept = ["waiting for       hello world    lab run day3"], True
    for what, bare, ours in (("first frame", hello.first, lab.first), ("prompt after q", hello.quit, lab.quit)):
        peer, own = statistics.median(bare), statistics.median(ours)
        kept = kept and own / peer <= PATIENCE
        lines.append(f"{what:<16} {peer * 1000:9.0f} ms {own * 1000:12.0f} ms   {own / peer:.2f} x")
    return "\n".join(lines), kept


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
    parser.add_argument("--rates", default="1000,5000", help="none: only the waits")
    parser.add_argument("--rounds", type=int, default=7)
    options = parser.parse_args()
    rates = [int(rate) for rate in options.rates.split(",") if rate.isdigit()]
    results = [measure(rate, options.seconds) for rate in rates]
    if results:
        print(table(results))
        print(f"\n{jumps(LONG)}\n")
    said, kept = waited(*waits(options.rounds))
    print(said)
    failed = [r for r in results if r.code or (r.rate <= 1000 and r.cpu >= LIMIT)]
    return 1 if failed or not kept else 0


if __name__ == "__main__":
    sys.exit(main())
