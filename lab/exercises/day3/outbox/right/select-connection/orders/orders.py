"""Orders: Flask under waitress. Every instance relays; each sends in the order of the table, so none turns it round."""

import json
import os
import signal
import sqlite3
import sys
import time
import uuid
from contextlib import closing, contextmanager

import waitress
from flask import Flask, jsonify, request

from relay import Relay

app = Flask("orders")
PATH = os.environ["DATABASE_URL"][len("sqlite:///") :]


@contextmanager
def writing():
    with closing(sqlite3.connect(PATH, timeout=10, isolation_level=None)) as db:
        db.execute("BEGIN IMMEDIATE")
        try:
            yield db
        except BaseException:
            db.rollback()
            raise
        db.commit()


def announce(db, kind, data):
    event = {
        "id": uuid.uuid4().hex,
        "specversion": "1.0",
        "type": kind,
        "source": "/orders",
        "time": time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime()),
        "correlationid": request.headers.get("X-Request-ID") or uuid.uuid4().hex,
        "data": data,
    }
    db.execute("INSERT INTO outbox (event) VALUES (?)", (json.dumps(event),))


def order_of(db, ident):
    row = db.execute("SELECT id, ref, amount, status FROM orders WHERE id = ?", (ident,)).fetchone()
    return dict(zip(("id", "ref", "amount", "status"), row, strict=True)) if row else None


def problem(status, code):
    answer = jsonify(status=status, code=code, title=code)
    answer.mimetype = "application/problem+json"
    return answer, status


@app.post("/orders")
def create():
    asked = request.get_json(force=True, silent=True) or {}
    ref, amount = asked.get("ref"), asked.get("amount")
    if not isinstance(ref, str) or isinstance(amount, bool) or not isinstance(amount, int) or not 0 <= amount < 2**60:
        return problem(422, "bad_order")
    ident = uuid.uuid4().hex
    try:
        with writing() as db:
            db.execute("INSERT INTO orders VALUES (?, ?, ?, 'pending')", (ident, ref, amount))
            announce(db, "order.created", {"order_id": ident, "ref": ref, "amount": amount})
    except sqlite3.IntegrityError:
        return problem(409, "duplicate_ref")
    return {"id": ident, "ref": ref, "amount": amount, "status": "pending"}, 201


@app.post("/orders/<ident>/cancel")
def cancel(ident):
    with writing() as db:
        changed = db.execute("UPDATE orders SET status = 'cancelled' WHERE id = ? AND status = 'pending'", (ident,))
        order = order_of(db, ident)
        if changed.rowcount:
            announce(db, "order.cancelled", {"order_id": ident})
            return order
    return problem(409, "already_cancelled") if order else problem(404, "unknown_order")


@app.get("/orders/<ident>")
def show(ident):
    with closing(sqlite3.connect(PATH, timeout=10)) as db:
        return order_of(db, ident) or problem(404, "unknown_order")


@app.get("/admin/outbox")
def outbox():
    with closing(sqlite3.connect(PATH, timeout=10)) as db:
        return {"pending": db.execute("SELECT count(*) FROM outbox").fetchone()[0]}


@app.get("/healthz")
@app.get("/readyz")
def health():
    return {"status": "ready", "checks": {}}


if __name__ == "__main__":
    with closing(sqlite3.connect(PATH, timeout=10)) as setup:
        setup.execute("PRAGMA journal_mode = WAL")
        setup.execute(
            "CREATE TABLE IF NOT EXISTS orders (id TEXT PRIMARY KEY, ref TEXT UNIQUE, amount INT, status TEXT)"
        )
        setup.execute(
            "CREATE TABLE IF NOT EXISTS outbox (number INTEGER PRIMARY KEY AUTOINCREMENT, event TEXT NOT NULL)"
        )
    Relay(PATH, os.environ["AMQP_URL"]).start()
    signal.signal(signal.SIGTERM, lambda *_: sys.exit())
    waitress.serve(app, host=os.environ["HOST"], port=int(os.environ["PORT"]), threads=8, _quiet=True)
