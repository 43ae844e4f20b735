"""Users in asyncio. There is no outbox: a row remembers whether it was told, and a task tells it."""

import asyncio
import sqlite3
import uuid

from aiohttp import web

from bus import Bus, Later, event, run, transaction

TABLE = (
    "CREATE TABLE IF NOT EXISTS users (id TEXT PRIMARY KEY, email TEXT UNIQUE, name TEXT, correlation TEXT,"
    " told INTEGER DEFAULT 0)"
)
bus = Bus()


async def tell():
    await transaction(lambda db: db.execute(TABLE).close())
    while True:
        rows = await transaction(lambda db: db.execute("SELECT * FROM users WHERE NOT told LIMIT 50").fetchall())
        try:
            for row in rows:
                data = {"user_id": row["id"], "email": row["email"], "name": row["name"]}
                await bus.publish(event("user.registered", row["id"], row["correlation"], **data))
                mark = ("UPDATE users SET told = 1 WHERE id = ?", (row["id"],))
                await transaction(lambda db, mark=mark: db.execute(*mark).close())
        except Later:
            await asyncio.sleep(0.3)
        if not rows:
            await asyncio.sleep(0.05)


def refused(status, code):
    body = {"title": code, "status": status, "code": code}
    return web.json_response(body, status=status, content_type="application/problem+json")


async def register(request):
    try:
        sent = await request.json()
        user = {"id": str(uuid.uuid4()), "email": str(sent["email"]), "name": str(sent["name"])}
    except (ValueError, KeyError, TypeError):
        return refused(400, "bad_user")
    values = (*user.values(), request.headers.get("X-Request-ID", ""))
    new = "INSERT INTO users (id, email, name, correlation) VALUES (?, ?, ?, ?)"
    try:
        await transaction(lambda db: db.execute(new, values).close())
    except sqlite3.IntegrityError:
        return refused(409, "email_taken")
    return web.json_response(user, status=201)


if __name__ == "__main__":
    run([web.post("/users", register)], tell, bus.keep)
