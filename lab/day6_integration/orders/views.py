"""What orders takes and gives: what the monolith takes and gives, and one thing more; and what it tells."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field

from lab.day6_integration.moving.copies import Item


class OrderRequest(BaseModel):
    user_id: str
    amount: Annotated[int, Field(gt=0, le=1_000_000_000, description="UZS")]


class Checkout(OrderRequest):
    """With `pay` the order is paid at once: the first thing that the monolith could not do."""

    pay: bool = False


class OrderView(Item):
    model_config = ConfigDict(from_attributes=True)

    user_id: str
    amount: int
    status: Literal["created", "paid", "cancelled"]


class OrderFact(BaseModel):
    """Data of `payment.requested`, `order.confirmed` and `order.cancelled`."""

    order_id: str
    user_id: str
    amount: int


def fact(order: OrderView) -> OrderFact:
    return OrderFact(order_id=order.id, user_id=order.user_id, amount=order.amount)
