"""Orders in asyncio. There is no outbox: a row remembers what of it is still to be told, and a task tells it."""

import asyncio
import sqlite3
import uuid

from aiohttp import web

from bus import Bus, Later, Never, event, log, run, transaction

TABLE = (
    "CREATE TABLE IF NOT EXISTS orders (id TEXT PRIMARY KEY, user_id TEXT, ref TEXT UNIQUE, amount INTEGER,"
    " status TEXT, reason TEXT, correlation TEXT, created_told INTEGER DEFAULT 0, end_told INTEGER DEFAULT 0)"
)
USERS = "CREATE TABLE IF NOT EXISTS users (id TEXT PRIMARY KEY)"
END = {"payment.approved": ("confirmed", None), "payment.declined": ("cancelled", "payment_declined")}


class Refused(Exception):
    def __init__(self, status, code):
        self.status, self.code = status, code


def settle(db, ident, status, reason):
    """Whether this ended it. Of any number at one moment, one does."""
    ended = "UPDATE orders SET status = ?, reason = ? WHERE id = ? AND status = 'pending'"
    return db.execute(ended, (status, reason, ident)).rowcount == 1


async def decided(happened):
    ident = happened["data"]["order_id"]

    def work(db):
        if db.execute("SELECT 1 FROM orders WHERE id = ?", (ident,)).fetchone() is None:
            raise Never(f"no order {ident}")
        settle(db, ident, *END[happened["type"]])

    await transaction(work)


async def registered(happened):
    user = str(happened["data"]["user_id"])
    await transaction(lambda db: db.execute("INSERT OR IGNORE INTO users VALUES (?)", (user,)).close())


bus = Bus("orders.payment-result", list(END), decided)
people = Bus("orders.user-registered", ["user.registered"], registered)


async def tell():
    """What is not told yet, the creation before the end."""
    for table in (TABLE, USERS):
        await transaction(lambda db, table=table: db.execute(table).close())
    untold = "SELECT * FROM orders WHERE NOT created_told OR (status != 'pending' AND NOT end_told) LIMIT 50"
    while True:
        rows = await transaction(lambda db: db.execute(untold).fetchall())
        try:
            for row in rows:
                if not row["created_told"]:
                    data = {"order_id": row["id"], "ref": row["ref"], "amount": row["amount"]}
                    await bus.publish(event("order.created", row["id"], row["correlation"], **data))
                    await told(row["id"], "created_told")
                if row["status"] != "pending":
                    data = {"order_id": row["id"], "reason": row["reason"]}
                    await bus.publish(event(f"order.{row['status']}", row["id"], row["correlation"], **data))
                    await told(row["id"], "end_told")
        except Later:
            await asyncio.sleep(0.3)
        if not rows:
            await asyncio.sleep(0.05)


async def told(ident, what):
    await transaction(lambda db: db.execute(f"UPDATE orders SET {what} = 1 WHERE id = ?", (ident,)).close())


def find(db, ident):
    row = db.execute("SELECT id, user_id, ref, amount, status, reason FROM orders WHERE id = ?", (ident,)).fetchone()
    if row is None:
        raise Refused(404, "unknown_order")
    return dict(row)


async def place(request):
    correlation = request.headers.get("X-Request-ID")
    try:
        sent = await request.json()
        order = (str(uuid.uuid4()), sent["user_id"], str(sent["ref"]), int(sent["amount"]))
    except (ValueError, KeyError, TypeError):
        raise Refused(422, "bad_order") from None

    def work(db):
        try:
            if db.execute("SELECT 1 FROM users WHERE id = ?", (order[1],)).fetchone() is None:
                raise Refused(422, "unknown_user")
            new = "INSERT INTO orders (id, user_id, ref, amount, correlation, status) VALUES (?, ?, ?, ?, ?, 'pending')"
            db.execute(new, (*order, correlation))
        except sqlite3.IntegrityError:
            raise Refused(409, "duplicate_ref") from None
        return find(db, order[0])

    placed = await transaction(work)
    log("info", f"order {placed['id']} is placed", correlation)
    return web.json_response(placed, status=201)


async def cancel(request):
    ident = request.match_info["id"]

    def work(db):
        status = find(db, ident)["status"]
        if not settle(db, ident, "cancelled", "cancelled_by_customer"):
            raise Refused(409, f"already_{status}")
        return find(db, ident)

    return web.json_response(await transaction(work))


async def show(request):
    return web.json_response(await transaction(lambda db: find(db, request.match_info["id"])))


def polite(handler):
    async def handled(request):
        try:
            return await handler(request)
        except Refused as why:
            body = {"title": why.code, "status": why.status, "code": why.code}
            return web.json_response(body, status=why.status, content_type="application/problem+json")

    return handled


if __name__ == "__main__":
    run(
        [
            web.post("/orders", polite(place)),
            web.post("/orders/{id}/cancel", polite(cancel)),
            web.get("/orders/{id}", polite(show)),
        ],
        tell,
        bus.keep,
        people.keep,
    )
