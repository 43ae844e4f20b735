"""Payments in asyncio. It tells before it forgets: publish, then write down, then acknowledge; a repeated event is
answered again, with the same event."""

import os

from aiohttp import ClientSession, ClientTimeout

from bus import Bus, Later, event, run, transaction

LIMIT = ClientTimeout(total=int(os.environ.get("HTTP_TIMEOUT_MS", "2000")) / 1000)
TABLE = "CREATE TABLE IF NOT EXISTS payments (order_id TEXT PRIMARY KEY, status TEXT)"
DECISIONS = {201: "approved", 402: "declined", 409: "refunded"}


async def post(path, key, correlation, body):
    headers = {"Idempotency-Key": key, "X-Request-ID": correlation}
    async with (
        ClientSession(timeout=LIMIT) as session,
        session.post(os.environ["PAYMENT_URL"] + path, json=body, headers=headers) as answer,
    ):
        await answer.read()
        return answer.status


async def status_of(order):
    def work(db):
        db.execute(TABLE)
        row = db.execute("SELECT status FROM payments WHERE order_id = ?", (order,)).fetchone()
        return row and row["status"]

    return await transaction(work)


async def note(order, status):
    sql = "INSERT INTO payments VALUES (?, ?) ON CONFLICT (order_id) DO UPDATE SET status = excluded.status"
    await transaction(lambda db: db.execute(sql, (order, status)).close())


async def charge(order, amount, correlation):
    status = await status_of(order)
    if status is None:
        answer = await post("/charges", order, correlation, {"order_id": order, "amount": amount})
        if answer not in DECISIONS:
            raise Later(f"the provider answered {answer}")
        status = DECISIONS[answer]
    if status != "refunded":
        await bus.publish(event(f"payment.{status}", order, correlation, order_id=order, amount=amount))
    await note(order, status)


async def heard(happened):
    data, correlation = happened["data"], happened.get("correlationid", "")
    if happened["type"] == "order.created":
        await charge(data["order_id"], data["amount"], correlation)
    elif await status_of(data["order_id"]) != "declined":
        answer = await post("/refunds", f"back-{data['order_id']}", correlation, {"order_id": data["order_id"]})
        if answer != 201:
            raise Later(f"the provider answered a refund with {answer}")
        await note(data["order_id"], "refunded")


bus = Bus("payments.order-events", ["order.created", "order.cancelled"], heard)

if __name__ == "__main__":
    run([], bus.keep)
