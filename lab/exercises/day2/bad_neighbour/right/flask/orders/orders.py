"""Orders with a thread for each request, and few of them at a time in a call to users."""

import contextlib
import http.client
import json
import os
import secrets
import signal
import socket
import sqlite3
import threading
from datetime import UTC, datetime
from urllib.parse import quote, urlsplit

from flask import Flask, g, jsonify, request
from werkzeug.serving import WSGIRequestHandler, make_server

LIMIT = int(os.environ.get("HTTP_TIMEOUT_MS", 500)) / 1000
ATTEMPTS = int(os.environ.get("RETRY_ATTEMPTS", 1))
PLACES = threading.BoundedSemaphore(int(os.environ.get("OUTBOUND_MAX", 10)))
ENOUGH = 100_000
PATH = os.environ["DATABASE_URL"].removeprefix("sqlite:///")
app = Flask(__name__)


class Unavailable(Exception):
    pass


class Users:
    """The neighbour, and what its last call says of it."""

    def __init__(self, address):
        self.host, self.port = urlsplit(address).hostname, urlsplit(address).port
        self.well = True

    def has(self, ident):
        if not PLACES.acquire(timeout=LIMIT):
            raise Unavailable
        try:
            found = self._ask(ident)
        finally:
            PLACES.release()
        if found is None:
            raise Unavailable
        return found

    def _ask(self, ident):
        for _ in range(ATTEMPTS):
            found = self._call(ident)
            self.well = found is not None
            if self.well:
                break
        return found

    def _call(self, ident):
        """Yes, no, or None for whatever else may come. The timer cuts off an answer that takes too long, wherever."""
        connection = http.client.HTTPConnection(self.host, self.port, timeout=LIMIT)
        timer = None
        try:
            connection.connect()
            timer = threading.Timer(LIMIT, cut, [connection.sock])
            timer.start()
            connection.request("GET", f"/users/{quote(ident, safe='')}", headers={"X-Request-ID": g.request_id})
            answer = connection.getresponse()
            if answer.status == 404:
                return False
            user = json.loads(answer.read(ENOUGH)) if answer.status == 200 else None
            known = isinstance(user, dict) and user.get("id") == ident
            return True if known and isinstance(user.get("name"), str) and isinstance(user.get("email"), str) else None
        except (OSError, http.client.HTTPException, ValueError):
            return None
        finally:
            if timer:
                timer.cancel()
            connection.close()


def cut(sock):
    with contextlib.suppress(OSError):
        sock.shutdown(socket.SHUT_RDWR)


users = Users(os.environ["USERS_URL"])


def run(sql, *values):
    with contextlib.closing(sqlite3.connect(PATH, timeout=10)) as connection, connection:
        return [json.loads(row[0]) for row in connection.execute(sql, values)]


@app.before_request
def remember_id():
    g.request_id = request.headers.get("X-Request-ID") or secrets.token_hex(8)


@app.after_request
def tell_id(answer):
    answer.headers["X-Request-ID"] = g.request_id
    return answer


def problem(status, code, **headers):
    answer = jsonify(title=code, status=status, code=code)
    answer.headers.update({name.replace("_", "-"): value for name, value in headers.items()})
    answer.mimetype = "application/problem+json"
    return answer, status


@app.errorhandler(Unavailable)
def unavailable(_error):
    return problem(503, "users_unavailable", Retry_After="1")


@app.post("/orders")
def create():
    sent = request.get_json(force=True, silent=True)
    try:
        user = sent["user_id"]
        items = [{name: item[name] for name in ("sku", "qty", "price")} for item in sent["items"]]
        good = isinstance(user, str) and user != "" and items != []
        for item in items:
            good &= isinstance(item["sku"], str) and type(item["qty"]) is int and type(item["price"]) is int
            good = good and item["qty"] > 0 and item["price"] >= 0
    except (TypeError, KeyError):
        good = False
    if not good:
        return problem(422, "bad_order")
    if not users.has(user):
        return problem(422, "unknown_user")
    order = {"id": secrets.token_urlsafe(9), "user_id": user, "items": items, "status": "created"}
    order["total"] = sum(item["qty"] * item["price"] for item in items)
    order["created_at"] = datetime.now(UTC).isoformat()
    run("INSERT INTO orders VALUES (?, ?, ?)", order["id"], user, json.dumps(order))
    return order, 201


@app.get("/orders/<ident>")
def show(ident):
    found = run("SELECT body FROM orders WHERE id = ?", ident)
    return found[0] if found else problem(404, "unknown_order")


@app.get("/orders")
def listed():
    return {"items": run("SELECT body FROM orders WHERE user_id = ? ORDER BY rowid", request.args.get("user_id", ""))}


@app.get("/healthz")
def alive():
    return {"status": "alive"}


@app.get("/readyz")
def ready():
    state = "ready" if users.well else "degraded"
    return {"status": state, "checks": {"users": "ok" if users.well else "its last call failed"}}


class Handler(WSGIRequestHandler):
    protocol_version = "HTTP/1.0"

    def log_request(self, code="-", size="-"):
        said = {"ts": datetime.now(UTC).isoformat(), "level": "info", "service": "orders", "msg": self.requestline}
        print(json.dumps({**said, "status": int(code)}), flush=True)


def main():
    with contextlib.closing(sqlite3.connect(PATH, timeout=10)) as connection:
        connection.execute("PRAGMA journal_mode = WAL")
        connection.execute("CREATE TABLE IF NOT EXISTS orders (id TEXT PRIMARY KEY, user_id TEXT, body TEXT)")
    server = make_server(os.environ["HOST"], int(os.environ["PORT"]), app, threaded=True, request_handler=Handler)
    server.daemon_threads = False
    signal.signal(signal.SIGTERM, lambda *_: threading.Thread(target=server.shutdown).start())
    server.serve_forever()


if __name__ == "__main__":
    main()
