"""Projections with Flask. The client commits on its timer, but only offsets that were stored by hand: those behind
records that are done. Partitions are shared out cooperatively."""

import json
import logging
import os
import signal
import sqlite3
import sys
import threading
import time
from urllib.request import Request, urlopen

from confluent_kafka import Consumer, KafkaException, Producer
from flask import Flask, jsonify

ENV = os.environ
STOPPING = threading.Event()
app = Flask("projections")


def connect():
    return sqlite3.connect(ENV["DATABASE_URL"].partition("sqlite:///")[2], timeout=5, isolation_level=None)


def mail(event, order):
    """Raises OSError unless the mailer takes it."""
    body = json.dumps({"template": "order_shipped", "order_id": order}).encode()
    headers = {"Content-Type": "application/json", "Idempotency-Key": event}
    urlopen(Request(ENV["NOTIFY_URL"] + "/notify", body, headers), timeout=int(ENV["HTTP_TIMEOUT_MS"]) / 1000).close()


def park(producer, record):
    lost = []
    producer.produce(
        "shop.orders.dlt", record.value(), record.key(), on_delivery=lambda error, _: error and lost.append(error)
    )
    if producer.flush(5) or lost:
        raise OSError("not parked")


def handle(db, producer, record):
    try:
        event = json.loads(record.value() or b"")
        data = event["data"]
        row = event["id"], data["order_id"], data["version"], data["status"]
        kind = event["type"]
    except (ValueError, KeyError, TypeError):
        park(producer, record)
        return
    if kind == "order.shipped":
        mail(row[0], row[1])
    db.execute("INSERT OR IGNORE INTO history VALUES (?, ?, ?, ?)", row)


def consume():
    db, producer = connect(), Producer({"bootstrap.servers": ENV["KAFKA_BOOTSTRAP"]})
    consumer = Consumer(
        {
            "bootstrap.servers": ENV["KAFKA_BOOTSTRAP"],
            "group.id": ENV["GROUP_ID"],
            "session.timeout.ms": int(ENV["SESSION_TIMEOUT_MS"]),
            "heartbeat.interval.ms": 500,
            "auto.offset.reset": "earliest",
            "enable.auto.offset.store": False,
            "auto.commit.interval.ms": 500,
            "partition.assignment.strategy": "cooperative-sticky",
        }
    )
    consumer.subscribe(["shop.orders"])
    while not STOPPING.is_set():
        for record in consumer.consume(20, 0.2):
            if record.error():
                continue
            while not STOPPING.is_set():
                try:
                    handle(db, producer, record)
                except (OSError, sqlite3.Error) as error:
                    say(f"again: {error!r}")
                    time.sleep(0.3)
                    continue
                try:
                    consumer.store_offsets(record)
                except KafkaException as error:
                    say(f"the partition has gone: {error!r}")
                break
    consumer.close()


def say(text):
    print(json.dumps({"level": "info", "service": "projections", "msg": text}), flush=True)


@app.get("/projections/orders/<order>")
def show(order):
    db = connect()
    rows = db.execute("SELECT version, status FROM history WHERE order_id = ? ORDER BY rowid", (order,)).fetchall()
    db.close()
    if rows:
        history = [{"version": version, "status": status} for version, status in rows]
        return {"order_id": order, **history[-1], "history": history}
    answer = jsonify(status=404, code="unknown_order")
    answer.status_code, answer.content_type = 404, "application/problem+json"
    return answer


@app.get("/healthz")
@app.get("/readyz")
def health():
    return {"status": "ready", "checks": {}}


def stop(*_):
    STOPPING.set()
    CONSUMING.join(5)
    sys.exit(0)


if __name__ == "__main__":
    logging.getLogger("werkzeug").setLevel(logging.ERROR)
    DB = connect()
    DB.execute("PRAGMA journal_mode = WAL")
    DB.execute("CREATE TABLE IF NOT EXISTS history (event TEXT UNIQUE, order_id TEXT, version INTEGER, status TEXT)")
    CONSUMING = threading.Thread(target=consume, daemon=True)
    CONSUMING.start()
    signal.signal(signal.SIGTERM, stop)
    app.run(ENV["HOST"], int(ENV["PORT"]), threaded=True)
