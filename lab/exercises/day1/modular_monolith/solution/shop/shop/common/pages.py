"""Pages of a list by keyset: a page begins after the row that the last one ended with, not after so many rows."""

from __future__ import annotations

from typing import Annotated, Generic, TypeVar

from fastapi import Query
from pydantic import BaseModel
from sqlalchemy import Select
from sqlalchemy.orm import InstrumentedAttribute, Session

from lab.chassis.problems import Problem

Row = TypeVar("Row")
View = TypeVar("View")

Limit = Annotated[int, Query(ge=1, le=100)]


class Page(BaseModel, Generic[View]):
    items: list[View]
    next_cursor: str | None


def cut(
    session: Session, rows: Select[tuple[Row]], position: InstrumentedAttribute[int], limit: int, cursor: str | None
) -> tuple[list[Row], str | None]:
    """At most `limit` rows after `cursor`, and the cursor of the next page (None: there is none)."""
    if cursor is not None:
        if not (cursor.isascii() and cursor.isdigit() and len(cursor) < 19):
            raise Problem(422, "invalid_cursor", "The cursor is not one that a page gave you.")
        rows = rows.where(position > int(cursor))
    # One row more than asked for tells whether there is a next page, without counting the table.
    found = list(session.scalars(rows.order_by(position).limit(limit + 1)))
    page = found[:limit]
    more = len(found) > limit
    return page, str(getattr(page[-1], position.key)) if more else None
