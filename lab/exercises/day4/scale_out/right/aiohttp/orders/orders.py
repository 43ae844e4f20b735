"""Orders on asyncio: a semaphore for the places, a hash for each cart, a sliding window in a script of Redis."""

import asyncio
import json
import os
import time
import uuid

import aiohttp
import redis.asyncio as redis
from aiohttp import web

LIMIT, WINDOW = int(os.environ["RATE_LIMIT"]), int(os.environ["RATE_WINDOW_S"])
TIMEOUT = int(os.environ.get("HTTP_TIMEOUT_MS", "2000")) / 1000

SLIDE = """
redis.call('ZREMRANGEBYSCORE', KEYS[1], '-inf', ARGV[1] - ARGV[2])
if redis.call('ZCARD', KEYS[1]) < tonumber(ARGV[3]) then
    redis.call('ZADD', KEYS[1], ARGV[1], ARGV[4])
    redis.call('PEXPIRE', KEYS[1], ARGV[2])
    return 0
end
return redis.call('ZRANGE', KEYS[1], 0, 0, 'WITHSCORES')[2] + ARGV[2] - ARGV[1]
"""

routes = web.RouteTableDef()


def problem(status, code, **headers):
    body = json.dumps({"title": code, "status": status, "code": code})
    return web.Response(text=body, status=status, content_type="application/problem+json", headers=headers)


@routes.get("/jobs/{id}")
async def work(request):
    app, job = request.app, request.match_info["id"]
    try:
        async with app["places"], app["http"].get(f"{os.environ['ORIGIN_URL']}/rows/jobs/{job}") as answer:
            answer.raise_for_status()
            return web.json_response({"id": job, "minutes": (await answer.json())["minutes"]})
    except (aiohttp.ClientError, TimeoutError):
        return problem(503, "origin_unavailable")


@routes.post("/carts/{id}/items")
async def add(request):
    try:
        sent = await request.json()
        sku, qty = sent["sku"], sent["qty"]
        valid = isinstance(sku, str) and 0 < len(sku) < 100 and type(qty) is int and qty > 0
    except (ValueError, KeyError, TypeError):
        valid = False
    if not valid:
        return problem(422, "invalid_item")
    item = {"id": uuid.uuid4().hex, "sku": sku, "qty": qty}
    await request.app["redis"].hset(f"cart:{request.match_info['id']}", item["id"], json.dumps(item))
    return web.json_response(item, status=201)


@routes.get("/carts/{id}")
async def show(request):
    cart = request.match_info["id"]
    items = [json.loads(one) for one in await request.app["redis"].hvals(f"cart:{cart}")]
    return web.json_response({"id": cart, "items": items}) if items else problem(404, "unknown_cart")


@routes.get("/limited")
async def limited(request):
    user = request.headers.get("X-User", "")
    now = time.time_ns() // 1_000_000
    wait = int(await request.app["slide"](keys=[f"limit:{user}"], args=[now, WINDOW * 1000, LIMIT, uuid.uuid4().hex]))
    if wait > 0:
        return problem(429, "rate_limited", **{"Retry-After": str(min(WINDOW, -(-wait // 1000)))})
    return web.json_response({})


@routes.get("/healthz")
@routes.get("/readyz")
async def health(_request):
    return web.json_response({"status": "ready", "checks": {}})


async def surroundings(app):
    app["places"] = asyncio.Semaphore(int(os.environ["MAX_INFLIGHT"]))
    app["redis"] = redis.Redis.from_url(os.environ["REDIS_URL"], decode_responses=True)
    app["slide"] = app["redis"].register_script(SLIDE)
    connector = aiohttp.TCPConnector(limit=0)
    async with aiohttp.ClientSession(connector=connector, timeout=aiohttp.ClientTimeout(TIMEOUT)) as app["http"]:
        yield
    await app["redis"].aclose()


if __name__ == "__main__":
    app = web.Application()
    app.add_routes(routes)
    app.cleanup_ctx.append(surroundings)
    web.run_app(
        app, host=os.environ["HOST"], port=int(os.environ["PORT"]), print=None, access_log=None, shutdown_timeout=9
    )
