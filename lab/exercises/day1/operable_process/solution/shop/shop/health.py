"""Two questions that are not the same: is the process alive, and can it do its work?

Whoever asks the first one restarts the process if there is no answer. A restart repairs no database, so liveness does
not ask for it: a database that is away for a minute would have all instances restarted, over and over. Whoever asks
the second one sends no requests for as long as the answer is no.
"""

from __future__ import annotations

import sqlite3
from contextlib import closing

from fastapi import APIRouter
from fastapi.responses import JSONResponse
from sqlalchemy import make_url


def router(database_url: str) -> APIRouter:
    routes = APIRouter(tags=["operations"])
    path = make_url(database_url).database or ""

    @routes.get("/healthz")
    async def alive() -> dict[str, str]:
        return {"status": "alive"}

    @routes.get("/readyz")
    def ready() -> JSONResponse:
        wrong = _wrong_with(path)
        body = {"status": "unready" if wrong else "ready", "checks": {"database": wrong or "ok"}}
        return JSONResponse(body, 503 if wrong else 200)

    return routes


def _wrong_with(path: str) -> str:
    """What is wrong with the database, "" if nothing.

    The file is opened anew: a connection that is open goes on reading a file that has left its place. And a table is
    read: SQLite answers SELECT 1 without looking at the file.
    """
    try:
        with closing(sqlite3.connect(f"file:{path}?mode=rw", uri=True, timeout=1.0)) as connection:
            connection.execute("SELECT 1 FROM users LIMIT 1")
    except sqlite3.Error as error:
        return f"{type(error).__name__}: {error}"
    return ""
