"""The toy engine, as a record."""

from __future__ import annotations

from lab.system.kinds import EngineKind

KIND = EngineKind(
    name="board",
    protocols=("lines",),
    variable="LAB_BOARD_ADDRESS",
    schemes={"board": 7777},
    tiers="lab.engines.board.tiers",
    embedded="a toy",
    caveat="notes are gone with the process",
    instrument="lab.engines.board.instrument:Board",
)
