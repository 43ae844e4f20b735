"""The optional parts of the page: fresh, else the last known good, else a default. Never an error, never in silence."""

from __future__ import annotations

import logging
from dataclasses import dataclass, field
from typing import Any, Literal

from gateway.memory import LastGood
from gateway.upstream import Unavailable, Upstream

log = logging.getLogger(__name__)


@dataclass(frozen=True)
class Part:
    items: list[Any]
    source: Literal["fresh", "stale", "default"]


@dataclass
class OptionalPart:
    """A list that `upstream` knows of each user. `default` is what anybody may be shown: it depends on nothing."""

    name: str
    upstream: Upstream
    memory: LastGood
    default: list[Any] = field(default_factory=list)

    async def of(self, user_id: str, path: str) -> Part:
        """Ask once. Nothing that the upstream does gets out of here as an exception."""
        try:
            answer = await self.upstream.get(path)
            items = [] if answer is None else answer.get("items")
            if not isinstance(items, list):
                raise Unavailable(f"no list of items: {answer!r:.100}")
        except Unavailable as error:
            return self._instead(user_id, error)
        self.memory.keep(user_id, items)
        return Part(items, "fresh")

    def _instead(self, user_id: str, reason: Unavailable) -> Part:
        """The fallback is not kept: only what upstream has said itself is ever the last known good."""
        known = self.memory.recall(user_id)
        part = Part(self.default, "default") if known is None else Part(known, "stale")
        log.warning(
            "%s left us, %s instead: %s",
            self.name,
            part.source,
            reason,
            extra={"event": "fallback", "dependency": self.name, "source": part.source},
        )
        return part
