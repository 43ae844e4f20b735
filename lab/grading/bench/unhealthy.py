"""Why a service did not become healthy, in words for its author."""

from __future__ import annotations

import contextlib
import re
from collections.abc import Sequence

import psutil

from lab.locale import tr
from lab.runtime.api import ProcessStatus

LAST = 6
"""Last lines that are told of a service that did not start."""
REFUSED = tr("refuses connections")
CAUSE = re.compile(r"^(?:panic: |fatal error: |[\w.]*(?:Error|Exception)\b)")
"""A line that says why a process ended, which Go writes above the stacks of its goroutines."""


def why_not(status: ProcessStatus) -> str:
    """One sentence, with the service's last words on lines of their own."""
    reason = status.reason or status.state
    if status.pid and (elsewhere := listening(status.pid)) and REFUSED in reason:
        ports = tr(" and ").join(map(str, elsewhere))
        reason += tr("; it listens on {ports} instead of the PORT that its environment names", ports=ports)
    said = "".join(f"\n  {line}" for line in last_words(status.tail))
    return tr("{name} never became healthy: {reason}", name=status.name, reason=reason) + (
        tr("; its last words:{said}", said=said) if said else ""
    )


def last_words(lines: Sequence[str]) -> list[str]:
    """The last lines. Where the cause stands above them, they are those from the cause on."""
    causes = [number for number, line in enumerate(lines) if CAUSE.match(line)]
    first = len(lines) - LAST
    return list(lines[causes[-1] : causes[-1] + LAST] if causes and causes[-1] < first else lines[max(0, first) :])


def listening(pid: int) -> list[int]:
    """The TCP ports on which the process and its descendants accept connections, as far as the system tells."""
    ports: set[int] = set()
    with contextlib.suppress(psutil.Error):
        leader = psutil.Process(pid)
        for process in (leader, *leader.children(recursive=True)):
            for connection in process.net_connections("tcp"):
                if connection.status == psutil.CONN_LISTEN:
                    ports.add(connection.laddr.port)
    return sorted(ports)
