"""Orders in aiohttp, which asks users with its own client; sqlite3 in one thread."""

import asyncio
import json
import os
import sqlite3
import time
import uuid
from concurrent.futures import ThreadPoolExecutor
from urllib.parse import quote

from aiohttp import ClientError, ClientSession, ClientTimeout, TCPConnector, web
from yarl import URL

TIMEOUT = int(os.environ.get("HTTP_TIMEOUT_MS", "500")) / 1000
ATTEMPTS = max(1, int(os.environ.get("RETRY_ATTEMPTS", "1")))
LARGEST = 64 * 1024
routes = web.RouteTableDef()
ID = web.RequestKey("id", str) if hasattr(web, "RequestKey") else "id"
CLIENT = web.AppKey("client", ClientSession)


class Database:
    def __init__(self, path):
        self._thread = ThreadPoolExecutor(1)
        self._thread.submit(self._open, path).result()

    def _open(self, path):
        self._connection = sqlite3.connect(path, timeout=5)
        self._connection.row_factory = sqlite3.Row
        self._connection.execute("CREATE TABLE IF NOT EXISTS orders (id TEXT PRIMARY KEY, user_id TEXT, body TEXT)")
        self._connection.execute("CREATE INDEX IF NOT EXISTS orders_user ON orders (user_id)")
        self._connection.commit()

    async def run(self, sql, *values):
        def work():
            with self._connection:
                return self._connection.execute(sql, values).fetchall()

        return await asyncio.get_running_loop().run_in_executor(self._thread, work)


DATABASE = web.AppKey("database", Database)


class Unavailable(Exception):
    """Users has not said yes or no."""


@web.middleware
async def plumbing(request, handler):
    request[ID] = request.headers.get("X-Request-ID") or uuid.uuid4().hex
    try:
        answer = await handler(request)
    except Unavailable:
        answer = problem(503, "users_unavailable")
        answer.headers["Retry-After"] = "1"
    except web.HTTPException as error:
        answer = problem(error.status, error.text if error.text.isidentifier() else "refused")
    answer.headers["X-Request-ID"] = request[ID]
    said = {"ts": stamp(), "level": "info", "service": "orders", "msg": request.path, "request_id": request[ID]}
    print(json.dumps(said), flush=True)
    return answer


def problem(status, code):
    body = {"title": code, "status": status, "code": code}
    return web.json_response(body, status=status, content_type="application/problem+json")


def stamp():
    return time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime())


@routes.post("/orders")
async def create(request):
    try:
        sent = json.loads(await request.read())
        user, items = sent["user_id"], [(item["sku"], item["qty"], item["price"]) for item in sent["items"]]
        good = isinstance(user, str) and user and items
        for sku, qty, price in items:
            good = good and isinstance(sku, str) and type(qty) is int and type(price) is int and qty > 0 and price >= 0
    except (ValueError, TypeError, KeyError):
        good = False
    if not good:
        raise web.HTTPUnprocessableEntity(text="bad_order")
    if not await is_user(request.app[CLIENT], user, request[ID]):
        raise web.HTTPUnprocessableEntity(text="unknown_user")
    order = {
        "id": uuid.uuid4().hex,
        "user_id": user,
        "items": [{"sku": sku, "qty": qty, "price": price} for sku, qty, price in items],
        "total": sum(qty * price for _, qty, price in items),
        "status": "created",
        "created_at": stamp(),
    }
    await request.app[DATABASE].run("INSERT INTO orders VALUES (?, ?, ?)", order["id"], user, json.dumps(order))
    return web.json_response(order, status=201)


async def is_user(client, ident, request_id):
    """Raises Unavailable. All attempts together have one deadline each, the body included."""
    url = URL(f"{os.environ['USERS_URL']}/users/{quote(ident, safe='')}", encoded=True)
    for attempt in range(1, ATTEMPTS + 1):
        try:
            async with client.get(url, headers={"X-Request-ID": request_id}, allow_redirects=False) as answer:
                if answer.status == 404:
                    return False
                if answer.status == 200 and is_this_user(await answer.content.read(LARGEST), ident):
                    return True
        except (ClientError, TimeoutError):
            pass
        if attempt < ATTEMPTS:
            await asyncio.sleep(0.05 * attempt)
    raise Unavailable


def is_this_user(body, ident):
    try:
        user = json.loads(body)
    except ValueError:
        return False
    named = isinstance(user, dict) and all(isinstance(user.get(name), str) for name in ("id", "name", "email"))
    return named and user["id"] == ident


@routes.get("/orders/{id}")
async def show(request):
    found = await request.app[DATABASE].run("SELECT body FROM orders WHERE id = ?", request.match_info["id"])
    if not found:
        raise web.HTTPNotFound(text="unknown_order")
    return web.json_response(text=found[0]["body"])


@routes.get("/orders")
async def listed(request):
    user = request.query.get("user_id", "")
    found = await request.app[DATABASE].run("SELECT body FROM orders WHERE user_id = ? ORDER BY rowid", user)
    return web.json_response({"items": [json.loads(row["body"]) for row in found]})


@routes.get("/healthz")
@routes.get("/readyz")
async def health(_request):
    return web.json_response({"status": "ready", "checks": {}})


async def users(app):
    connector = TCPConnector(limit=8, keepalive_timeout=30)
    async with ClientSession(connector=connector, timeout=ClientTimeout(total=TIMEOUT)) as client:
        app[CLIENT] = client
        yield


def main():
    app = web.Application(middlewares=[plumbing])
    app[DATABASE] = Database(os.environ["DATABASE_URL"].removeprefix("sqlite:///"))
    app.cleanup_ctx.append(users)
    app.add_routes(routes)
    # run_app ends in the orderly way on SIGTERM.
    web.run_app(app, host=os.environ["HOST"], port=int(os.environ["PORT"]), shutdown_timeout=5, print=None)


if __name__ == "__main__":
    main()
