"""The catalog: Flask on threads. Whoever finds no copy tries for a lock in Redis; the others look until there is one.

The value is {"until": ..., "product": ...}: after `until` it is old, and one reader (who gets the lock) loads it anew
before he answers, while all others take what is there. The key itself lives half as long again. What Redis was not told
of in an outage stands in `untold`, with the version below which a copy must not be believed.
"""

import json
import os
import random
import signal
import sys
import threading
import time
import uuid
from datetime import UTC, datetime
from urllib.parse import quote

import redis
import requests
from flask import Flask, Response, jsonify, request
from redis.backoff import NoBackoff
from redis.retry import Retry
from werkzeug.serving import WSGIRequestHandler, make_server

ROWS = os.environ["ORIGIN_URL"] + "/rows/products/"
TTL = float(os.environ.get("CACHE_TTL_S", "30"))
NEGATIVE_TTL = float(os.environ.get("NEG_TTL_S", "2"))
TIMEOUT = int(os.environ.get("HTTP_TIMEOUT_MS", "2000")) / 1000
REDIS_TIMEOUT = int(os.environ.get("REDIS_TIMEOUT_MS", "200")) / 1000
LOCK_TTL = int(os.environ.get("LOCK_TTL_MS", "2000"))
LONGEST_WAIT = 4.0
ORIGIN_PLACES = threading.BoundedSemaphore(int(os.environ.get("ORIGIN_MAX", "10")))

KEEP_NEWER = """
local old = redis.pcall('GET', KEYS[1])
if type(old) == 'string' then
  local readable, value = pcall(cjson.decode, old)
  if readable and type(value) == 'table' and type(value.product) == 'table'
     and tonumber(value.product.version) > tonumber(ARGV[2]) then
    return 0
  end
end
redis.call('SET', KEYS[1], ARGV[1], 'PX', ARGV[3])
return 1
"""
UNLOCK = "if redis.call('GET', KEYS[1]) == ARGV[1] then return redis.call('DEL', KEYS[1]) end return 0"

app = Flask(__name__)
store = redis.Redis.from_url(
    os.environ["REDIS_URL"],
    decode_responses=True,
    socket_timeout=REDIS_TIMEOUT,
    socket_connect_timeout=REDIS_TIMEOUT,
    retry=Retry(NoBackoff(), 0),
)
keep_newer = store.register_script(KEEP_NEWER)
unlock = store.register_script(UNLOCK)


untold = {}
counting = threading.Lock()
reads = {"hit": 0, "miss": 0, "bypass": 0}


class OriginUnavailable(Exception):
    pass


def count(result):
    with counting:
        reads[result] += 1


def log(level, message, **more):
    line = {"ts": datetime.now(UTC).isoformat(), "level": level, "service": "catalog", "msg": message, **more}
    print(json.dumps(line), flush=True)


def ask_origin(method, product_id, row=None):
    """The product, or None if there is none."""
    if not ORIGIN_PLACES.acquire(timeout=TIMEOUT):
        raise OriginUnavailable
    try:
        answer = requests.request(method, ROWS + quote(product_id, safe=""), json=row, timeout=TIMEOUT)
        if answer.status_code == 404:
            return None
        answer.raise_for_status()
        found = answer.json()
        return {field: found[field] for field in ("id", "name", "price", "version")}
    except (requests.RequestException, ValueError, KeyError, TypeError) as error:
        log("warn", "the origin cannot be asked", error=repr(error))
        raise OriginUnavailable from error
    finally:
        ORIGIN_PLACES.release()


def held(product_id):
    """The value under the key, or None."""
    try:
        body = store.get(f"catalog:product:{product_id}")
        value = json.loads(body) if body else None
        if not isinstance(value, dict) or "product" not in value or "until" not in value:
            return None
        version, until = untold.get(product_id, (0, 0))
        old = (value["product"] or {}).get("version", 0) < version and time.time() < until
        return None if old else value
    except ValueError:
        return None
    except redis.ResponseError as error:
        if "WRONGTYPE" in str(error):
            return None
        raise


