"""The shop: Flask on werkzeug's threads, blinker-like signals by hand, a pool of threads for each that listens."""

import json
import os
import secrets
import signal
import sqlite3
import threading
import urllib.request
import uuid
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from datetime import UTC, datetime

from flask import Flask, g, jsonify, request
from werkzeug.exceptions import HTTPException
from werkzeug.serving import WSGIRequestHandler, make_server

app = Flask(__name__)
app.json.sort_keys = False
app.config["MAX_CONTENT_LENGTH"] = 256 * 1024

SCHEMA = """
CREATE TABLE IF NOT EXISTS users (
    seq INTEGER PRIMARY KEY AUTOINCREMENT, id TEXT UNIQUE NOT NULL, email TEXT UNIQUE NOT NULL,
    name TEXT NOT NULL, created_at TEXT NOT NULL);
CREATE TABLE IF NOT EXISTS orders (
    seq INTEGER PRIMARY KEY AUTOINCREMENT, id TEXT UNIQUE NOT NULL,
    user_id TEXT NOT NULL REFERENCES users (id), items TEXT NOT NULL, total INTEGER NOT NULL,
    status TEXT NOT NULL, created_at TEXT NOT NULL);
CREATE INDEX IF NOT EXISTS orders_by_user ON orders (user_id, seq);
CREATE TABLE IF NOT EXISTS notifications (
    seq INTEGER PRIMARY KEY AUTOINCREMENT, user_id TEXT NOT NULL, template TEXT NOT NULL, status TEXT NOT NULL);
"""


class Refused(Exception):
    def __init__(self, status, code):
        self.status, self.code = status, code


@app.errorhandler(Refused)
def refused(error):
    return problem(error.status, error.code)


@app.errorhandler(HTTPException)
def http_error(error):
    return problem(error.code, error.name.lower().replace(" ", "_"))


def problem(status, code):
    answer = jsonify(title=code.replace("_", " "), status=status, code=code)
    answer.status_code, answer.mimetype = status, "application/problem+json"
    return answer


PATH = os.environ["DATABASE_URL"].removeprefix("sqlite:///")
PATIENCE = int(os.environ.get("HTTP_TIMEOUT_MS", "3000")) / 1000


def say(level, msg, **more):
    line = {"ts": now(), "level": level, "service": os.environ.get("SERVICE_NAME", "shop"), "msg": msg, **more}
    print(json.dumps(line), flush=True)


@app.before_request
def identify():
    g.ident = request.headers.get("X-Request-ID") or uuid.uuid4().hex


@app.after_request
def account(answer):
    answer.headers["X-Request-ID"] = g.ident
    say("info", f"{request.method} {request.path}", request_id=g.ident, status=answer.status_code)
    return answer


LISTENERS = []
registered = 0


def listens(threads):
    """Each listener has threads of its own, and a queue without an end."""

    def listed(handle):
        LISTENERS.append((ThreadPoolExecutor(threads), handle))
        return handle

    return listed


def publish(event):
    for pool, handle in LISTENERS:
        pool.submit(guarded, handle, event)


def guarded(handle, event):
    try:
        handle(event)
    except Exception as error:  # of a future that nobody asks for its result, nobody would hear
        say("error", f"{handle.__name__}: {error!r}")


@listens(8)
def welcome(event):
    with closing(connect()) as db:
        # pending until the answer is there, so that a crash shows who was not written to
        row = db.execute(
            "INSERT INTO notifications (user_id, template, status) VALUES (?, 'welcome', 'pending')",
            (event["user_id"],),
        ).lastrowid
    asked = json.dumps({"template": "welcome", "user_id": event["user_id"]}).encode()
    post = urllib.request.Request(os.environ["NOTIFY_URL"] + "/notify", asked, {"Content-Type": "application/json"})
    try:
        urllib.request.urlopen(post, timeout=PATIENCE).close()
        status = "sent"
    except OSError as error:  # also what urllib says of a 500
        say("warn", f"user {event['user_id']}: no mail: {error}")
        status = "failed"
    with closing(connect()) as db:
        db.execute("UPDATE notifications SET status = ? WHERE seq = ?", (status, row))


@listens(1)
def count(_event):
    global registered
    registered += 1  # by one thread


def connect():
    db = sqlite3.connect(PATH, timeout=10, isolation_level=None)
    db.row_factory = sqlite3.Row
    db.execute("PRAGMA foreign_keys = ON")
    return db


def db():
    if "db" not in g:
        g.db = connect()
    return g.db


@app.teardown_appcontext
def close(_error):
    if "db" in g:
        g.db.close()


def one(table, ident):
    row = db().execute(f"SELECT * FROM {table} WHERE id = ?", (ident,)).fetchone()
    if row is None:
        raise Refused(404, f"unknown_{table[:-1]}")
    return row


def shown(row):
    fields = {name: row[name] for name in row.keys() if name != "seq"}  # noqa: SIM118
    if "items" in fields:
        fields["items"] = json.loads(fields["items"])
    return fields


def page(table, where="1 = 1", *values):
    try:
        limit = int(request.args.get("limit", "20"))
        after = int(request.args.get("cursor", "0"))
    except ValueError:
        raise Refused(422, "bad_page") from None
    if not (0 < limit <= 100 and 0 <= after < 2**62):
        raise Refused(422, "bad_page")
    found = (
        db()
        .execute(f"SELECT * FROM {table} WHERE {where} AND seq > ? ORDER BY seq LIMIT ?", (*values, after, limit + 1))
        .fetchall()
    )
    more = len(found) > limit
    found = found[:limit]
    return jsonify(items=[shown(row) for row in found], next_cursor=str(found[-1]["seq"]) if more else None)


