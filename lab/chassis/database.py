"""A database that neither loses updates nor waits for ever: SQLite (one file a service) or PostgreSQL.

What is not left to defaults on SQLite, and why:

- WAL: readers do not wait for the writer.
- `busy_timeout`: a second writer waits its turn instead of failing at once.
- `BEGIN IMMEDIATE` for every transaction that will write: the lock for writing comes before the first reading. Python's
  driver by default begins the transaction only at the first write, so what was read before stands outside of it, and an
  update is lost without any error. After a plain `BEGIN` none is lost, but the second of two that read the same is
  refused, whatever the timeout says.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from sqlalchemy import CursorResult, Engine, Executable, MetaData, Table, create_engine, event, literal, make_url, text
from sqlalchemy.dialects import sqlite
from sqlalchemy.orm import DeclarativeBase, Session
from tenacity import Retrying, retry_if_exception, stop_after_delay, wait_random

from lab.chassis.writes import Writing, watch

_BUSY_MS = 5000


class Database:
    """One service's own database. `write()` and `read()` open a transaction each; neither may span a remote call."""

    def __init__(self, url: str) -> None:
        self._engine = _engine(url)
        watch(self._engine)
        self._writer = self._engine.execution_options(begin="IMMEDIATE")

    @contextmanager
    def write(self) -> Iterator[Session]:
        """A transaction that may write: committed at the end of the block, undone if the block raises."""
        with Writing(self._writer, expire_on_commit=False) as session:
            with session.begin():
                yield session
            session.tell()

    @contextmanager
    def read(self) -> Iterator[Session]:
        """A transaction that only reads."""
        with Session(self._engine, expire_on_commit=False) as session:
            yield session

    def create_tables(self, *metadata: MetaData) -> None:
        """Create what is missing; safe if a second instance does the same at the same moment."""
        with self._writer.begin() as connection:
            if connection.dialect.name == "postgresql":
                connection.execute(text("SELECT pg_advisory_xact_lock(20250101)"))
            for tables in metadata:
                tables.create_all(connection)

    def check(self) -> str | None:
        """For `/readyz`: None if the database answers."""
        with self._engine.connect() as connection:
            connection.execute(text("SELECT 1"))
        return None

    def close(self) -> None:
        self._engine.dispose()


def insert_missing(session: Session, table: type[DeclarativeBase] | Table, **values: Any) -> bool:
    """Insert a row unless there is one with its key. Whether this call did: of any number at one moment, one does.

    Looking first and inserting then is not the same: two can look before either inserts.
    """
    insert = _insert(session)(table).values(**values).on_conflict_do_nothing()
    # Asked of the row itself: `rowcount` is for UPDATE and DELETE, and of an INSERT not every driver keeps it.
    return session.execute(insert.returning(literal(True))).first() is not None


def _insert(session: Session) -> Any:
    """The INSERT of this database: each has a way of its own to say ON CONFLICT."""
    if session.get_bind().dialect.name == "postgresql":
        from sqlalchemy.dialects import postgresql  # takes a tenth of a second: only who has one shall wait for it

        return postgresql.insert
    return sqlite.insert


def rows_of(session: Session, statement: Executable) -> int:
    """Execute an UPDATE or DELETE; how many rows it changed."""
    result = session.execute(statement)
    assert isinstance(result, CursorResult)
    return result.rowcount


def _engine(address: str) -> Engine:
    url = make_url(address)
    if url.get_backend_name() == "sqlite":
        engine = create_engine(url, pool_timeout=5)
        event.listen(engine, "connect", _prepare_sqlite)
        event.listen(engine, "begin", _begin_sqlite)
        return engine
    if url.drivername == "postgresql":
        url = url.set(drivername="postgresql+psycopg")
    timeouts = {"connect_timeout": 3, "options": f"-c statement_timeout={_BUSY_MS} -c lock_timeout={_BUSY_MS}"}
    return create_engine(url, pool_timeout=5, pool_pre_ping=True, connect_args=timeouts)


def _prepare_sqlite(connection: Any, _: Any) -> None:
    connection.isolation_level = None  # or the driver begins transactions by itself, and later than we say
    cursor = connection.cursor()
    cursor.execute(f"PRAGMA busy_timeout={_BUSY_MS}")
    # Of instances that switch to WAL at the same moment SQLite refuses some at once, whatever the timeout says.
    for attempt in _while_locked():
        with attempt:
            cursor.execute("PRAGMA journal_mode=WAL")
    cursor.execute("PRAGMA synchronous=NORMAL")
    cursor.execute("PRAGMA foreign_keys=ON")
    cursor.close()


def _while_locked() -> Retrying:
    return Retrying(
        retry=retry_if_exception(_is_locked),
        wait=wait_random(0.005, 0.05),
        stop=stop_after_delay(_BUSY_MS / 1000),
        reraise=True,
    )


def _is_locked(error: BaseException) -> bool:
    """A file that cannot be written, say, is told at once."""
    return isinstance(error, sqlite3.OperationalError) and error.sqlite_errorcode & 0xFF == sqlite3.SQLITE_BUSY


def _begin_sqlite(connection: Any) -> None:
    connection.exec_driver_sql(f"BEGIN {connection.get_execution_options().get('begin', 'DEFERRED')}")
