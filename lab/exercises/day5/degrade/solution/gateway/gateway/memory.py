"""The last good answers, for the time when there are none."""

from __future__ import annotations

import time
from collections import OrderedDict
from typing import Any


class LastGood:
    """One list a user, no older than `max_age` seconds, for the `size` users seen last.

    A user's own: what one has ordered is nothing to show to another. In this process only: a fallback that needs Redis
    is one more thing that can be down.
    """

    def __init__(self, max_age: float, size: int = 10_000) -> None:
        self._max_age = max_age
        self._size = size
        self._kept: OrderedDict[str, tuple[float, list[Any]]] = OrderedDict()

    def keep(self, user_id: str, items: list[Any]) -> None:
        self._kept[user_id] = (time.monotonic(), items)
        self._kept.move_to_end(user_id)
        if len(self._kept) > self._size:
            self._kept.popitem(last=False)

    def recall(self, user_id: str) -> list[Any] | None:
        """What was good for this user not too long ago."""
        at, items = self._kept.get(user_id, (0.0, None))
        return items if items is not None and time.monotonic() - at <= self._max_age else None
