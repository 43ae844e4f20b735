"""The first frame stands on the terminal before Textual is loaded, and whatever comes then gives the terminal back."""

from __future__ import annotations

import fcntl
import os
import pty
import struct
import sys
import termios
from pathlib import Path

import pytest

from lab.journal.event import to_line
from tests.dashboard import shop

WITHOUT_TEXTUAL = """
import sys
from pathlib import Path
sys.modules["textual"] = None
from lab.dashboard import run_replay
from tests.dashboard import shop
run_replay(Path(sys.argv[1]), shop.SYSTEM)
"""


def shown_without_textual(journal: Path, columns: int, lines: int, **environment: str) -> tuple[str, bool]:
    """What reached a terminal of this size, and whether its modes are afterwards what they were before."""
    master, slave = pty.openpty()
    fcntl.ioctl(slave, termios.TIOCSWINSZ, struct.pack("HHHH", lines, columns, 0, 0))
    before = termios.tcgetattr(slave)
    pid = os.fork()
    if pid == 0:
        for stream in (0, 1, 2):
            os.dup2(slave, stream)
        os.environ.update(environment)
        os.execv(sys.executable, [sys.executable, "-c", WITHOUT_TEXTUAL, str(journal)])
    os.waitpid(pid, 0)
    same = before == termios.tcgetattr(slave)
    os.close(slave)
    seen = b""
    try:
        while data := os.read(master, 1 << 16):
            seen += data
    except OSError:
        pass
    os.close(master)
    return seen.decode(), same


@pytest.fixture
def journal(tmp_path: Path) -> Path:
    path = tmp_path / "journal.ndjson"
    path.write_bytes(b"".join(to_line(event) for event in shop.stream(2, orders=5)))
    return path


@pytest.mark.parametrize("size", [(120, 40), (80, 24)], ids=["120x40", "80x24"])
def test_the_map_is_drawn_before_textual_is_loaded(journal: Path, size: tuple[int, int]) -> None:
    seen, same = shown_without_textual(journal, *size)
    frame, _, after = seen.partition("\x1b[?1049l")
    for name in ("client", "users", "orders", "broker", "payments", "mail", "flows", "quit"):
        assert name in frame
    assert "ModuleNotFoundError" in after  # what went wrong is told on the screen that was there before
    assert same


def test_it_is_drawn_in_ascii_where_that_was_asked_for(journal: Path) -> None:
    frame = shown_without_textual(journal, 120, 40, LAB_ASCII="1")[0].partition("\x1b[?1049l")[0]
    assert "payments" in frame
    assert frame.isascii()
