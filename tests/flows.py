"""Flows as a tap would tell of them, for tests of what reads them."""

from __future__ import annotations

from lab.journal.event import Flow


def call(t: float, link: str, op: str, ms: float = 10.0, status: str = "200", correlation: str = "") -> Flow:
    source, target = link.split("->")
    return Flow(
        t=t,
        source=source,
        target=target,
        link=link,
        protocol="http",
        op=op,
        ms=ms,
        status=status,
        correlation=correlation,
    )
