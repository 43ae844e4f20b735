"""What users takes and gives: what the monolith takes and gives, to the letter."""

from __future__ import annotations

from typing import Annotated

from pydantic import BaseModel, ConfigDict, Field

Email = Annotated[str, Field(pattern=r"^[^@\s]+@[^@\s]+$", max_length=254)]
Name = Annotated[str, Field(min_length=1, max_length=200)]


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
