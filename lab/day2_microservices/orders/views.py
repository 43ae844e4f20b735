"""What orders takes and gives."""

from __future__ import annotations

from typing import Annotated

from pydantic import BaseModel, ConfigDict, Field

Amount = Annotated[int, Field(gt=0, le=1_000_000_000, description="UZS")]


class OrderRequest(BaseModel):
    user_id: Annotated[str, Field(min_length=1, max_length=64)]
    amount: Amount


class OrderView(BaseModel):
    model_config = ConfigDict(from_attributes=True)

    id: str
    user_id: str
    amount: int
    status: str


class Deposit(BaseModel):
    amount: Amount


class WalletView(BaseModel):
    user_id: str
    balance: int
