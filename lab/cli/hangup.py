"""A closed terminal ends the screen, whatever the screen is doing at that moment."""

from __future__ import annotations

import os
import sys
import threading
import time

POLL = 0.25
HUNG_UP = 129


def end_with_terminal() -> None:
    """From now on this process ends when its terminal goes away, and with it the run that it started.

    The hang-up signal alone is not enough: whoever draws may be waiting for ever for the terminal to take its bytes.
    """
    threading.Thread(target=_watch, args=(sys.stdin.fileno(),), name="hangup", daemon=True).start()


def _watch(terminal: int) -> None:
    import termios

    while True:
        time.sleep(POLL)
        try:
            termios.tcgetattr(terminal)
        except termios.error:
            os._exit(HUNG_UP)
