"""A child that must not outlive its parent asks the system for a signal at its parent's death."""

from __future__ import annotations

import ctypes
import os
import signal
import sys

PR_SET_PDEATHSIG = 1
PR_SET_CHILD_SUBREAPER = 36

_libc = ctypes.CDLL(None, use_errno=True) if sys.platform == "linux" else None


def die_with_parent(parent: int) -> None:
    """Have this process killed when `parent`, the pid that forked it, dies. Where the system has no such signal
    (macOS) this does nothing: there the runtime and the fork server end each other's children.

    The system forgets the wish when the process changes its user, so ask again after that.
    """
    if _libc is not None:
        _libc.prctl(PR_SET_PDEATHSIG, signal.SIGKILL, 0, 0, 0)
    if os.getppid() != parent:  # it died before we asked
        os._exit(1)


def adopt_orphans() -> bool:
    """Have this process become the parent of every descendant whose own parent dies, so that none gets away. False
    where the system has no such thing (macOS)."""
    return _libc is not None and _libc.prctl(PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0) == 0
