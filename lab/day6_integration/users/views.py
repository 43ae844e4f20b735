"""What users takes and gives: what the monolith takes and gives, to the letter."""

from __future__ import annotations

from typing import Annotated

from pydantic import BaseModel, ConfigDict, Field

from lab.day6_integration.moving.copies import Item

Email = Annotated[str, Field(pattern=r"^[^@\s]+@[^@\s]+$", max_length=254)]
Name = Annotated[str, Field(min_length=1, max_length=200)]


class Registration(BaseModel):
    email: Email
    name: Name


class Renaming(BaseModel):
    name: Name


class UserView(Item):
    model_config = ConfigDict(from_attributes=True)

    email: str
    name: str


class UserRegistered(BaseModel):
    """Data of `user.registered`."""

    user_id: str
    email: str
    name: str
