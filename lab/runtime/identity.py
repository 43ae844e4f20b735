"""Which process this is: its pid may be another's tomorrow, and the wall clock may be stepped while it lives."""

from __future__ import annotations

import functools
from pathlib import Path

import psutil

BOOT = Path("/proc/sys/kernel/random/boot_id")
STATE, STARTED = 0, 19
"""Fields of /proc/PID/stat after the name: the process' state, and its start in clock ticks since the boot."""


def identity(pid: int) -> str | None:
    """The same for as long as this process lives, and for no other one; None if there is none, or only its zombie."""
    if pid <= 0:
        return None
    return _of_linux(pid) if _boot() else _of_others(pid)


def _of_linux(pid: int) -> str | None:
    try:
        fields = Path(f"/proc/{pid}/stat").read_text(errors="replace").rpartition(")")[2].split()
    except OSError:
        return None
    return None if fields[STATE] == "Z" else f"{_boot()}:{fields[STARTED]}"


def _of_others(pid: int) -> str | None:
    try:
        process = psutil.Process(pid)
        return None if process.status() == psutil.STATUS_ZOMBIE else f"{process.create_time():.3f}"
    except (psutil.Error, ValueError):
        return None


@functools.cache
def _boot() -> str:
    try:
        return BOOT.read_text().strip()
    except OSError:
        return ""
