"""Orders in asyncio. A saga is a list of facts in a table; what comes next follows from them. A lease says who acts."""

import asyncio
import contextlib
import json
import os
import sqlite3
import time
import uuid
from datetime import UTC, datetime

from aiohttp import ClientError, ClientSession, ClientTimeout, web

PATH = os.environ["DATABASE_URL"].removeprefix("sqlite:///")
LIMIT = ClientTimeout(total=int(os.environ.get("HTTP_TIMEOUT_MS", "1000")) / 1000)
PATIENCE = int(os.environ.get("SAGA_TIMEOUT_MS", "4000")) / 1000
PAUSE = int(os.environ.get("RETRY_DELAY_MS", "200")) / 1000
LEASE = 4.0
ME = str(uuid.uuid4())
STEPS = ["reserve", "charge", "confirm", "notify"]
UNDO = {"charge": "refund", "reserve": "release"}
SCHEMA = (
    "CREATE TABLE IF NOT EXISTS orders (id TEXT PRIMARY KEY, sku TEXT, amount INTEGER, request TEXT, placed REAL,"
    " ended INTEGER DEFAULT 0, holder TEXT, until REAL DEFAULT 0)",
    "CREATE TABLE IF NOT EXISTS facts (id INTEGER PRIMARY KEY, order_id TEXT, what TEXT, step TEXT, reason TEXT)",
)


async def transaction(work):
    def run():
        with contextlib.closing(sqlite3.connect(PATH, timeout=10, isolation_level=None)) as db:
            db.row_factory = sqlite3.Row
            db.execute("BEGIN IMMEDIATE")
            try:
                result = work(db)
            except BaseException:
                db.execute("ROLLBACK")
                raise
            db.execute("COMMIT")
            return result

    return await asyncio.to_thread(run)


def story(db, ident):
    """How far it is, as told by the facts."""
    statuses, reason, state = dict.fromkeys(STEPS, "pending"), None, "running"
    facts = db.execute("SELECT what, step, reason FROM facts WHERE order_id = ? ORDER BY id", (ident,)).fetchall()
    for what, step, why in facts:
        if step:
            statuses[step] = what
        if why and step != "notify":
            reason, state = why, "compensating"
    if statuses["notify"] in ("done", "refused"):
        state = "completed"
    if state == "compensating" and not to_undo(statuses):
        state = "compensated"
    return statuses, state, reason


def to_undo(statuses):
    return [step for step in ("charge", "reserve") if statuses[step] in ("begun", "done")]


def status(statuses, state):
    if statuses["confirm"] == "done" and state in ("running", "completed"):
        return "confirmed"
    return "cancelled" if state == "compensated" else "pending"


async def fact(ident, what, step, reason=None):
    """Note it, if the order is still ours; how far it is then."""

    def work(db):
        ours = "UPDATE orders SET until = ? WHERE id = ? AND holder = ?"
        if db.execute(ours, (time.time() + LEASE, ident, ME)).rowcount != 1:
            raise LookupError(ident)
        db.execute("INSERT INTO facts (order_id, what, step, reason) VALUES (?, ?, ?, ?)", (ident, what, step, reason))
        told = story(db, ident)
        if told[1] in ("completed", "compensated"):
            db.execute("UPDATE orders SET ended = 1 WHERE id = ?", (ident,))
        return told

    return await transaction(work)


async def ask(session, order, action):
    """True: done. A text: refused, and why. None: nobody knows."""
    ident = order["id"]
    stock, money = os.environ["INVENTORY_URL"] + "/reservations", os.environ["PAYMENT_URL"]
    method, url, body = {
        "reserve": ("POST", stock, {"order_id": ident, "sku": order["sku"]}),
        "charge": ("POST", f"{money}/charges", {"order_id": ident, "amount": order["amount"]}),
        "confirm": ("POST", f"{stock}/{ident}/commit", None),
        "notify": ("POST", os.environ["NOTIFY_URL"] + "/notify", {"order_id": ident, "template": "order_confirmed"}),
        "refund": ("POST", f"{money}/refunds", {"order_id": ident}),
        "release": ("DELETE", f"{stock}/{ident}", None),
    }[action]
    headers = {"Idempotency-Key": f"{ident}:{action}", "X-Request-ID": order["request"]}
    try:
        async with session.request(method, url, json=body, headers=headers) as answer:
            if answer.status < 300:
                return True
            if answer.status == 402:
                return "payment_declined"
            if answer.status in (409, 422):
                return (await answer.json(content_type=None))["code"]
    except (ClientError, TimeoutError, ValueError) as error:
        log("warn", f"{action}: {error!r}", order["request"])
    return None


