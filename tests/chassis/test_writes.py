"""A service says what its transactions have written: the rows that are there after the commit, and no others."""

from __future__ import annotations

import json
import logging
from collections.abc import Iterator
from contextlib import suppress
from typing import Any

import pytest
from sqlalchemy import Integer, String, delete, update
from sqlalchemy.orm import DeclarativeBase, Mapped, mapped_column

from lab.chassis import inbox
from lab.chassis.database import Database
from lab.chassis.ids import correlated
from lab.chassis.logs import JsonLines


class Base(DeclarativeBase):
    pass


class Order(Base):
    __tablename__ = "orders"

    id: Mapped[int] = mapped_column(Integer, primary_key=True)
    state: Mapped[str] = mapped_column(String(20))


class Lines(logging.Handler):
    """The lines as they would be on stdout."""

    def __init__(self) -> None:
        super().__init__()
        self.setFormatter(JsonLines("orders"))
        self.told: list[dict[str, Any]] = []

    def emit(self, record: logging.LogRecord) -> None:
        self.told.append(json.loads(self.format(record)))


@pytest.fixture
def told(database: Database) -> Iterator[list[dict[str, Any]]]:
    database.create_tables(Base.metadata, inbox.metadata)
    lines, log = Lines(), logging.getLogger("lab.chassis.writes")
    log.addHandler(lines)
    yield lines.told
    log.removeHandler(lines)


def rows(line: dict[str, Any]) -> dict[tuple[str, str], int]:
    return {(one["table"], one["act"]): one["rows"] for one in line["writes"]}


def test_a_committed_transaction_is_told_in_the_name_of_its_request(
    database: Database, told: list[dict[str, Any]]
) -> None:
    with correlated("req-1"):
        with database.write() as session:
            session.add_all([Order(id=number, state="new") for number in (1, 2, 3)])
            assert inbox.first_time(session, "mail", "e1")
        with database.write() as session:
            session.execute(update(Order).where(Order.id < 3).values(state="paid"))
            session.execute(delete(Order).where(Order.id == 3))
            session.execute(delete(Order).where(Order.id == 99))
            assert not inbox.first_time(session, "mail", "e1")
    first, second = told
    assert rows(first) == {("orders", "insert"): 3, ("inbox", "insert"): 1}
    assert rows(second) == {("orders", "update"): 2, ("orders", "delete"): 1}
    assert {line["correlation_id"] for line in told} == {"req-1"}
    assert all((line["event"], line["level"]) == ("sql", "debug") and line["ms"] > 0 for line in told)
    assert second["msg"] == "committed orders ~2, orders -1"


def test_what_is_not_there_afterwards_is_not_told(database: Database, told: list[dict[str, Any]]) -> None:
    with correlated("req-1"):
        with suppress(RuntimeError), database.write() as session:
            session.add(Order(id=1, state="new"))
            session.flush()
            raise RuntimeError
        with database.write() as session:
            session.add(Order(id=2, state="new"))
            session.flush()
            with suppress(RuntimeError), session.begin_nested():
                session.add(Order(id=3, state="new"))
                session.flush()
                raise RuntimeError
        with database.write() as session:
            assert session.get(Order, 1) is None
        with database.read() as session:
            assert session.get(Order, 3) is None
    assert [rows(line) for line in told] == [{("orders", "insert"): 1}]


def test_housekeeping_is_not_told(database: Database, told: list[dict[str, Any]]) -> None:
    with database.write() as session:
        session.add(Order(id=1, state="new"))
    assert told == []
