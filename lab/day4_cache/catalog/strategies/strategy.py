"""What each strategy does for the routes."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal, Protocol

from lab.day4_cache.catalog.origin import Product


@dataclass(frozen=True, slots=True)
class Found:
    """What a read found (None: no such product), and how: in the cache, past it, or without it."""

    product: Product | None
    how: Literal["hit", "miss", "bypass"]


class Strategy(Protocol):
    def read(self, product_id: str) -> Found:
        """Raises Unavailable."""

    def write(self, product_id: str, name: str, price: int) -> Product | None:
        """The product as it is now; None: there is none. Raises Unavailable."""

    def start(self) -> None:
        """Begin what goes on beside the requests."""

    def stop(self) -> None:
        """End that in good order."""
