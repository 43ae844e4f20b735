"""Orders with Flask and plain SQL. Nothing here is "in progress": whoever finds no answer under the key asks the
provider, under a key and about an order that follow from the client's own, and so are the same for everybody."""

import hashlib
import json
import os
import signal
import sqlite3
import sys
import threading
import time
import uuid
from contextlib import closing

import requests
from flask import Flask, Response, request
from werkzeug.serving import WSGIRequestHandler, make_server

DATABASE = os.environ["DATABASE_URL"].removeprefix("sqlite:///")
CHARGES = os.environ["PAYMENT_URL"] + "/charges"
TIMEOUT = int(os.environ.get("HTTP_TIMEOUT_MS", "1000")) / 1000
TTL = float(os.environ.get("IDEMPOTENCY_TTL_S", "86400"))
SHOP = uuid.UUID("0f6c1d6e-0c8b-4b43-9d6c-4f3d8a5f2a10")

app = Flask(__name__)


def connect():
    db = sqlite3.connect(DATABASE, timeout=8, isolation_level=None)
    db.row_factory = sqlite3.Row
    return db


def problem(status, code):
    return Response(
        json.dumps({"title": code, "status": status, "code": code}), status, mimetype="application/problem+json"
    )


def known(db, user, key, digest):
    """The answer to this request if there is one, or the refusal of a key that is somebody else's."""
    row = db.execute("SELECT * FROM answers WHERE user = ? AND key = ?", (user, key)).fetchone()
    if row is None:
        return None
    if row["digest"] != digest:
        return problem(422, "idempotency_key_reused")
    if row["status"] is None:
        return None
    kind = "application/json" if row["status"] == 201 else "application/problem+json"
    return Response(row["body"], row["status"], mimetype=kind)


@app.post("/orders")
def place():
    user, key = request.headers["X-User-ID"], request.headers.get("Idempotency-Key")
    if not key:
        return problem(400, "idempotency_key_missing")
    new = request.get_json(silent=True)
    if not isinstance(new, dict) or not isinstance(new.get("sku"), str) or not new["sku"]:
        return problem(400, "bad_order")
    if type(new.get("amount")) is not int or new["amount"] <= 0:
        return problem(400, "bad_order")
    digest = hashlib.sha256(request.get_data()).hexdigest()
    order_id = str(uuid.uuid5(SHOP, json.dumps([user, key])))
    with closing(connect()) as db:
        db.execute("DELETE FROM answers WHERE status IS NOT NULL AND at < ?", (time.time() - TTL,))
        db.execute(
            "INSERT OR IGNORE INTO answers (user, key, digest, at) VALUES (?, ?, ?, ?)",
            (user, key, digest, time.time()),
        )
        if answer := known(db, user, key, digest):
            return answer
        try:
            charged = requests.post(
                CHARGES,
                json={"order_id": order_id, "amount": new["amount"]},
                headers={"Idempotency-Key": f"order-{order_id}"},
                timeout=TIMEOUT,
            )
        except requests.RequestException:
            return problem(503, "payment_unavailable")
        if charged.status_code == 201:
            order = {
                "id": order_id,
                "user_id": user,
                "sku": new["sku"],
                "amount": new["amount"],
                "status": "paid",
                "charge_id": charged.json()["id"],
                "note": "",
            }
            status, body = 201, json.dumps(order)
        elif charged.status_code == 402:
            order = None
            status, body = 402, json.dumps({"title": "Declined", "status": 402, "code": "payment_declined"})
        else:
            return problem(503, "payment_unavailable")
        db.execute("BEGIN IMMEDIATE")
        first = db.execute(
            "UPDATE answers SET status = ?, body = ?, at = ? WHERE user = ? AND key = ? AND status IS NULL",
            (status, body, time.time(), user, key),
        ).rowcount
        if first and order:
            db.execute("INSERT INTO orders VALUES (:id, :user_id, :sku, :amount, :status, :charge_id, :note)", order)
        db.execute("COMMIT")
        return known(db, user, key, digest)


@app.put("/orders/<order_id>/note")
def write_note(order_id):
    with closing(connect()) as db:
        changed = db.execute(
            "UPDATE orders SET note = ? WHERE id = ? AND user_id = ?",
            (request.json["note"], order_id, request.headers["X-User-ID"]),
        ).rowcount
        if not changed:
            return problem(404, "unknown_order")
        return dict(db.execute("SELECT * FROM orders WHERE id = ?", (order_id,)).fetchone())


@app.get("/orders")
def listing():
    with closing(connect()) as db:
        rows = db.execute("SELECT * FROM orders WHERE user_id = ?", (request.headers["X-User-ID"],)).fetchall()
    return {"items": [dict(row) for row in rows]}


@app.get("/healthz")
def healthz():
    return {"status": "alive"}


@app.get("/readyz")
def readyz():
    return {"status": "ready", "checks": {}}


class Quiet(WSGIRequestHandler):
    def log(self, *_args):
        """The lab sees what passes."""


def main():
    with closing(connect()) as db:
        db.execute(
            "CREATE TABLE IF NOT EXISTS orders"
            " (id TEXT PRIMARY KEY, user_id TEXT, sku TEXT, amount INTEGER, status TEXT, charge_id TEXT, note TEXT)"
        )
        db.execute(
            "CREATE TABLE IF NOT EXISTS answers"
            " (user TEXT, key TEXT, digest TEXT, at REAL, status INTEGER, body TEXT, PRIMARY KEY (user, key))"
        )
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
