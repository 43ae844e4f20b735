"""A way to the database; which tables there are is each module's own affair."""

import asyncio
from base64 import urlsafe_b64decode, urlsafe_b64encode

from sqlalchemy import create_engine, event

from shop.kit.http import Refusal


def open_engine(url):
    engine = create_engine(url, connect_args={"timeout": 10})

    @event.listens_for(engine, "connect")
    def prepare(connection, _record):
        connection.execute("PRAGMA journal_mode = WAL")

    return engine


async def aside(work, engine):
    """Run `work(connection)` as a transaction in a thread."""

    def run():
        with engine.begin() as connection:
            return work(connection)

    return await asyncio.to_thread(run)


async def shown_page(request, engine, query, table, shown):
    """A page of `query` in the order of `table.c.number`, which the cursor hides."""
    limit, start = request.query.get("limit", "25"), 0
    if not limit.isascii() or not limit.isdigit() or not 1 <= int(limit[:9]) <= 200:
        raise Refusal(400, "invalid_limit")
    if cursor := request.query.get("cursor"):
        try:
            start = int(urlsafe_b64decode(cursor))
        except ValueError:
            raise Refusal(400, "invalid_cursor") from None
    query = query.where(table.c.number > start).order_by(table.c.number).limit(int(limit) + 1)
    rows = await aside(lambda connection: connection.execute(query).all(), engine)
    last = rows[int(limit) - 1].number if len(rows) > int(limit) else None
    return {
        "items": [shown(row) for row in rows[: int(limit)]],
        "next_cursor": urlsafe_b64encode(str(last).encode()).decode() if last else None,
    }
