"""The catalog: Flask on threads, requests for the origin, redis-py for the copies.

What a reader or a writer leaves in Redis passes a script that keeps the newer version, so whoever comes late with an
old row changes nothing.
"""

import json
import os
import random
import signal
import sys
import threading
from datetime import UTC, datetime
from urllib.parse import quote

import redis
import requests
from flask import Flask, jsonify, request
from redis.backoff import NoBackoff
from redis.retry import Retry
from werkzeug.serving import WSGIRequestHandler, make_server

ROWS = os.environ["ORIGIN_URL"] + "/rows/products/"
TTL = float(os.environ.get("CACHE_TTL_S", "30"))
NEGATIVE_TTL = float(os.environ.get("NEG_TTL_S", "2"))
TIMEOUT = int(os.environ.get("HTTP_TIMEOUT_MS", "2000")) / 1000

KEEP_NEWER = """
local old = redis.pcall('GET', KEYS[1])
if type(old) == 'string' then
  local readable, row = pcall(cjson.decode, old)
  if readable and type(row) == 'table' and type(row.version) == 'number' and row.version > tonumber(ARGV[2]) then
    return 0
  end
end
redis.call('SET', KEYS[1], ARGV[1], 'PX', ARGV[3])
return 1
"""

app = Flask(__name__)
copies = redis.Redis.from_url(
    os.environ["REDIS_URL"],
    decode_responses=True,
    socket_timeout=1,
    socket_connect_timeout=1,
    retry=Retry(NoBackoff(), 0),
)
keep_newer = copies.register_script(KEEP_NEWER)


class OriginUnavailable(Exception):
    pass


def log(level, message, **more):
    line = {"ts": datetime.now(UTC).isoformat(), "level": level, "service": "catalog", "msg": message, **more}
    print(json.dumps(line), flush=True)


def product_of(body):
    """A product of what somebody says, or ValueError."""
    row = json.loads(body)
    try:
        product = {field: row[field] for field in ("id", "name", "price", "version")}
    except (KeyError, TypeError) as error:
        raise ValueError("not a product") from error
    if not (isinstance(product["price"], int) and isinstance(product["version"], int)):
        raise ValueError("not a product")
    return product


def ask_origin(method, product_id, row=None):
    """The product, or None if there is none."""
    try:
        answer = requests.request(method, ROWS + quote(product_id, safe=""), json=row, timeout=TIMEOUT)
        if answer.status_code == 404:
            return None
        answer.raise_for_status()
        return product_of(answer.content)
    except (requests.RequestException, ValueError) as error:
        log("warn", "the origin cannot be asked", error=repr(error))
        raise OriginUnavailable from error


def key_of(product_id):
    return f"catalog:product:{product_id}"


def look_up(product_id):
    """A copy: the product, or {} for one that is known to be missing. None if there is none, or garbage."""
    try:
        body = copies.get(key_of(product_id))
        if body is None:
            return None
        return {} if body == '{"missing": true}' else product_of(body)
    except (redis.RedisError, ValueError) as error:
        log("warn", "no use of the copy", error=repr(error))
        return None


def keep(product):
    lifetime = int(1000 * TTL * random.uniform(0.8, 1.2))
    try:
        keep_newer(keys=[key_of(product["id"])], args=[json.dumps(product), product["version"], lifetime])
    except redis.RedisError as error:
        log("warn", "no copy is left", error=repr(error))


def keep_missing(product_id):
    """Only where nothing is: a product that came meanwhile stays."""
    try:
        copies.set(key_of(product_id), '{"missing": true}', px=max(1, int(1000 * NEGATIVE_TTL)), nx=True)
    except redis.RedisError as error:
        log("warn", "no copy is left", error=repr(error))


def problem(status, code, title):
    answer = jsonify(title=title, status=status, code=code)
    answer.content_type = "application/problem+json"
    return answer, status


@app.errorhandler(OriginUnavailable)
def unavailable(_error):
    return problem(503, "origin_unavailable", "Service Unavailable")


@app.get("/products/<path:product_id>")
def show(product_id):
    product, told_by = look_up(product_id), "hit"
    if product is None:
        product, told_by = ask_origin("GET", product_id), "miss"
        if product:
            keep(product)
        else:
            keep_missing(product_id)
    if not product:
        return problem(404, "unknown_product", "Not Found")
    answer = jsonify(product)
    answer.headers["X-Cache"] = told_by
    return answer


@app.put("/products/<path:product_id>")
def change(product_id):
    body = request.get_json(silent=True)
    if not isinstance(body, dict) or not isinstance(body.get("name"), str) or type(body.get("price")) is not int:
        return problem(422, "invalid_product", "Unprocessable Content")
    product = ask_origin("PUT", product_id, {"id": product_id, "name": body["name"], "price": body["price"]})
    if product is None:
        raise OriginUnavailable
    keep(product)
    return jsonify(product)


@app.get("/healthz")
def healthz():
    return jsonify(status="alive")


@app.get("/readyz")
def readyz():
    return jsonify(status="ready", checks={})


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
