"""A target of the routing table: who decides, and who else is asked to read."""

from __future__ import annotations

import re
from dataclasses import dataclass

PERCENT = re.compile(r"percent:(\d{1,3})")


@dataclass(frozen=True, slots=True)
class Route:
    """`new`: users decides, the monolith follows; else it is the other way round. `share` of a hundred single reads
    are answered by users while the monolith decides; in the `shadow` users is asked, too, and its answer compared."""

    target: str
    new: bool = False
    shadow: bool = False
    share: int = 0

    @property
    def copied(self) -> bool:
        """Whether the side that does not decide has to know what the other one knows."""
        return self.target != "legacy"


def parse(target: str) -> Route | None:
    """None: there is no such target."""
    match = PERCENT.fullmatch(target)
    if match and int(match[1]) <= 100:
        return Route(target, share=int(match[1]))
    simple = {"legacy": Route("legacy"), "new": Route("new", new=True), "shadow": Route("shadow", shadow=True)}
    return simple.get(target)
