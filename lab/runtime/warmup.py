"""Forks the fork server off the runtime, as long as that is one thread that has done nothing but imports."""

from __future__ import annotations

import contextlib
import importlib
import os
import socket
from collections.abc import Sequence
from dataclasses import dataclass

from lab.runtime import forkserver, preload


@dataclass(frozen=True, slots=True)
class ForkServerProcess:
    """The fork server's process, a child of ours, and our end of its socket."""

    pid: int
    sock: socket.socket


def fork_off(groups: Sequence[str], lifeline: int | None) -> ForkServerProcess:
    """Import what both need, and fork: returns in the runtime only.

    The fork server imports these groups of `preload`, in a session of its own and without the runtime's `lifeline`. All
    that it forks in turn shows the runtime's first environment to the system, so the run's mark must be in there.
    """
    for module in preload.imports([preload.BASE]):
        with contextlib.suppress(ImportError):
            importlib.import_module(module)
    ours, theirs = socket.socketpair()
    pid = os.fork()
    if pid == 0:
        os.setsid()
        ours.close()
        if lifeline is not None:
            os.close(lifeline)
        forkserver.run(theirs, groups)
    theirs.close()
    return ForkServerProcess(pid, ours)
