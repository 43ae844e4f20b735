"""What a transaction has written, told in a log line as soon as it is committed.

What crosses a wire can be seen there; what goes into a database file can not. So the service says it itself: how many
rows of which tables, in whose name, and how long it took from the transaction's beginning to its commit. What it does
in nobody's name (tidying, marking messages as sent) is not told.
"""

from __future__ import annotations

import logging
import time
from collections.abc import Callable
from typing import Any

from sqlalchemy import Engine, event
from sqlalchemy.orm import Session

from lab.chassis.ids import correlation_id

log = logging.getLogger(__name__)
log.setLevel(logging.DEBUG)  # it says so itself, whatever others are told to leave out

_KEY = "lab.writes"
_SIGNS = {"insert": "+", "update": "~", "delete": "-"}


class Writes:
    """Those of one transaction."""

    def __init__(self) -> None:
        self._began = time.perf_counter()
        self._made: list[tuple[str, str, int, Any]] = []
        """Table, what was done, to how many rows, and the cursor: SQLite's knows of an INSERT that returns something
        only when that was fetched, PostgreSQL's no longer when it is closed."""
        self._savepoints: list[int] = []

    def add(self, table: str, act: str, cursor: Any) -> None:
        self._made.append((table, act, cursor.rowcount, cursor))

    def mark(self) -> None:
        """A savepoint begins."""
        self._savepoints.append(len(self._made))

    def keep(self) -> None:
        """The last savepoint that is open ends, and is kept."""
        self._savepoints.pop()

    def undo(self) -> None:
        """It is undone."""
        del self._made[self._savepoints.pop() :]

    def tell(self) -> None:
        """It is committed."""
        rows: dict[tuple[str, str], int] = {}
        for table, act, count, cursor in self._made:
            if (count := max(count, cursor.rowcount)) > 0:
                rows[table, act] = rows.get((table, act), 0) + count
        if rows and correlation_id():
            ms = round((time.perf_counter() - self._began) * 1000, 2)
            written = [{"table": table, "act": act, "rows": count} for (table, act), count in rows.items()]
            said = ", ".join(f"{table} {_SIGNS[act]}{count}" for (table, act), count in rows.items())
            log.debug("committed %s", said, extra={"event": "sql", "ms": ms, "writes": written})


class Writing(Session):
    """A session that knows what its transaction has written."""

    def tell(self) -> None:
        """Call it after the commit."""
        if writes := self.info.pop(_KEY, None):
            writes.tell()


def watch(engine: Engine) -> None:
    """Count what is written over this engine in sessions of the kind above."""
    event.listen(engine, "after_cursor_execute", _executed)
    event.listen(engine, "savepoint", lambda connection, _name: _on(connection, Writes.mark))
    event.listen(engine, "release_savepoint", lambda connection, _name, _context: _on(connection, Writes.keep))
    event.listen(engine, "rollback_savepoint", lambda connection, _name, _context: _on(connection, Writes.undo))
    for end in ("commit", "rollback"):
        event.listen(engine, end, _ended)


@event.listens_for(Writing, "after_begin")
def _begun(session: Session, _transaction: Any, connection: Any) -> None:
    connection.info[_KEY] = session.info.setdefault(_KEY, Writes())


def _executed(connection: Any, cursor: Any, _statement: str, _parameters: Any, context: Any, _many: bool) -> None:
    act = "insert" if context.isinsert else "update" if context.isupdate else "delete" if context.isdelete else ""
    if act and context.compiled is not None and (writes := connection.info.get(_KEY)):
        writes.add(context.compiled.statement.table.name, act, cursor)


def _on(connection: Any, act: Callable[[Writes], None]) -> None:
    if writes := connection.info.get(_KEY):
        act(writes)


def _ended(connection: Any) -> None:
    connection.info.pop(_KEY, None)
