"""The layer on Flask and threads. Versions decide which copy stays, and while a product is being written no reader
leaves one."""

import json
import os
import random
import signal
import sys
import threading
import time
from collections import Counter
from urllib.parse import quote

import redis
import requests
from flask import Flask, jsonify, request
from redis.backoff import NoBackoff
from redis.retry import Retry
from werkzeug.serving import WSGIRequestHandler, make_server

ROWS = os.environ["ORIGIN_URL"] + "/rows/products/"
TTL = float(os.environ.get("CACHE_TTL_S", "30"))
TIMEOUT = int(os.environ.get("HTTP_TIMEOUT_MS", "2000")) / 1000

KEEP_NEWER = """
local old = redis.call('GET', KEYS[1])
if old and cjson.decode(old).version > tonumber(ARGV[2]) then return 0 end
redis.call('SET', KEYS[1], ARGV[1], 'PX', ARGV[3])
return 1
"""

app = Flask(__name__)
copies = redis.Redis.from_url(
    os.environ["REDIS_URL"], socket_timeout=1, socket_connect_timeout=1, retry=Retry(NoBackoff(), 0)
)
keep_newer = copies.register_script(KEEP_NEWER)
table = threading.Lock()
being_written = Counter()
written = Counter()
loading = {}


class OriginUnavailable(Exception):
    pass


class Load:
    def __init__(self):
        self.done = threading.Event()
        self.product = None
        self.error = None


def key_of(product_id):
    return f"products/{product_id}"


def ask_origin(method, product_id, row=None):
    try:
        answer = requests.request(method, ROWS + quote(product_id, safe=""), json=row, timeout=TIMEOUT)
        if answer.status_code == 404:
            return None
        answer.raise_for_status()
        found = answer.json()
        return {field: found[field] for field in ("id", "name", "price", "version")}
    except (requests.RequestException, ValueError, KeyError, TypeError) as error:
        print(json.dumps({"ts": time.time(), "level": "warn", "service": "cache", "msg": repr(error)}), flush=True)
        raise OriginUnavailable from error


def keep(product):
    lifetime = int(1000 * TTL * random.uniform(0.8, 1.2))
    keep_newer(keys=[key_of(product["id"])], args=[json.dumps(product), product["version"], lifetime])


def read(product_id):
    body = copies.get(key_of(product_id))
    if body:
        return json.loads(body)
    with table:
        load = loading.get(product_id)
        mine = load is None
        if mine:
            load = loading[product_id] = Load()
        writes = written[product_id]
    if not mine:
        load.done.wait()
        if load.error:
            raise load.error
        return load.product
    try:
        body = copies.get(key_of(product_id))
        load.product = json.loads(body) if body else ask_origin("GET", product_id)
        if load.product and not body:
            with table:
                quiet = not being_written[product_id] and written[product_id] == writes
            if quiet:
                keep(load.product)
        return load.product
    except Exception as error:
        load.error = error
        raise
    finally:
        with table:
            del loading[product_id]
        load.done.set()


def write(product_id, row):
    with table:
        being_written[product_id] += 1
        written[product_id] += 1
    try:
        copies.delete(key_of(product_id))
        product = ask_origin("PUT", product_id, row)
        if product is None:
            raise OriginUnavailable
        keep(product)
        return product
    finally:
        with table:
            being_written[product_id] -= 1


def problem(status, code):
    answer = jsonify(title=code, status=status, code=code)
    answer.content_type = "application/problem+json"
    return answer, status


@app.errorhandler(OriginUnavailable)
def origin_unavailable(_error):
    return problem(503, "origin_unavailable")


@app.errorhandler(redis.RedisError)
def redis_unavailable(_error):
    return problem(503, "redis_unavailable")


@app.get("/cache/products/<path:product_id>")
def show(product_id):
    product = read(product_id)
    return jsonify(product) if product else problem(404, "unknown_product")


@app.put("/cache/products/<path:product_id>")
def change(product_id):
    body = request.get_json(silent=True)
    if not isinstance(body, dict) or not isinstance(body.get("name"), str) or type(body.get("price")) is not int:
        return problem(422, "invalid_product")
    return jsonify(write(product_id, {"id": product_id, "name": body["name"], "price": body["price"]}))


@app.get("/healthz")
@app.get("/readyz")
def health():
    return jsonify(status="ready", checks={})


class Quiet(WSGIRequestHandler):
    def log(self, *_args):
        """Nothing."""


if __name__ == "__main__":
    server = make_server(
        os.environ.get("HOST", "127.0.0.1"), int(os.environ["PORT"]), app, threaded=True, request_handler=Quiet
    )
    server.daemon_threads = False
    signal.signal(signal.SIGTERM, lambda *_: threading.Thread(target=server.shutdown).start())
    server.serve_forever()
    server.server_close()
    sys.exit(0)
