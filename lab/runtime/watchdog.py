"""An end that hangs is ended: nobody may be there any more to see that the processes stay."""

from __future__ import annotations

import os
import sys
import threading
from pathlib import Path

from lab.locale import tr
from lab.runtime import leftovers


def end_within(seconds: float, folder: Path) -> threading.Timer:
    """After so many seconds everything of the run of that folder is killed, this process last, unless it is cancelled.

    A thread of its own, because it is the event loop that may hang.
    """
    timer = threading.Timer(seconds, _end, (seconds, folder))
    timer.daemon = True
    timer.start()
    return timer


def _end(seconds: float, folder: Path) -> None:
    sys.stderr.write(tr("lab: the run did not end within {seconds:g} s; it is killed", seconds=seconds) + "\n")
    sys.stderr.flush()
    leftovers.kill_marked({str(folder)})
    leftovers.remove(folder)
    os._exit(1)