async def conduct(session, order):
    ident = order["id"]
    with contextlib.suppress(LookupError):
        async with renewing(ident):
            statuses, state, _ = await transaction(lambda db: story(db, ident))
            while state in ("running", "compensating"):
                if state == "running":
                    step = action = next(one for one in STEPS if statuses[one] in ("pending", "begun"))
                    if step != "notify" and time.time() > order["placed"] + PATIENCE:
                        statuses, state, _ = await fact(ident, "gave up", None, "timeout")
                        continue
                    if statuses[step] == "pending":
                        await fact(ident, "begun", step)
                else:
                    step = to_undo(statuses)[0]
                    action = UNDO[step]
                answer = await ask(session, order, action)
                if answer is True:
                    what = ("done" if action == step else "undone", step)
                elif isinstance(answer, str) and action == step:
                    what = ("refused", step, answer)
                else:
                    await asyncio.sleep(PAUSE)
                    continue
                statuses, state, _ = await fact(ident, *what)


@contextlib.asynccontextmanager
async def renewing(ident):
    sql = "UPDATE orders SET until = ? WHERE id = ? AND holder = ?"

    async def renew():
        while True:
            await asyncio.sleep(LEASE / 4)
            await transaction(lambda db: db.execute(sql, (time.time() + LEASE, ident, ME)).close())

    task = asyncio.create_task(renew())
    try:
        yield
    finally:
        task.cancel()


async def look():
    """Take up what nobody has in hand, again and again."""
    take = (
        "UPDATE orders SET holder = ?, until = ? WHERE id IN"
        " (SELECT id FROM orders WHERE NOT ended AND until < ? LIMIT 20) RETURNING *"
    )
    busy = set()
    async with ClientSession(timeout=LIMIT) as session:
        while True:
            now = time.time()
            try:
                orders = await transaction(lambda db, now=now: db.execute(take, (ME, now + LEASE, now)).fetchall())
            except sqlite3.OperationalError as error:
                log("warn", f"the database: {error}")
                orders = []
            for order in orders:
                task = asyncio.create_task(conduct(session, dict(order)))
                busy.add(task)
                task.add_done_callback(busy.discard)
            await asyncio.sleep(0.05 if orders else 0.15)


async def place(request):
    try:
        sent = await request.json()
        sku, amount = str(sent["sku"]), int(sent["amount"])
    except (ValueError, KeyError, TypeError):
        return problem(422, "bad_order")
    ident = str(uuid.uuid4())
    row = (ident, sku, amount, request.headers.get("X-Request-ID", ""), time.time())
    sql = "INSERT INTO orders (id, sku, amount, request, placed) VALUES (?, ?, ?, ?, ?)"
    await transaction(lambda db: db.execute(sql, row).close())
    return web.json_response({"id": ident, "sku": sku, "amount": amount, "status": "pending", "reason": ""}, status=202)


async def found(request):
    ident = request.match_info["id"]

    def work(db):
        order = db.execute("SELECT * FROM orders WHERE id = ?", (ident,)).fetchone()
        return order and (dict(order), *story(db, ident))

    return await transaction(work)


async def show(request):
    known = await found(request)
    if not known:
        return problem(404, "unknown_order")
    order, statuses, state, reason = known
    view = {name: order[name] for name in ("id", "sku", "amount")}
    return web.json_response({**view, "status": status(statuses, state), "reason": reason})


async def saga(request):
    known = await found(request)
    if not known:
        return problem(404, "unknown_order")
    _, statuses, state, _ = known
    return web.json_response({"state": state, "steps": [{"name": one, "status": statuses[one]} for one in STEPS]})


def problem(code, name):
    body = {"title": name, "status": code, "code": name}
    return web.json_response(body, status=code, content_type="application/problem+json")


def log(level, text, request=None):
    line = {"ts": datetime.now(UTC).isoformat(), "level": level, "service": "orders", "msg": text}
    print(json.dumps({**line, "request_id": request}), flush=True)


async def health(_request):
    return web.json_response({"status": "ready", "checks": {}})


async def application():
    await transaction(lambda db: [db.execute(table).close() for table in SCHEMA])

    async def conducting(_app):
        task = asyncio.create_task(look())
        yield
        task.cancel()
        await asyncio.wait([task])

    app = web.Application()
    app.add_routes(
        [
            web.post("/orders", place),
            web.get("/orders/{id}", show),
            web.get("/sagas/{id}", saga),
            web.get("/healthz", health),
            web.get("/readyz", health),
        ]
    )
    app.cleanup_ctx.append(conducting)
    return app


if __name__ == "__main__":
    web.run_app(application(), host=os.environ["HOST"], port=int(os.environ["PORT"]), print=None, shutdown_timeout=3)