def keep(product_id, product):
    if product is None:
        seconds, version = NEGATIVE_TTL, 0
        value = {"until": time.time() + 3600, "product": None}
    else:
        fresh = TTL * random.uniform(0.6, 0.8)
        seconds, version = TTL * 1.4, product["version"]
        value = {"until": time.time() + fresh, "product": product}
    keep_newer(keys=[f"catalog:product:{product_id}"], args=[json.dumps(value), version, max(1, int(1000 * seconds))])


def look_up(product_id):
    """The product, and what the cache did for it."""
    result = "hit"
    lock, token = f"catalog:lock:{product_id}", uuid.uuid4().hex
    give_up = time.monotonic() + LONGEST_WAIT
    try:
        while time.monotonic() < give_up:
            value = held(product_id)
            if value and value["until"] > time.time():
                return value["product"], result
            result = "hit" if value else "miss"
            if store.set(lock, token, nx=True, px=LOCK_TTL):
                try:
                    value = held(product_id)
                    if value and value["until"] > time.time():
                        return value["product"], result
                    product = ask_origin("GET", product_id)
                    keep(product_id, product)
                    return product, result
                except OriginUnavailable:
                    store.set(f"{lock}:failed", "1", px=200)  # those who wait now need not find out by themselves
                    raise
                finally:
                    unlock(keys=[lock], args=[token])
            if value:
                return value["product"], result
            if store.exists(f"{lock}:failed"):
                raise OriginUnavailable
            time.sleep(random.uniform(0.03, 0.08))
    except redis.RedisError as error:
        log("warn", "the cache is away", error=repr(error))
        return ask_origin("GET", product_id), "bypass"
    raise OriginUnavailable


def problem(status, code, title):
    answer = jsonify(title=title, status=status, code=code)
    answer.content_type = "application/problem+json"
    answer.headers["Retry-After"] = "1"
    return answer, status


@app.errorhandler(OriginUnavailable)
def unavailable(_error):
    return problem(503, "origin_unavailable", "Service Unavailable")


@app.get("/products/<path:product_id>")
def show(product_id):
    product, result = look_up(product_id)
    count(result)
    return jsonify(product) if product else problem(404, "unknown_product", "Not Found")


@app.put("/products/<path:product_id>")
def change(product_id):
    body = request.get_json(silent=True)
    if not isinstance(body, dict) or not isinstance(body.get("name"), str) or type(body.get("price")) is not int:
        return problem(422, "invalid_product", "Unprocessable Content")
    product = ask_origin("PUT", product_id, {"id": product_id, "name": body["name"], "price": body["price"]})
    if product is None:
        raise OriginUnavailable
    try:
        keep(product_id, product)
    except redis.RedisError as error:
        untold[product_id] = (product["version"], time.time() + 2 * TTL)
        log("warn", "the copy may be old", error=repr(error))
    return jsonify(product)


@app.get("/metrics")
def metrics():
    lines = [f'cache_requests_total{{result="{result}"}} {number}\n' for result, number in reads.items()]
    return Response("# TYPE cache_requests_total counter\n" + "".join(lines), mimetype="text/plain")


@app.get("/healthz")
def healthz():
    return jsonify(status="alive")


@app.get("/readyz")
def readyz():
    try:
        store.ping()
        return jsonify(status="ready", checks={})
    except redis.RedisError:
        return jsonify(status="degraded", checks={"redis": "away"})


class Quiet(WSGIRequestHandler):
    def log(self, *_args):
        """Our own lines say enough."""


def main():
    server = make_server(
        os.environ.get("HOST", "127.0.0.1"), int(os.environ["PORT"]), app, threaded=True, request_handler=Quiet
    )
    server.daemon_threads = False
    signal.signal(signal.SIGTERM, lambda *_: threading.Thread(target=server.shutdown).start())
    server.serve_forever()
    server.server_close()
    sys.exit(0)


if __name__ == "__main__":
    main()
