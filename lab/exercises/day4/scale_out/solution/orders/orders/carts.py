"""Carts, in Redis: whichever instance is asked, it is the same cart."""

from __future__ import annotations

from typing import Annotated

from pydantic import BaseModel, ConfigDict, Field

from lab.chassis.ids import new_id
from orders.shared import Redis


class NewItem(BaseModel):
    model_config = ConfigDict(strict=True)

    sku: Annotated[str, Field(min_length=1, max_length=64)]
    qty: Annotated[int, Field(gt=0, le=1_000_000)]


class Item(NewItem):
    id: str


class Cart(BaseModel):
    id: str
    items: list[Item]


class Carts:
    """A cart is a list of Redis. RPUSH adds to it in one step: whoever reads it, adds, and writes it back loses what
    another instance has added meanwhile."""

    def __init__(self, redis: Redis) -> None:
        self._redis = redis

    def add(self, cart_id: str, new: NewItem) -> Item:
        """With an id that no other instance gives: it is drawn, not counted."""
        item = Item(id=new_id(), sku=new.sku, qty=new.qty)
        self._redis.rpush(_key(cart_id), item.model_dump_json())
        return item

    def find(self, cart_id: str) -> Cart | None:
        stored = self._redis.lrange(_key(cart_id), 0, -1)
        items = [Item.model_validate_json(one) for one in stored]  # type: ignore[union-attr]
        return Cart(id=cart_id, items=items) if items else None


def _key(cart_id: str) -> str:
    return f"orders:cart:{cart_id}"
