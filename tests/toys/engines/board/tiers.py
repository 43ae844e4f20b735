"""How the toy engine is started."""

from __future__ import annotations

from lab.engines.launch import Launch, Place


def embedded(place: Place) -> Launch:
    port = place.port()
    return Launch(
        tier="embedded",
        title="the board",
        url="{address}",
        module="lab.engines.board.server",
        argv=(str(port),),
        port=port,
    )
