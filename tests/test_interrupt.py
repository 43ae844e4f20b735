"""A Ctrl-C that meets the program where Python has to ignore it ends the command all the same."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

DOOMED = """\
import os, signal, time

class Doomed:
    def __del__(self):
        os.kill(os.getpid(), signal.SIGINT)
        for _ in range(100_000):
            pass  # here the signal is noticed, and the KeyboardInterrupt that it becomes is ignored
"""
WAIT = "Doomed()\nstarted = time.monotonic()\nwhile time.monotonic() < started + 30:\n    time.sleep(30)\n"


def run(program: str, folder: Path) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-c", program], cwd=folder, capture_output=True, text=True, timeout=20, check=False
    )


def indented(text: str) -> str:
    return "".join(f"    {line}\n" for line in text.splitlines())


def test_in_a_finalizer_of_a_command(tmp_path: Path) -> None:
    command = f"{DOOMED}\ndef command(**_):\n{indented(WAIT)}"
    ended = run(f"{command}\nimport lab.cli, lab.cli.app\nlab.cli.app.app = command\nlab.cli.main()", tmp_path)
    assert (ended.returncode, ended.stderr) == (130, "")


def test_in_a_finalizer_of_a_check(tmp_path: Path) -> None:
    checks = tmp_path / "checks.py"
    checks.write_text(f"{DOOMED}\ndef check_something():\n{indented(WAIT)}")
    grading = f"""\
from pathlib import Path
from lab import interrupt
from lab.grading.checking import plugin

class Grader:
    broken = ""

interrupt.heed()
try:
    plugin.run(Grader(), Path({str(checks)!r}))
except KeyboardInterrupt:
    print("interrupted")
"""
    ended = run(grading, tmp_path)
    assert (ended.returncode, ended.stderr) == (0, "")
    assert ended.stdout.endswith("interrupted\n")


def test_what_else_is_ignored_is_told_as_ever(tmp_path: Path) -> None:
    broken = "class Broken:\n    def __del__(self):\n        raise ValueError('too late')\n"
    ended = run(f"{broken}\nfrom lab import interrupt\ninterrupt.heed()\nBroken()\n", tmp_path)
    assert ended.returncode == 0
    assert "ValueError: too late" in ended.stderr
