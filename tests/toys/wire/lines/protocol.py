"""The toy protocol, as a record."""

from __future__ import annotations

from lab.system.kinds import Protocol

PROTOCOL = Protocol(
    name="lines",
    carries="data",
    variable="BOARD_ADDRESS",
    session="lab.wire.lines.session:LinesSession",
)
