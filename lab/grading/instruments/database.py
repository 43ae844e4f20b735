"""A service's SQLite database as a check sees it: a writer beside the service, who may take his time."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator
from contextlib import closing, contextmanager
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
