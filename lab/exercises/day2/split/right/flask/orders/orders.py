"""Orders: Flask on werkzeug's threads, a sqlite3 connection for each request, requests for the neighbour.

/readyz tells whether the neighbour is there, and does not depend on it.
"""

import json
import os
import secrets
import signal
import sqlite3
import sys
import threading
from contextlib import closing
from datetime import UTC, datetime
from urllib.parse import quote

import requests
from flask import Flask, jsonify, request
from werkzeug.exceptions import HTTPException
from werkzeug.serving import WSGIRequestHandler, make_server

PATH = os.environ["DATABASE_URL"].removeprefix("sqlite:///")
USERS = os.environ["USERS_URL"]
TIMEOUT = int(os.environ.get("HTTP_TIMEOUT_MS", "2000")) / 1000
app = Flask(__name__)


class Refused(Exception):
    def __init__(self, status, code):
        self.status, self.code = status, code


@app.errorhandler(Refused)
def refused(error):
    answer = jsonify(title=error.code, status=error.status, code=error.code)
    answer.mimetype = "application/problem+json"
    if error.status == 503:
        answer.headers["Retry-After"] = "2"
    return answer, error.status


@app.errorhandler(HTTPException)
def http_error(error):
    return refused(Refused(error.code, error.name.lower().replace(" ", "_")))


def query(sql, *values):
    with closing(sqlite3.connect(PATH, timeout=10, isolation_level=None)) as db:
        db.row_factory = sqlite3.Row
        return [dict(row) for row in db.execute(sql, values)]


def shown(row):
    return {**json.loads(row["body"]), "status": row["status"]}


def one(ident):
    found = query("SELECT * FROM orders WHERE id = ?", ident)
    if not found:
        raise Refused(404, "unknown_order")
    return shown(found[0])


def json_object():
    body = request.get_json(force=True, silent=True)
    if not isinstance(body, dict):
        raise Refused(400, "no_object")
    return body


def item(raw):
    good = isinstance(raw, dict) and isinstance(raw.get("sku"), str) and raw["sku"]
    good = good and type(raw.get("qty")) is int and 0 < raw["qty"] < 10**6
    if not good or type(raw.get("price")) is not int or not 0 <= raw["price"] < 10**9:
        raise Refused(422, "bad_item")
    return {"sku": raw["sku"], "qty": raw["qty"], "price": raw["price"]}


def ask_about(ident):
    try:
        answer = requests.get(f"{USERS}/users/{quote(ident, safe='')}", timeout=TIMEOUT, allow_redirects=False)
    except requests.RequestException:
        raise Refused(503, "users_unavailable") from None
    if answer.status_code == 404:
        raise Refused(422, "unknown_user")
    try:
        known = answer.status_code == 200 and answer.json()["id"] == ident
    except (ValueError, TypeError, KeyError):
        known = False
    if not known:
        raise Refused(503, "users_unavailable")


@app.post("/orders")
def create():
    body = json_object()
    user, raw = body.get("user_id"), body.get("items")
    if not isinstance(user, str) or not user or not isinstance(raw, list) or not raw:
        raise Refused(422, "bad_order")
    items = [item(each) for each in raw]
    ask_about(user)
    order = {
        "id": "o" + secrets.token_hex(6),
        "user_id": user,
        "items": items,
        "total": sum(each["qty"] * each["price"] for each in items),
        "created_at": datetime.now(UTC).isoformat(),
    }
    query(
        "INSERT INTO orders (id, user_id, status, body) VALUES (?, ?, 'created', ?)",
        order["id"],
        user,
        json.dumps(order),
    )
    return one(order["id"]), 201


@app.get("/orders")
def listed():
    try:
        limit, after = int(request.args.get("limit", 20)), int(request.args.get("cursor", 0))
    except ValueError:
        raise Refused(422, "bad_page") from None
    if not (0 < limit <= 100 and 0 <= after < 2**62):
        raise Refused(422, "bad_page")
    where, values = "place > ?", [after]
    if "user_id" in request.args:
        where, values = f"{where} AND user_id = ?", [*values, request.args["user_id"]]
    found = query(f"SELECT * FROM orders WHERE {where} ORDER BY place LIMIT ?", *values, limit + 1)
    more, found = len(found) > limit, found[:limit]
    return jsonify(items=list(map(shown, found)), next_cursor=str(found[-1]["place"]) if more else None)


@app.get("/orders/<ident>")
def show(ident):
    return one(ident)


@app.patch("/orders/<ident>")
def change(ident):
    if json_object().get("status") != "cancelled":
        raise Refused(422, "bad_status")
    query("UPDATE orders SET status = 'cancelled' WHERE id = ?", ident)
    return one(ident)


@app.delete("/orders/<ident>")
def remove(ident):
    one(ident)
    query("DELETE FROM orders WHERE id = ?", ident)
    return "", 204


@app.get("/healthz")
def alive():
    return {"status": "alive"}


@app.get("/readyz")
def ready():
    try:
        users = requests.get(f"{USERS}/healthz", timeout=0.5).status_code == 200
    except requests.RequestException:
        users = False
    return {"status": "ready" if users else "degraded", "checks": {"users": "ok" if users else "away"}}


class Handler(WSGIRequestHandler):
    def log_request(self, code="-", size="-"):
        print(
            json.dumps({"level": "info", "service": "orders", "msg": self.requestline, "status": int(code)}), flush=True
        )


def main():
    query("PRAGMA journal_mode = WAL")
    query(
        "CREATE TABLE IF NOT EXISTS orders (place INTEGER PRIMARY KEY AUTOINCREMENT, id TEXT UNIQUE NOT NULL,"
        " user_id TEXT NOT NULL, status TEXT NOT NULL, body TEXT NOT NULL)"
    )
    server = make_server(os.environ["HOST"], int(os.environ["PORT"]), app, threaded=True, request_handler=Handler)
    server.daemon_threads = False
    signal.signal(signal.SIGTERM, lambda *_: threading.Thread(target=server.shutdown).start())
    server.serve_forever()
    sys.exit(0)


if __name__ == "__main__":
    main()
