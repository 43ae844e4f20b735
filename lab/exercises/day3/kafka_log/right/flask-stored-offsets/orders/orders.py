"""Orders with Flask and one table; each change is produced and awaited under a lock."""

import json
import logging
import os
import sqlite3
import threading
import uuid
from datetime import UTC, datetime

from confluent_kafka import Producer
from flask import Flask, jsonify, request

ENV = os.environ
LOCK = threading.Lock()
PRODUCER = Producer({"bootstrap.servers": ENV["KAFKA_BOOTSTRAP"], "acks": "all", "partitioner": "murmur2_random"})
app = Flask("orders")


def connect():
    return sqlite3.connect(ENV["DATABASE_URL"].partition("sqlite:///")[2], timeout=5, isolation_level=None)


def tell(ident, status, version):
    event = {
        "specversion": "1.0",
        "id": str(uuid.uuid4()),
        "source": "/orders",
        "type": f"order.{status}",
        "time": datetime.now(UTC).isoformat(),
        "correlationid": request.headers.get("X-Request-ID") or f"gen-{uuid.uuid4()}",
        "data": {"order_id": ident, "status": status, "version": version},
    }
    PRODUCER.produce("shop.orders", json.dumps(event), key=ident)
    PRODUCER.flush(5)
    return {"id": ident, "status": status, "version": version}


@app.post("/orders")
def place():
    ident = uuid.uuid4().hex
    with LOCK:
        db = connect()
        db.execute("INSERT INTO orders VALUES (?, ?, 'created', 1)", (ident, request.json["amount"]))
        db.close()
        return tell(ident, "created", 1), 201


@app.put("/orders/<ident>/status")
def change(ident):
    status = request.json["status"]
    with LOCK:
        db = connect()
        changed = "UPDATE orders SET status = ?, version = version + 1 WHERE id = ? RETURNING version"
        row = db.execute(changed, (status, ident)).fetchone()
        db.close()
        if row:
            return tell(ident, status, row[0])
    answer = jsonify(status=404, code="unknown_order")
    answer.status_code, answer.content_type = 404, "application/problem+json"
    return answer


@app.get("/healthz")
@app.get("/readyz")
def health():
    return {"status": "ready", "checks": {}}


if __name__ == "__main__":
    logging.getLogger("werkzeug").setLevel(logging.ERROR)
    DB = connect()
    DB.execute("PRAGMA journal_mode = WAL")
    DB.execute("CREATE TABLE IF NOT EXISTS orders (id TEXT PRIMARY KEY, amount INTEGER, status TEXT, version INTEGER)")
    app.run(ENV["HOST"], int(ENV["PORT"]), threaded=True)
