"""What users takes and gives, in each of its releases.

Version 2 wants to call the name `full_name`. Kept, the contract only grows: both names are there until nobody reads
the old one, and a release after that takes it away. Broken, the field is renamed in one go: each consumer that reads
it fails at the moment of the deploy, although its own code did not change.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Annotated

from pydantic import BaseModel, Field

from lab.day2_microservices.users.models import User

Email = Annotated[str, Field(pattern=r"^[^@\s]+@[^@\s]+$", max_length=254)]
Name = Annotated[str, Field(min_length=1, max_length=200)]


class Registration(BaseModel):
    email: Email
    name: Name


class Renaming(BaseModel):
    name: Name


class First(BaseModel):
    id: str
    email: str
    name: str


class Grown(First):
    full_name: str


class Renamed(BaseModel):
    id: str
    email: str
    full_name: str


View = Callable[[User], BaseModel]


def of_release(version: int, contract: str) -> View:
    """How this release shows a user."""
    if version == 1:
        return lambda user: First(id=user.id, email=user.email, name=user.name)
    if contract == "kept":
        return lambda user: Grown(id=user.id, email=user.email, name=user.name, full_name=user.name)
    return lambda user: Renamed(id=user.id, email=user.email, full_name=user.name)
