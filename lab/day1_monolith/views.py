"""What the API takes and gives, the same in both shapes."""

from __future__ import annotations

from typing import Annotated

from pydantic import BaseModel, ConfigDict, Field

Email = Annotated[str, Field(pattern=r"^[^@\s]+@[^@\s]+$", max_length=254)]
Name = Annotated[str, Field(min_length=1, max_length=200)]
Amount = Annotated[int, Field(gt=0, le=1_000_000_000, description="UZS")]


class Registration(BaseModel):
    email: Email
    name: Name


class Renaming(BaseModel):
    name: Name


class UserView(BaseModel):
    model_config = ConfigDict(from_attributes=True)

    id: str
    email: str
    name: str


class OrderRequest(BaseModel):
    user_id: str
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


class Report(BaseModel):
    """`low` and `high` are what nine of ten coming weeks should lie between, if they are like this one."""

    orders: int
    revenue: int
    low: int
    high: int
