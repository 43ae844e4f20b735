"""The screen in a real terminal (tmux): it comes up, leaves in under a second, and the terminal is as it was."""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from lab.journal.event import to_line
from tests.dashboard import shop
from tests.dashboard.served import ServedRun
from tests.waiting import eventually

pytestmark = pytest.mark.skipif(shutil.which("tmux") is None, reason="tmux is not installed")

REPLAY = """
import os, sys
from pathlib import Path
from lab.cli.hangup import end_with_terminal
from lab.dashboard import run_replay
from tests.dashboard import shop
Path(sys.argv[2]).write_text(str(os.getpid()))
end_with_terminal()
sys.exit(run_replay(Path(sys.argv[1]), shop.SYSTEM))
"""


LIVE = """
import os, sys
from pathlib import Path
from lab.cli.hangup import end_with_terminal
from lab.dashboard import run_live
from tests.dashboard.served import Folder
Path(sys.argv[2]).write_text(str(os.getpid()))
end_with_terminal()
sys.exit(run_live(Folder(Path(sys.argv[1])), stop_on_quit=True).code)
"""


class Terminal:
    """One tmux server of the test's own, with one pane that runs a shell."""

    def __init__(self, folder: Path, width: int, height: int) -> None:
        self._tmux = ["tmux", "-u", "-S", str(folder / "tmux.sock"), "-f", "/dev/null"]
        size = ["-x", str(width), "-y", str(height)]
        self.run("new-session", "-d", *size, "env PS1='READY> ' sh")
        eventually(lambda: "READY>" in self.screen())

    def run(self, *words: str) -> str:
        # TMUX would make the server think it runs inside the one of whoever runs the tests.
        clean = {name: value for name, value in os.environ.items() if not name.startswith("TMUX")}
        done = subprocess.run([*self._tmux, *words], capture_output=True, text=True, check=True, env=clean, timeout=20)
        return done.stdout

    def screen(self) -> str:
        return self.run("capture-pane", "-p")

    def say(self, *keys: str) -> None:
        self.run("send-keys", *keys)

    def flag(self, name: str) -> str:
        return self.run("display-message", "-p", f"#{{{name}}}").strip()

    def close(self) -> None:
        self.run("kill-server")


@pytest.fixture
def journal(tmp_path: Path) -> Path:
    path = tmp_path / "journal.ndjson"
    path.write_bytes(b"".join(to_line(event) for event in shop.stream(60, orders=5)))
    return path


@pytest.fixture(params=[(120, 40), (80, 24)], ids=lambda size: f"{size[0]}x{size[1]}")
def terminal(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Terminal]:
    made = Terminal(tmp_path, *request.param)
    yield made
    made.close()


def start(terminal: Terminal, what: Path, how: str = REPLAY) -> int:
    """Show a journal or a live run's socket in the terminal; the pid of the screen's process."""
    script = what.with_name("show.py")
    script.write_text(how)
    pid_file = what.with_name("pid")
    line = f"PYTHONPATH={Path.cwd()} {sys.executable} {script} {what} {pid_file}"
    # The word is broken up so that it stands on the screen only once the shell has said it.
    terminal.say(f"{line}; echo LE''FT-$?", "Enter")
    eventually(lambda: "● ready" in terminal.screen() and "broker→" in terminal.screen(), timeout=30)
    return int(pid_file.read_text())


def gone(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return True
    return False


def test_it_shows_the_run_and_gives_the_terminal_back(terminal: Terminal, journal: Path) -> None:
    pid = start(terminal, journal)
    screen = terminal.screen()
    for name in ("client", "users", "orders", "broker", "payments", "notifications", "mail"):
        assert name in screen
    assert terminal.flag("alternate_on") == "1"
    pressed = time.monotonic()
    terminal.say("q")
    eventually(lambda: terminal.flag("alternate_on") == "0", timeout=10)
    took = time.monotonic() - pressed
    assert took < 2.0, f"giving the terminal back took {took:.1f} s"
    eventually(lambda: "LEFT-0" in terminal.screen())
    assert terminal.flag("cursor_flag") == "1"
    assert terminal.flag("mouse_any_flag") == "0"
    assert gone(pid)


def test_control_c_leaves_too(terminal: Terminal, journal: Path) -> None:
    pid = start(terminal, journal)
    terminal.say("C-c")
    eventually(lambda: "LEFT-130" in terminal.screen(), timeout=10)
    assert terminal.flag("alternate_on") == "0"
    assert gone(pid)


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGHUP])
def test_signals_end_it_in_good_order(terminal: Terminal, journal: Path, number: signal.Signals) -> None:
    pid = start(terminal, journal)
    os.kill(pid, number)
    eventually(lambda: "LEFT-" in terminal.screen(), timeout=10)
    assert terminal.flag("alternate_on") == "0"
    assert gone(pid)


def test_a_closed_terminal_ends_it(journal: Path, tmp_path: Path) -> None:
    terminal = Terminal(tmp_path, 100, 30)
    pid = start(terminal, journal)
    terminal.close()
    eventually(lambda: gone(pid), timeout=10)


@pytest.fixture
def served(tmp_path: Path) -> Iterator[ServedRun]:
    (folder := tmp_path / "run").mkdir()
    run = ServedRun(folder, [(event.t, to_line(event)) for event in shop.stream(60, orders=5)])
    run.open()
    yield run
    run.close()


def test_a_live_run_is_read_from_its_journal_and_stopped_on_leaving(terminal: Terminal, served: ServedRun) -> None:
    start(terminal, served.journal.parent, LIVE)
    eventually(lambda: "● live" in terminal.screen() and "engines embedded" in terminal.screen())
    terminal.say("q")
    eventually(lambda: "LEFT-0" in terminal.screen(), timeout=10)
    assert served.stopped


def test_the_last_picture_stays_when_the_runtime_dies(terminal: Terminal, served: ServedRun) -> None:
    start(terminal, served.journal.parent, LIVE)
    served.close()
    eventually(lambda: "The runtime is gone" in terminal.screen(), timeout=10)
    assert "payments" in terminal.screen()
    terminal.say("q")
    eventually(lambda: "LEFT-0" in terminal.screen(), timeout=10)
