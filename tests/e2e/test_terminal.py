"""The installed command in a real terminal: the dashboard opens, is left, and leaves nothing."""

from __future__ import annotations

import os
import shlex
import shutil
import signal
import subprocess
from collections.abc import Iterator

import pytest

from tests.e2e.processes import LAB, Lab, alive
from tests.waiting import eventually

pytestmark = pytest.mark.skipif(not shutil.which("tmux"), reason="tmux is not installed")


class Terminal:
    """A tmux session of its own with a plain shell in it."""

    def __init__(self, lab: Lab, columns: int, lines: int) -> None:
        self._socket = str(lab.home / "tmux")
        environment = [f"{name}={lab.env[name]}" for name in ("LAB_HOME", "HOME", "PATH") if name in lab.env]
        shell = shlex.join(["env", "-u", "NO_COLOR", *environment, "PS1=> ", "bash", "--norc", "--noprofile"])
        self._tmux("new-session", "-d", "-x", str(columns), "-y", str(lines), "-c", str(lab.home), shell)

    def type(self, text: str, *keys: str) -> None:
        if text:
            self._tmux("send-keys", "-l", text)
        if keys:
            self._tmux("send-keys", *keys)

    def screen(self) -> str:
        return self._tmux("capture-pane", "-p").stdout

    def shows(self, *words: str, timeout: float = 30) -> str:
        """The screen once it shows all of these words."""

        def shown() -> str:
            screen = self.screen()
            return screen if all(word in screen for word in words) else ""

        try:
            return eventually(shown, timeout)
        except AssertionError:
            raise AssertionError(f"never seen together: {words}\n{self.screen()}") from None

    def close(self) -> None:
        self._tmux("kill-server", check=False)

    def _tmux(self, *words: str, check: bool = True) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            ["tmux", "-S", self._socket, "-f", "/dev/null", *words],
            capture_output=True,
            text=True,
            timeout=20,
            check=check,
        )


@pytest.fixture
def terminal(lab: Lab, request: pytest.FixtureRequest) -> Iterator[Terminal]:
    columns, lines = getattr(request, "param", (120, 40))
    one = Terminal(lab, columns, lines)
    yield one
    one.close()


@pytest.mark.parametrize("terminal", [(120, 40), (80, 24)], indirect=True)
def test_q_gives_the_prompt_back_while_everything_stops(terminal: Terminal, lab: Lab) -> None:
    terminal.type(f"{LAB} run day3 --scenario happy; echo ended with $?", "Enter")
    terminal.shows("day3", "orders", "payments", "broker", "confirm")
    mine = lab.at_work()
    terminal.type("q")
    terminal.shows("Run 0001-day3: ", "exchanges", "0001-day3 is stopping", "ended with 0")
    eventually(lambda: not alive(mine), 15)
    assert lab("ps").stdout.strip() == "No run is alive. Start one: lab run day3"


def test_ctrl_c_in_the_dashboard_is_130_and_leaves_nothing_behind(terminal: Terminal, lab: Lab) -> None:
    terminal.type(f"{LAB} run day3; echo ended with $?", "Enter")
    terminal.shows("day3", "orders", "payments", "broker", "confirm")
    mine = lab.at_work()
    terminal.type("", "C-c")
    terminal.shows("0001-day3 is stopping", "ended with 130")
    eventually(lambda: not alive(mine), 15)


def test_a_run_that_somebody_else_stopped_is_told_as_stopped(terminal: Terminal, lab: Lab) -> None:
    terminal.type(f"{LAB} run day3; echo ended with $?", "Enter")
    terminal.shows("day3", "orders", "payments", "broker", "confirm")
    assert lab("down").returncode == 0
    terminal.shows("The run has ended")
    terminal.type("q")
    terminal.shows("0001-day3 is stopped", "ended with 0")


def test_a_runtime_that_is_killed_is_told_after_the_screen(terminal: Terminal, lab: Lab) -> None:
    terminal.type(f"{LAB} run day3; echo ended with $?", "Enter")
    terminal.shows("day3", "orders", "payments", "confirm")
    mine = lab.at_work()
    os.kill(lab.runtime(), signal.SIGKILL)
    terminal.shows("The runtime is gone", "q leaves")
    terminal.type("q")
    terminal.shows(
        "0001-day3 stopped unexpectedly: its runtime was killed", "lab replay --run 0001-day3", "ended with 1"
    )
    eventually(lambda: not alive(mine), 3)


def test_a_closed_terminal_leaves_nothing_behind(terminal: Terminal, lab: Lab) -> None:
    terminal.type(f"{LAB} run day3", "Enter")
    terminal.shows("day3", "orders", "payments", "confirm")
    mine = [*lab.at_work(), *lab.commands()]
    assert len(mine) >= 7
    terminal.close()
    eventually(lambda: not alive(mine), 10)


def test_leaving_an_attached_dashboard_leaves_the_run_alone(terminal: Terminal, lab: Lab) -> None:
    assert lab("run", "day3", "--detach").returncode == 0
    terminal.type(f"{LAB} dash; echo ended with $?", "Enter")
    terminal.shows("orders", "payments", "confirm")
    terminal.type("q")
    terminal.shows("ended with 0")
    assert "0001-day3 is ready" in lab("ps").stdout


def test_ctrl_c_in_a_plain_run_is_answered_at_once(terminal: Terminal, lab: Lab) -> None:
    terminal.type(f"{LAB} run day3 --plain; echo ended with $?", "Enter")
    terminal.shows("the run is ready")
    terminal.type("", "C-c")
    terminal.shows("stopping: every process is asked to end", timeout=2)
    terminal.shows("ended with 130")
    assert not lab.processes()
