"""Orders on one event loop: aiohttp for HTTP, and one channel of grpc.aio to users."""

import asyncio
import json
import os
import sqlite3
import time
import uuid

import grpc
from aiohttp import web

from contract import users_pb2, users_pb2_grpc

TIMEOUT = int(os.environ.get("GRPC_TIMEOUT_MS", "1000")) / 1000
USERS = web.AppKey("users", object)
routes = web.RouteTableDef()
db = sqlite3.connect(os.environ["DATABASE_URL"].removeprefix("sqlite:///"), isolation_level=None)
db.execute("PRAGMA journal_mode = WAL")
db.execute("CREATE TABLE IF NOT EXISTS orders (place INTEGER PRIMARY KEY, id TEXT UNIQUE, user_id TEXT, body TEXT)")


def problem(status, code, **headers):
    body = {"title": code, "status": status, "code": code}
    return web.json_response(body, status=status, headers=headers, content_type="application/problem+json")


@web.middleware
async def clock(request, handler):
    """Notes when the client will have left."""
    now = asyncio.get_running_loop().time()
    left = request.headers.get("X-Deadline-Ms", "")
    request["until"] = now + int(left) / 1000 if left.isdigit() else float("inf")
    return await handler(request)


def left(request):
    return max(0.001, min(TIMEOUT, request["until"] - asyncio.get_running_loop().time()))


@routes.post("/orders")
async def create(request):
    try:
        sent = await request.json()
        user, items = (
            sent["user_id"],
            [{name: item[name] for name in ("sku", "qty", "price")} for item in sent["items"]],
        )
        total = sum(item["qty"] * item["price"] for item in items)
        good = isinstance(user, str) and user and items and type(total) is int
    except (ValueError, TypeError, KeyError):
        good = False
    if not good:
        return problem(422, "bad_order")
    try:
        await request.app[USERS].GetUser(users_pb2.GetUserRequest(id=user), timeout=left(request))
    except grpc.aio.AioRpcError as error:
        match error.code():
            case grpc.StatusCode.NOT_FOUND:
                return problem(422, "unknown_user")
            case grpc.StatusCode.INVALID_ARGUMENT:
                return problem(400, "invalid_user")
            case _:
                return problem(503, "users_unavailable", **{"Retry-After": "2"})
    order = {"id": uuid.uuid4().hex, "user_id": user, "items": items, "total": total, "status": "created"}
    order["created_at"] = time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime())
    db.execute("INSERT INTO orders (id, user_id, body) VALUES (?, ?, ?)", (order["id"], user, json.dumps(order)))
    return web.json_response(order, status=201)


@routes.get("/orders")
async def listed(request):
    query = request.query
    limit, after = int(query.get("limit", "20")), int(query.get("cursor", "0"))
    where, values = "place > ?", [after]
    if "user_id" in query:
        where, values = where + " AND user_id = ?", [after, query["user_id"]]
    found = db.execute(f"SELECT place, body FROM orders WHERE {where} ORDER BY place LIMIT {limit + 1}", values)
    rows = found.fetchall()
    page = {"items": [json.loads(body) for _, body in rows[:limit]], "next_cursor": None}
    if len(rows) > limit:
        page["next_cursor"] = str(rows[limit - 1][0])
    if query.get("expand") == "user":
        await expand(request, page)
    return web.json_response(page)


async def expand(request, page):
    ids = list(dict.fromkeys(order["user_id"] for order in page["items"]))
    people = {}
    if ids:
        try:
            asked = users_pb2.BatchGetUsersRequest(ids=ids)
            answer = await request.app[USERS].BatchGetUsers(asked, timeout=left(request))
            people = {user.id: {"id": user.id, "name": user.name} for user in answer.users}
        except grpc.aio.AioRpcError:
            page["degraded"] = ["users"]
    for order in page["items"]:
        order["user"] = people.get(order["user_id"])


@routes.get("/healthz")
@routes.get("/readyz")
async def health(_request):
    return web.json_response({"status": "ready", "checks": {}})


async def channel(app):
    async with grpc.aio.insecure_channel(os.environ["USERS_GRPC"], compression=grpc.Compression.Gzip) as users:
        app[USERS] = users_pb2_grpc.UserServiceStub(users)
        yield


def main():
    app = web.Application(middlewares=[clock])
    app.cleanup_ctx.append(channel)
    app.add_routes(routes)
    web.run_app(app, host=os.environ["HOST"], port=int(os.environ["PORT"]), shutdown_timeout=5, print=None)


if __name__ == "__main__":
    main()
