"""How the toy engine is started."""

from __future__ import annotations

from lab.engines.recipe import Place, Recipe


def embedded(place: Place) -> Recipe:
    port = place.port()
    return Recipe(
        tier="embedded",
        title="the board",
        url="{address}",
        module="lab.engines.board.server",
        argv=(str(port),),
        port=port,
    )
