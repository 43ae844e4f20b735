"""How many files the broker's process may have open: every client is one."""

from __future__ import annotations

import resource

ENOUGH = 10_240
"""The most that macOS allows to ask for."""


def allow_many() -> None:
    """Raises the process's own limit towards what the system allows it; many systems begin at 256 or 1,024."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    wanted = ENOUGH if hard == resource.RLIM_INFINITY else min(ENOUGH, hard)
    if soft != resource.RLIM_INFINITY and soft < wanted:
        resource.setrlimit(resource.RLIMIT_NOFILE, (wanted, hard))
