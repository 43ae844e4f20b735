from __future__ import annotations

import time
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from pathlib import Path

import pytest
from sqlalchemy import Integer, select, text
from sqlalchemy.exc import OperationalError
from sqlalchemy.orm import DeclarativeBase, Mapped, mapped_column

from lab.chassis.database import Database, insert_missing


class Base(DeclarativeBase):
    pass


class Counter(Base):
    __tablename__ = "counters"

    id: Mapped[int] = mapped_column(Integer, primary_key=True)
    value: Mapped[int] = mapped_column(Integer)


@pytest.fixture(autouse=True)
def tables(database: Database) -> None:
    database.create_tables(Base.metadata)


def test_no_update_is_lost_between_threads(database: Database) -> None:
    with database.write() as session:
        session.add(Counter(id=1, value=0))

    def increment(_: int) -> None:
        with database.write() as session:
            counter = session.get_one(Counter, 1, with_for_update=True)
            counter.value += 1

    with ThreadPoolExecutor(8) as pool:
        list(pool.map(increment, range(160)))
    with database.read() as session:
        assert session.get_one(Counter, 1).value == 160


def test_a_transaction_that_fails_leaves_nothing(database: Database) -> None:
    def fail() -> None:
        with database.write() as session:
            session.add(Counter(id=1, value=1))
            session.flush()
            raise RuntimeError

    with pytest.raises(RuntimeError):
        fail()
    with database.read() as session:
        assert session.scalars(select(Counter)).all() == []


def test_reading_does_not_wait_for_the_writer(database: Database) -> None:
    with database.write() as writer:
        writer.add(Counter(id=1, value=1))
        writer.flush()
        with database.read() as reader:
            assert reader.scalars(select(Counter)).all() == []


def test_the_file_is_in_wal_mode(tmp_path: Path) -> None:
    with closing(Database(f"sqlite:///{tmp_path}/wal.db")) as database, database.read() as session:
        assert session.execute(text("PRAGMA journal_mode")).scalar() == "wal"


def test_two_instances_may_create_the_tables_at_once(tmp_path: Path) -> None:
    for round_ in range(5):  # SQLite refuses now and then
        databases = [Database(f"sqlite:///{tmp_path}/shared-{round_}.db") for _ in range(8)]
        with ThreadPoolExecutor(8) as pool:
            list(pool.map(lambda database: database.create_tables(Base.metadata), databases))
        for database in databases:
            database.close()


def test_of_many_that_insert_a_row_at_once_one_does(database: Database) -> None:
    def insert(value: int) -> bool:
        with database.write() as session:
            return insert_missing(session, Counter, id=1, value=value)

    with ThreadPoolExecutor(8) as pool:
        done = list(pool.map(insert, range(16)))
    assert sum(done) == 1
    with database.read() as session:
        assert session.get_one(Counter, 1).value == done.index(True)


def test_check_is_none_where_it_answers_and_raises_where_it_does_not(database: Database, tmp_path: Path) -> None:
    assert database.check() is None
    with pytest.raises(Exception, match="unable to open"):
        Database(f"sqlite:///{tmp_path}/nowhere/test.db").check()


def test_what_is_no_lock_is_told_at_once(tmp_path: Path) -> None:
    """A file without its WAL mode that cannot be written: trying again would not help."""
    (tmp_path / "shop.db").touch()
    database = Database(f"sqlite:///file:{tmp_path}/shop.db?mode=ro&uri=true")
    began = time.monotonic()
    with pytest.raises(OperationalError, match="readonly"), database.read() as session:
        session.execute(text("SELECT 1"))
    assert time.monotonic() - began < 2.5
    database.close()
