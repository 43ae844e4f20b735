"""Starts the fork server. Imports next to nothing, so that the server warms up while its starter still imports."""

from __future__ import annotations

import os
import socket
import subprocess
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from lab.runtime.preload import PRELOAD
from lab.runtime.secrets import without_secrets


@dataclass(slots=True)
class ForkServerProcess:
    """The fork server's process and our end of its socket."""

    process: subprocess.Popen[bytes]
    sock: socket.socket


def start_server(folder: Path, groups: Sequence[str] = tuple(PRELOAD)) -> ForkServerProcess:
    """Start the fork server of the run in `folder`, which imports these groups of `preload`. Raises OSError.

    What it says itself goes to `runtime.log`. Whatever it forks shows the server's own first environment to the system,
    so the run's mark must be in there.
    """
    ours, theirs = socket.socketpair()
    with theirs, (folder / "runtime.log").open("ab") as output:
        process = subprocess.Popen(
            [sys.executable, "-P", "-m", "lab.runtime.forkserver", str(theirs.fileno()), *groups],
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=output,
            env={**without_secrets(os.environ), "LAB_RUN": str(folder)},
            pass_fds=[theirs.fileno()],
            start_new_session=True,
        )
    return ForkServerProcess(process, ours)
