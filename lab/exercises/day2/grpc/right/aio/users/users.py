"""Users on one event loop: aiohttp for HTTP, grpc.aio for gRPC, one connection to the database for both."""

import asyncio
import json
import os
import signal
import sqlite3
import time
import uuid

import grpc
from aiohttp import web

from contract import health_pb2, health_pb2_grpc, users_pb2, users_pb2_grpc

COLUMNS = ("id", "email", "name", "created_at")
routes = web.RouteTableDef()
db = sqlite3.connect(os.environ["DATABASE_URL"].removeprefix("sqlite:///"), isolation_level=None)
db.execute("PRAGMA journal_mode = WAL")
db.execute(
    "CREATE TABLE IF NOT EXISTS users"
    " (place INTEGER PRIMARY KEY, id TEXT UNIQUE, email TEXT UNIQUE, name TEXT, created_at TEXT)"
)


def find(where="1", *values):
    rows = db.execute(f"SELECT id, email, name, created_at FROM users WHERE {where}", values)
    return [dict(zip(COLUMNS, row, strict=True)) for row in rows]


def these(ids):
    return find(f"id IN ({', '.join('?' * len(ids))})", *ids)


def problem(status, code):
    body = {"title": code, "status": status, "code": code}
    return web.json_response(body, status=status, content_type="application/problem+json")


@routes.post("/users")
async def register(request):
    try:
        sent = await request.json()
        email, name = sent["email"], sent["name"]
        good = isinstance(email, str) and "@" in email and isinstance(name, str) and name
    except (ValueError, TypeError, KeyError):
        good = False
    if not good:
        return problem(422, "invalid_request")
    made = time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime())
    user = dict(zip(COLUMNS, (uuid.uuid4().hex, email, name, made), strict=True))
    try:
        db.execute("INSERT INTO users (id, email, name, created_at) VALUES (?, ?, ?, ?)", tuple(user.values()))
    except sqlite3.IntegrityError:
        return problem(409, "email_taken")
    return web.json_response(user, status=201)


@routes.get("/users")
async def some(request):
    if "ids" in request.query:
        return web.json_response({"items": these(request.query["ids"].split(",")[:100]), "next_cursor": None})
    return web.json_response({"items": find("1 ORDER BY place LIMIT 100"), "next_cursor": None})


@routes.get("/users/{id}")
async def show(request):
    found = these([request.match_info["id"]])
    return web.json_response(found[0]) if found else problem(404, "unknown_user")


@routes.patch("/users/{id}")
async def change(request):
    sent = await request.json()
    for column in ("email", "name"):
        if column in sent:
            db.execute(f"UPDATE users SET {column} = ? WHERE id = ?", (sent[column], request.match_info["id"]))
    return await show(request)


@routes.delete("/users/{id}")
async def remove(request):
    gone = db.execute("DELETE FROM users WHERE id = ?", (request.match_info["id"],)).rowcount
    return web.Response(status=204) if gone else problem(404, "unknown_user")


@routes.get("/healthz")
@routes.get("/readyz")
async def health(_request):
    return web.json_response({"status": "ready", "checks": {}})


def told(user):
    return users_pb2.User(id=user["id"], email=user["email"], name=user["name"])


class Users(users_pb2_grpc.UserServiceServicer):
    async def GetUser(self, request, context):
        if not request.id:
            await context.abort(grpc.StatusCode.INVALID_ARGUMENT, "which user?")
        found = these([request.id])
        if not found:
            await context.abort(grpc.StatusCode.NOT_FOUND, "no such user")
        return told(found[0])

    async def BatchGetUsers(self, request, context):
        if len(request.ids) > 100:
            await context.abort(grpc.StatusCode.INVALID_ARGUMENT, "too many ids")
        return users_pb2.BatchGetUsersResponse(users=[told(user) for user in these(list(request.ids))])


class Health(health_pb2_grpc.HealthServicer):
    async def Check(self, request, context):
        if request.service not in ("", "users.v1.UserService", "grpc.health.v1.Health"):
            await context.abort(grpc.StatusCode.NOT_FOUND, "no such service")
        return health_pb2.HealthCheckResponse(status="SERVING")


async def main():
    rpc = grpc.aio.server()
    users_pb2_grpc.add_UserServiceServicer_to_server(Users(), rpc)
    health_pb2_grpc.add_HealthServicer_to_server(Health(), rpc)
    rpc.add_insecure_port(f"{os.environ['HOST']}:{os.environ['GRPC_PORT']}")
    await rpc.start()
    app = web.Application()
    app.add_routes(routes)
    runner = web.AppRunner(app, shutdown_timeout=5)
    await runner.setup()
    await web.TCPSite(runner, os.environ["HOST"], int(os.environ["PORT"])).start()
    print(json.dumps({"level": "info", "service": "users", "msg": "listening"}), flush=True)
    over = asyncio.Event()
    asyncio.get_running_loop().add_signal_handler(signal.SIGTERM, over.set)
    await over.wait()
    await rpc.stop(3)
    await runner.cleanup()


if __name__ == "__main__":
    asyncio.run(main())
