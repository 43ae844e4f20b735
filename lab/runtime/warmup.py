"""Starts the fork server. Imports next to nothing, so that the server warms up while its starter still imports."""

from __future__ import annotations

import socket
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path


@dataclass(slots=True)
class ForkServerProcess:
    """The fork server's process and our end of its socket."""

    process: subprocess.Popen[bytes]
    sock: socket.socket


def start_server(log: Path) -> ForkServerProcess:
    """Start a fork server; what it says itself goes to `log`. Raises OSError."""
    ours, theirs = socket.socketpair()
    with theirs, log.open("ab") as output:
        process = subprocess.Popen(
            [sys.executable, "-P", "-m", "lab.runtime.forkserver", str(theirs.fileno())],
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=output,
            pass_fds=[theirs.fileno()],
            start_new_session=True,
        )
    return ForkServerProcess(process, ours)
