"""What a module gives to whoever puts the program together."""

from __future__ import annotations

from dataclasses import dataclass

from fastapi import APIRouter
from sqlalchemy import MetaData


@dataclass(frozen=True, slots=True)
class Part:
    """The routes of a module and its tables: both there, or neither."""

    routes: APIRouter
    tables: MetaData