def body():
    sent = request.get_json(force=True, silent=True)
    if not isinstance(sent, dict):
        raise Refused(400, "no_json_object")
    return sent


def text(sent, name, longest=200):
    value = sent.get(name)
    if not isinstance(value, str) or not 0 < len(value) <= longest:
        raise Refused(422, f"bad_{name}")
    return value


def whole(sent, name, least):
    value = sent.get(name)
    if type(value) is not int or not least <= value <= 10**9:
        raise Refused(422, f"bad_{name}")
    return value


def now():
    return datetime.now(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")


@app.post("/users")
def create_user():
    sent = body()
    new = (secrets.token_hex(8), text(sent, "email"), text(sent, "name"), now())
    try:
        db().execute("INSERT INTO users (id, email, name, created_at) VALUES (?, ?, ?, ?)", new)
    except sqlite3.IntegrityError:
        raise Refused(409, "email_taken") from None
    publish({"user_id": new[0]})
    return shown(one("users", new[0])), 201


@app.get("/users")
def list_users():
    return page("users")


@app.get("/users/<ident>")
def get_user(ident):
    return shown(one("users", ident))


@app.patch("/users/<ident>")
def change_user(ident):
    sent = body()
    one("users", ident)
    changes = {name: text(sent, name) for name in ("email", "name") if name in sent}
    for name, value in changes.items():
        try:
            db().execute(f"UPDATE users SET {name} = ? WHERE id = ?", (value, ident))
        except sqlite3.IntegrityError:
            raise Refused(409, "email_taken") from None
    return shown(one("users", ident))


@app.delete("/users/<ident>")
def delete_user(ident):
    one("users", ident)
    try:
        db().execute("DELETE FROM users WHERE id = ?", (ident,))
    except sqlite3.IntegrityError:
        raise Refused(409, "user_has_orders") from None
    return "", 204


@app.post("/orders")
def create_order():
    sent = body()
    user, items = text(sent, "user_id"), sent.get("items")
    if not isinstance(items, list) or not 0 < len(items) <= 100:
        raise Refused(422, "bad_items")
    for item in items:
        if not isinstance(item, dict):
            raise Refused(422, "bad_items")
        text(item, "sku"), whole(item, "qty", 1), whole(item, "price", 0)
    items = [{"sku": item["sku"], "qty": item["qty"], "price": item["price"]} for item in items]
    total = sum(item["qty"] * item["price"] for item in items)
    if total >= 2**63:
        raise Refused(422, "too_dear")
    new = (secrets.token_hex(8), user, json.dumps(items), total, "created", now())
    try:
        db().execute(
            "INSERT INTO orders (id, user_id, items, total, status, created_at) VALUES (?, ?, ?, ?, ?, ?)", new
        )
    except sqlite3.IntegrityError:
        raise Refused(422, "unknown_user") from None
    return shown(one("orders", new[0])), 201


@app.get("/orders")
def list_orders():
    if (user := request.args.get("user_id")) is not None:
        return page("orders", "user_id = ?", user)
    return page("orders")


@app.get("/orders/<ident>")
def get_order(ident):
    return shown(one("orders", ident))


@app.patch("/orders/<ident>")
def change_order(ident):
    sent = body()
    one("orders", ident)
    if sent.get("status") != "cancelled":
        raise Refused(422, "bad_status")
    db().execute("UPDATE orders SET status = 'cancelled' WHERE id = ?", (ident,))
    return shown(one("orders", ident))


@app.delete("/orders/<ident>")
def delete_order(ident):
    if not db().execute("DELETE FROM orders WHERE id = ?", (ident,)).rowcount:
        raise Refused(404, "unknown_order")
    return "", 204


@app.get("/notifications")
def list_notifications():
    rows = db().execute("SELECT * FROM notifications WHERE user_id = ?", (request.args.get("user_id"),))
    return {"items": [{"id": row["seq"], **shown(row)} for row in rows]}


@app.get("/stats")
def stats():
    return {"registered": registered}


@app.get("/healthz")
def alive():
    return {"status": "alive"}


@app.get("/readyz")
def ready():
    try:
        db().execute("SELECT count(*) FROM users").fetchone()
    except sqlite3.Error as error:
        return {"status": "unready", "checks": {"database": str(error)}}, 503
    return {"status": "ready", "checks": {"database": "ok"}}


class Handler(WSGIRequestHandler):
    protocol_version = "HTTP/1.0"  # a connection ends with its answer, so that a stop waits for no idle one

    def log(self, *_):
        pass  # after_request does


if __name__ == "__main__":
    with connect() as schema:
        schema.execute("PRAGMA journal_mode = WAL")
        schema.executescript(SCHEMA)
    server = make_server(os.environ["HOST"], int(os.environ["PORT"]), app, threaded=True, request_handler=Handler)
    server.daemon_threads = False
    signal.signal(signal.SIGTERM, lambda *_: threading.Thread(target=server.shutdown).start())
    server.serve_forever()  # at its end it closes the socket, then waits for its threads
