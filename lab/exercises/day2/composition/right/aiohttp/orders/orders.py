"""Orders in aiohttp: users are asked for in parts of at most fifty ids, all parts at the same time."""

import asyncio
import base64
import json
import os
import sqlite3
import time
import uuid
from concurrent.futures import ThreadPoolExecutor
from urllib.parse import quote

from aiohttp import ClientError, ClientSession, ClientTimeout, web
from yarl import URL

USERS = os.environ["USERS_URL"]
TIMEOUT = int(os.environ.get("HTTP_TIMEOUT_MS", "500")) / 1000
PART = 50
CLIENT = web.AppKey("client", ClientSession)
SQL = web.AppKey("sql", object)
routes = web.RouteTableDef()


class Unavailable(Exception):
    """Users has not answered as agreed."""


class Sql:
    def __init__(self, path):
        self._thread = ThreadPoolExecutor(1)
        self._thread.submit(self._open, path).result()

    def _open(self, path):
        self._db = sqlite3.connect(path, timeout=5, isolation_level=None)
        self._db.execute(
            "CREATE TABLE IF NOT EXISTS orders (place INTEGER PRIMARY KEY, id TEXT UNIQUE, user_id TEXT, body TEXT)"
        )

    async def __call__(self, sql, *values):
        run = asyncio.get_running_loop().run_in_executor
        return await run(self._thread, lambda: self._db.execute(sql, values).fetchall())


@web.middleware
async def plumbing(request, handler):
    request["id"] = request.headers.get("X-Request-ID") or uuid.uuid4().hex
    try:
        answer = await handler(request)
    except Unavailable:
        answer = problem(503, "users_unavailable", {"Retry-After": "1"})
    except web.HTTPException as error:
        answer = problem(error.status, error.text if error.text.isidentifier() else "refused")
    answer.headers["X-Request-ID"] = request["id"]
    print(
        json.dumps({"level": "info", "service": "orders", "msg": request.path_qs, "request_id": request["id"]}),
        flush=True,
    )
    return answer


def problem(status, code, headers=None):
    body = {"title": code, "status": status, "code": code}
    return web.json_response(body, status=status, headers=headers, content_type="application/problem+json")


async def ask(request, path):
    try:
        url = URL(USERS + path, encoded=True)
        async with request.app[CLIENT].get(
            url, headers={"X-Request-ID": request["id"]}, allow_redirects=False
        ) as answer:
            return answer.status, await answer.read()
    except (ClientError, TimeoutError):
        raise Unavailable from None


@routes.post("/orders")
async def create(request):
    try:
        sent = json.loads(await request.read())
        user = sent["user_id"]
        items = [{name: item[name] for name in ("sku", "qty", "price")} for item in sent["items"]]
        total = sum(item["qty"] * item["price"] for item in items)
        good = isinstance(user, str) and user and items and type(total) is int
        good = good and all(item["qty"] > 0 and item["price"] >= 0 for item in items)
    except (ValueError, TypeError, KeyError):
        good = False
    if not good:
        raise web.HTTPUnprocessableEntity(text="bad_order")
    status, body = await ask(request, f"/users/{quote(user, safe='')}")
    if status == 404:
        raise web.HTTPUnprocessableEntity(text="unknown_user")
    if status != 200 or not isinstance(parsed(body), dict):
        raise Unavailable
    order = {"id": uuid.uuid4().hex, "user_id": user, "items": items, "total": total, "status": "created"}
    order["created_at"] = time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime())
    await request.app[SQL](
        "INSERT INTO orders (id, user_id, body) VALUES (?, ?, ?)", order["id"], user, json.dumps(order)
    )
    return web.json_response(order, status=201)


def parsed(body):
    try:
        return json.loads(body)
    except ValueError:
        return None


@routes.get("/orders")
async def listed(request):
    try:
        limit = int(request.query.get("limit", "25"))
        cursor = request.query.get("cursor")
        after = int(base64.b64decode(cursor)) if cursor else 0
    except ValueError:
        raise web.HTTPBadRequest(text="bad_page") from None
    if not 0 < limit <= 100:
        raise web.HTTPBadRequest(text="bad_page")
    where, values = "place > ?", [after]
    if "user_id" in request.query:
        where, values = where + " AND user_id = ?", [*values, request.query["user_id"]]
    found = await request.app[SQL](
        f"SELECT place, body FROM orders WHERE {where} ORDER BY place LIMIT {limit + 1}", *values
    )
    page = found[:limit]
    more = base64.b64encode(str(page[-1][0]).encode()).decode() if len(found) > limit else None
    answer = {"items": [json.loads(body) for _, body in page], "next_cursor": more}
    if request.query.get("expand") == "user":
        await expand(request, answer)
    return web.json_response(answer)


async def expand(request, answer):
    ids = list(dict.fromkeys(order["user_id"] for order in answer["items"]))
    parts = [ids[begin : begin + PART] for begin in range(0, len(ids), PART)]
    told = await asyncio.gather(*(named(request, part) for part in parts), return_exceptions=True)
    people = {}
    for part in told:
        if isinstance(part, Exception):
            answer["degraded"] = ["users"]
        else:
            people |= part
    if "degraded" in answer:
        people = {}
    for order in answer["items"]:
        order["user"] = people.get(order["user_id"])


async def named(request, ids):
    status, body = await ask(request, "/users?ids=" + ",".join(quote(ident, safe="") for ident in ids))
    said = parsed(body)
    if status != 200 or not isinstance(said, dict) or not isinstance(said.get("items"), list):
        raise Unavailable
    return {user["id"]: {"id": user["id"], "name": user["name"]} for user in said["items"]}


@routes.get("/healthz")
@routes.get("/readyz")
async def health(_request):
    return web.json_response({"status": "ready", "checks": {}})


async def client(app):
    async with ClientSession(timeout=ClientTimeout(total=TIMEOUT)) as session:
        app[CLIENT] = session
        yield


def main():
    app = web.Application(middlewares=[plumbing])
    app[SQL] = Sql(os.environ["DATABASE_URL"].removeprefix("sqlite:///"))
    app.cleanup_ctx.append(client)
    app.add_routes(routes)
    web.run_app(app, host=os.environ["HOST"], port=int(os.environ["PORT"]), shutdown_timeout=5, print=None)


if __name__ == "__main__":
    main()
