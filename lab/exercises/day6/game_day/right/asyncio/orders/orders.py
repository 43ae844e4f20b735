"""Orders in asyncio. There is no outbox: a row remembers what of it is still to be told, and a task tells it."""

import asyncio
import os
import sqlite3
import uuid

import aiohttp
from aiohttp import web
from yarl import URL

from bus import Bus, Later, Never, event, run, transaction

TABLE = (
    "CREATE TABLE IF NOT EXISTS orders (id TEXT PRIMARY KEY, ref TEXT UNIQUE, product_id TEXT, amount INTEGER,"
    " status TEXT, reason TEXT, correlation TEXT, created_told INTEGER DEFAULT 0, end_told INTEGER DEFAULT 0)"
)
CATALOG = os.environ["CATALOG_URL"]
PATIENCE = aiohttp.ClientTimeout(total=int(os.environ.get("HTTP_TIMEOUT_MS", "1000")) / 1000)
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


bus = Bus("orders.payment-result", list(END), decided)


async def tell():
    """What is not told yet, the creation before the end."""
    await transaction(lambda db: db.execute(TABLE).close())
    untold = "SELECT * FROM orders WHERE NOT created_told OR (status != 'pending' AND NOT end_told) LIMIT 50"
    while True:
        rows = await transaction(lambda db: db.execute(untold).fetchall())
        try:
            for row in rows:
                if not row["created_told"]:
                    data = {"ref": row["ref"], "amount": row["amount"]}
                    await bus.publish(event("order.created", row["id"], row["correlation"], **data))
                    await told(row["id"], "created_told")
                if row["status"] != "pending":
                    data = {"reason": row["reason"]}
                    await bus.publish(event(f"order.{row['status']}", row["id"], row["correlation"], **data))
                    await told(row["id"], "end_told")
        except Later:
            await asyncio.sleep(0.3)
        if not rows:
            await asyncio.sleep(0.05)


async def told(ident, what):
    await transaction(lambda db: db.execute(f"UPDATE orders SET {what} = 1 WHERE id = ?", (ident,)).close())


def find(db, ident):
    row = db.execute("SELECT id, ref, product_id, amount, status, reason FROM orders WHERE id = ?", (ident,)).fetchone()
    if row is None:
        raise Refused(404, "unknown_order")
    return dict(row)


async def price_of(product_id, request_id):
    """A connection for each question: the catalog may have been another process a moment ago."""
    url = URL(CATALOG) / "products" / product_id
    try:
        async with (
            aiohttp.ClientSession(timeout=PATIENCE) as session,
            session.get(url, headers={"X-Request-ID": request_id}) as answer,
        ):
            if answer.status == 404:
                raise Refused(422, "unknown_product")
            answer.raise_for_status()
            return int((await answer.json())["price"])
    except (aiohttp.ClientError, TimeoutError, ValueError, KeyError):
        raise Refused(503, "catalog_unavailable") from None


async def place(request):
    request_id = request.headers.get("X-Request-ID") or str(uuid.uuid4())
    try:
        sent = await request.json()
        ref, product_id = str(sent["ref"]), str(sent["product_id"])
    except (ValueError, KeyError, TypeError):
        raise Refused(422, "bad_order") from None
    order = (str(uuid.uuid4()), ref, product_id, await price_of(product_id, request_id), request_id)

    def work(db):
        try:
            columns = "id, ref, product_id, amount, correlation, status"
            db.execute(f"INSERT INTO orders ({columns}) VALUES (?, ?, ?, ?, ?, 'pending')", order)
        except sqlite3.IntegrityError:
            raise Refused(409, "duplicate_ref") from None
        return find(db, order[0])

    return web.json_response(await transaction(work), status=201)


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
    )
