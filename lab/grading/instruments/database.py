"""A service's SQLite database as a check sees it: a writer beside the service, who may take his time, and rules that
let its commits fail, or its changes of one table."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator
from contextlib import closing, contextmanager, suppress
from pathlib import Path


@contextmanager
def writing(database: Path, within: float = 1.0) -> Iterator[bool | None]:
    """Hold the database's only place for a writer: what the service writes is not durable before the block has ended.

    True: the place is held. False: another transaction did not give it back within so many seconds. None: there is no
    SQLite database, because the service keeps its data elsewhere.
    """
    try:
        connection = sqlite3.connect(f"file:{database}?mode=rw", uri=True, timeout=within, isolation_level=None)
    except sqlite3.Error:
        yield None
        return
    with closing(connection):
        try:
            connection.execute("BEGIN IMMEDIATE")
        except sqlite3.OperationalError as error:
            yield False if error.sqlite_errorcode & 0xFF == sqlite3.SQLITE_BUSY else None
            return
        except sqlite3.DatabaseError:
            yield None
            return
        try:
            yield True
        finally:
            connection.execute("ROLLBACK")


@contextmanager
def failing_commits(database: Path) -> Iterator[bool]:
    """Let each transaction that inserts something fail at its commit, and not before: every new row owes a debt to a
    table that is empty, which SQLite looks at when the transaction ends.

    Only connections that enforce foreign keys are hit. False: there is no SQLite database.
    """
    try:
        tables = [name.replace('"', '""') for (name,) in _execute(database, _TABLES)]
        owing = [_OWING.format(number=number, table=table) for number, table in enumerate(tables)]
        _execute(database, *_DEBT, *owing)
    except sqlite3.Error:
        yield False
        return
    try:
        yield True
    finally:
        # A service that never ends the transaction that failed keeps us from it, and itself from writing ever again.
        with suppress(sqlite3.OperationalError):
            _execute(
                database,
                *(f"DROP TRIGGER lab_owes_{number}" for number in range(len(tables))),
                "DROP TABLE lab_debts",
                "DROP TABLE lab_nothing",
            )


def tables(database: Path) -> list[str]:
    """The names of its tables; none if there is no SQLite database."""
    try:
        return [name for (name,) in _execute(database, _TABLES)]
    except sqlite3.Error:
        return []


@contextmanager
def refusing_writes(database: Path, table: str) -> Iterator[bool]:
    """Let each statement that inserts, changes or deletes a row of this table fail. False: that cannot be asked of it,
    because it is virtual, or a transaction of the service does not end."""
    quoted = table.replace('"', '""')
    try:
        _execute(database, *(_REFUSING.format(act=act, table=quoted) for act in _ACTS))
    except sqlite3.Error:
        yield False
        return
    try:
        yield True
    finally:
        with suppress(sqlite3.OperationalError):  # as above
            _execute(database, *(f"DROP TRIGGER lab_refuses_{act}" for act in _ACTS))


_ACTS = ("insert", "update", "delete")
_REFUSING = (
    "CREATE TRIGGER lab_refuses_{act} BEFORE {act} ON \"{table}\" BEGIN SELECT RAISE(ABORT, 'no writes for now'); END"
)
_DEBT = (
    "CREATE TABLE lab_nothing (id INTEGER PRIMARY KEY)",
    "CREATE TABLE lab_debts (id INTEGER REFERENCES lab_nothing (id) DEFERRABLE INITIALLY DEFERRED)",
)
_TABLES = "SELECT name FROM sqlite_master WHERE type = 'table' AND name NOT LIKE 'sqlite\\_%' ESCAPE '\\'"
_OWING = 'CREATE TRIGGER lab_owes_{number} AFTER INSERT ON "{table}" BEGIN INSERT INTO lab_debts VALUES (1); END'


def _execute(database: Path, *statements: str) -> list[tuple[str]]:
    """Execute them in one transaction; what the last one finds. Raises sqlite3.Error."""
    with closing(
        sqlite3.connect(f"file:{database}?mode=rw", uri=True, timeout=5.0, isolation_level=None)
    ) as connection:
        connection.execute("BEGIN IMMEDIATE")
        found: list[tuple[str]] = []
        for statement in statements:
            found = connection.execute(statement).fetchall()
        connection.execute("COMMIT")
        return found
