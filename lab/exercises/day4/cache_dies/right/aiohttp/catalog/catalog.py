"""The catalog on aiohttp and redis.asyncio. Redis is asked, and never waited for."""

import asyncio
import json
import os
import random
from contextlib import asynccontextmanager, suppress
from datetime import UTC, datetime
from urllib.parse import quote

import aiohttp
from aiohttp import web
from redis import RedisError
from redis.asyncio import Redis
from redis.asyncio.retry import Retry
from redis.backoff import NoBackoff
from yarl import URL

TTL = float(os.environ.get("CACHE_TTL_S", "30"))
NEGATIVE_TTL = float(os.environ.get("NEG_TTL_S", "2"))
HTTP_TIMEOUT = int(os.environ.get("HTTP_TIMEOUT_MS", "2000")) / 1000
REDIS_TIMEOUT = int(os.environ.get("REDIS_TIMEOUT_MS", "200")) / 1000
ORIGIN_MAX = int(os.environ.get("ORIGIN_MAX", "10"))
PATIENCE = 1.0
"""Seconds that a request waits for its turn at the origin."""


def log(level, message, **more):
    line = {"ts": datetime.now(UTC).isoformat(), "level": level, "service": "catalog", "msg": message, **more}
    print(json.dumps(line), flush=True)


def product_of(body):
    row = json.loads(body)
    if not isinstance(row, dict) or not {"id", "name", "price", "version"} <= row.keys():
        raise ValueError("not a product")
    return {field: row[field] for field in ("id", "name", "price", "version")}


class Unavailable(Exception):
    pass


class Origin:
    def __init__(self, session):
        self._rows = os.environ["ORIGIN_URL"] + "/rows/products/"
        self._session = session
        self._places = asyncio.Semaphore(ORIGIN_MAX)

    async def ask(self, method, product_id, row=None):
        """The product, or None if there is none."""
        try:
            async with self._place(), self._session.request(method, self._url(product_id), json=row) as answer:
                body = await answer.read()
            if answer.status == 404 and method == "GET":
                return None
            if answer.status != 200:
                raise Unavailable(answer.status)
            return product_of(body)
        except (aiohttp.ClientError, TimeoutError, ValueError) as error:
            raise Unavailable(repr(error)) from error

    def _url(self, product_id):
        return URL(self._rows + quote(product_id, safe=""), encoded=True)

    @asynccontextmanager
    async def _place(self):
        async with asyncio.timeout(PATIENCE):
            await self._places.acquire()
        try:
            yield
        finally:
            self._places.release()


class Copies:
    """Copies in Redis. A product whose copy may be old is in doubt until Redis has deleted it, twice: what it had
    already been sent when it stood still may come to pass after the first."""

    def __init__(self):
        self._redis = Redis.from_url(
            os.environ["REDIS_URL"],
            socket_timeout=REDIS_TIMEOUT,
            socket_connect_timeout=REDIS_TIMEOUT,
            retry=Retry(NoBackoff(), 0),
        )
        self._doubts = {}
        self._writes = 0
        self.errors = 0

    async def look_up(self, product_id):
        """The product, {} for one that is missing, or None if nobody knows; and what keep() wants to hear again."""
        if product_id in self._doubts:
            return None, None
        try:
            body = await self._redis.get(self._key(product_id))
        except (RedisError, OSError) as error:
            self._failed(error)
            # A list under the key is garbage to write over; everything else means that Redis is away.
            return None, self._writes if "WRONGTYPE" in str(error) else None
        with suppress(ValueError, TypeError):
            return {} if body == b"{}" else product_of(body), self._writes
        return None, self._writes

    async def keep(self, product_id, product, writes):
        """Unless Redis is away, or somebody has written since the look-up."""
        if writes != self._writes:
            return
        lifetime = TTL * random.uniform(0.8, 1.2) if product else NEGATIVE_TTL
        try:
            await self._redis.set(self._key(product_id), json.dumps(product or {}), px=max(1, int(1000 * lifetime)))
        except (RedisError, OSError) as error:
            self._failed(error)

    def about_to_change(self, product_id):
        self._writes += 1
        self._doubts[product_id] = float("inf")

    async def changed(self, product_id):
        self._writes += 1
        if await self._delete(product_id):
            self._doubts.pop(product_id, None)
        else:
            self._doubts[product_id] = 2

    async def clear_up(self):
        """For ever: deletes what is in doubt as soon as Redis is back."""
        while True:
            await asyncio.sleep(0.4)
            for product_id, deletes in list(self._doubts.items()):
                if deletes == float("inf"):
                    continue
                writes = self._writes
                if not await self._delete(product_id):
                    break
                if writes == self._writes:
                    self._doubts[product_id] -= 1
                    if not self._doubts[product_id]:
                        del self._doubts[product_id]

    async def wrong(self):
        """What is wrong with Redis, or None."""
        try:
            await self._redis.ping()
        except (RedisError, OSError) as error:
            self._failed(error)
            return repr(error)
        return None

    async def _delete(self, product_id):
        try:
            await self._redis.delete(self._key(product_id))
        except (RedisError, OSError) as error:
            self._failed(error)
            return False
        return True

    def _key(self, product_id):
        return f"catalog:product:{product_id}"

    def _failed(self, error):
        self.errors += 1
        log("warn", "redis failed", error=repr(error))


