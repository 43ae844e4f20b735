"""The catalog with leases: whoever misses takes a lease on the key and may leave a copy only while it still holds it;
a PUT takes every lease away, and nobody leaves a copy until it has ended. aiohttp, redis.asyncio."""

import json
import os
import random
import uuid
from datetime import UTC, datetime

import aiohttp
from aiohttp import web
from redis import RedisError
from redis.asyncio import Redis
from yarl import URL

ORIGIN = URL(os.environ["ORIGIN_URL"]) / "rows" / "products"
TTL = float(os.environ.get("CACHE_TTL_S", "30"))
NEG_TTL = float(os.environ.get("NEG_TTL_S", "2"))
TIMEOUT = int(os.environ.get("HTTP_TIMEOUT_MS", "2000")) / 1000

# KEYS: copy, lease. ARGV: token, body, lifetime. The copy is left if the lease is still the reader's.
FILL = """
if redis.call('GET', KEYS[2]) ~= ARGV[1] then return 0 end
redis.call('DEL', KEYS[2])
redis.call('SET', KEYS[1], ARGV[2], 'PX', ARGV[3])
return 1
"""

routes = web.RouteTableDef()
SESSION = web.AppKey("session", aiohttp.ClientSession)
REDIS = web.AppKey("redis", Redis)


class Unavailable(Exception):
    pass


def log(level, message, **more):
    line = {"ts": datetime.now(UTC).isoformat(), "level": level, "service": "catalog", "msg": message, **more}
    print(json.dumps(line), flush=True)


def copy_of(product_id):
    return f"catalog:product:{product_id}"


def lease_of(product_id):
    return f"catalog:lease:{product_id}"


async def ask(app, method, product_id, row=None):
    try:
        async with app[SESSION].request(method, ORIGIN / product_id, json=row) as answer:
            if answer.status == 404 and method == "GET":
                return None
            answer.raise_for_status()
            body = await answer.json()
            return {"id": body["id"], "name": body["name"], "price": body["price"], "version": body["version"]}
    except (aiohttp.ClientError, TimeoutError, ValueError, KeyError, TypeError) as error:
        log("warn", "the origin failed", error=repr(error))
        raise Unavailable from error


async def look_up(app, product_id):
    try:
        found = json.loads(await app[REDIS].get(copy_of(product_id)) or "null")
        if isinstance(found, dict) and (found.get("absent") or "version" in found):
            return found
    except (RedisError, ValueError) as error:
        log("warn", "garbage", error=repr(error))
    return None


@routes.get("/products/{id}")
async def show(request):
    app, product_id = request.app, request.match_info["id"]
    product = await look_up(app, product_id)
    cached = product is not None
    if not cached:
        token = uuid.uuid4().hex
        await app[REDIS].set(lease_of(product_id), token, px=int(1000 * (TIMEOUT + 0.5)), nx=True)
        product = await ask(app, "GET", product_id) or {"absent": True}
        lifetime = NEG_TTL if product.get("absent") else random.uniform(0.9, 1.1) * TTL
        await app[REDIS].eval(
            FILL,
            2,
            copy_of(product_id),
            lease_of(product_id),
            token,
            json.dumps(product, ensure_ascii=False),
            int(1000 * lifetime),
        )
    if product.get("absent"):
        return problem(404, "unknown_product")
    return web.json_response(product, headers={"X-Cache": "hit" if cached else "miss"})


@routes.put("/products/{id}")
async def change(request):
    app, product_id = request.app, request.match_info["id"]
    new = await request.json()
    lease, copy, token = lease_of(product_id), copy_of(product_id), "writer " + uuid.uuid4().hex
    await app[REDIS].set(lease, token, px=int(1000 * (TIMEOUT + 0.5)))
    try:
        product = await ask(app, "PUT", product_id, {"id": product_id, "name": new["name"], "price": new["price"]})
    finally:
        async with app[REDIS].pipeline(transaction=True) as both:
            await both.delete(copy).delete(lease).execute()
    return web.json_response(product)


def problem(status, code):
    return web.json_response({"title": code, "status": status, "code": code}, status=status)


@web.middleware
async def failures(request, handler):
    try:
        return await handler(request)
    except Unavailable:
        return problem(502, "origin_unavailable")


@routes.get("/healthz")
@routes.get("/readyz")
async def ready(_request):
    return web.json_response({"status": "ready", "checks": {}})


async def upstreams(app):
    timeout = aiohttp.ClientTimeout(total=TIMEOUT)
    async with (
        aiohttp.ClientSession(timeout=timeout) as app[SESSION],
        Redis.from_url(os.environ["REDIS_URL"]) as app[REDIS],
    ):
        yield


if __name__ == "__main__":
    app = web.Application(middlewares=[failures])
    app.add_routes(routes)
    app.cleanup_ctx.append(upstreams)
    web.run_app(app, host=os.environ.get("HOST"), port=int(os.environ["PORT"]), print=None, access_log=None)