COPIES = web.AppKey("copies", Copies)
ORIGIN = web.AppKey("origin", Origin)
routes = web.RouteTableDef()


def problem(status, code, **headers):
    body = {"title": code.replace("_", " "), "status": status, "code": code}
    return web.json_response(body, status=status, content_type="application/problem+json", headers=headers)


@web.middleware
async def unavailable(request, handler):
    try:
        return await handler(request)
    except Unavailable as error:
        log("error", "the origin cannot be asked", error=str(error))
        return problem(503, "origin_unavailable", **{"Retry-After": "1"})


@routes.get("/products/{id}")
async def show(request):
    copies, product_id = request.app[COPIES], request.match_info["id"]
    product, writes = await copies.look_up(product_id)
    told_by = "miss" if product is None else "hit"
    if product is None:
        product = await request.app[ORIGIN].ask("GET", product_id)
        await copies.keep(product_id, product, writes)
    if not product:
        return problem(404, "unknown_product")
    return web.json_response(product, headers={"X-Cache": told_by})


@routes.put("/products/{id}")
async def change(request):
    copies, product_id = request.app[COPIES], request.match_info["id"]
    try:
        new = await request.json()
        row = {"id": product_id, "name": new["name"], "price": new["price"]}
    except (ValueError, KeyError, TypeError):
        return problem(422, "invalid_product")
    copies.about_to_change(product_id)
    try:
        return web.json_response(await request.app[ORIGIN].ask("PUT", product_id, row))
    finally:
        await copies.changed(product_id)


@routes.get("/healthz")
async def healthz(_request):
    return web.json_response({"status": "alive"})


@routes.get("/readyz")
async def readyz(request):
    wrong = await request.app[COPIES].wrong()
    return web.json_response({"status": "degraded" if wrong else "ready", "checks": {"redis": wrong or "ok"}})


@routes.get("/metrics")
async def metrics(request):
    return web.Response(text=f"# TYPE cache_errors_total counter\ncache_errors_total {request.app[COPIES].errors}\n")


async def upstreams(app):
    async with aiohttp.ClientSession(timeout=aiohttp.ClientTimeout(total=HTTP_TIMEOUT)) as session:
        app[ORIGIN] = Origin(session)
        app[COPIES] = Copies()
        clearing = asyncio.create_task(app[COPIES].clear_up())
        yield
        clearing.cancel()


def main():
    app = web.Application(middlewares=[unavailable])
    app.add_routes(routes)
    app.cleanup_ctx.append(upstreams)
    host, port = os.environ.get("HOST", "127.0.0.1"), int(os.environ["PORT"])
    web.run_app(app, host=host, port=port, print=None, access_log=None)


if __name__ == "__main__":
    main()
