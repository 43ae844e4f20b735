"""Orders: Flask under waitress; a thread asks the queue again and again with basic.get."""

import json
import os
import signal
import sqlite3
import sys
import threading
import time
from uuid import uuid4

import pika
import waitress
from flask import Flask, jsonify, request

app = Flask("orders")
subscribed = threading.Event()
QUEUE = "orders.user-registered"


def connect():
    return sqlite3.connect(os.environ["DATABASE_URL"].replace("sqlite:///", "", 1), timeout=2, isolation_level=None)


def problem(status, code):
    answer = jsonify({"title": code, "status": status, "code": code})
    answer.headers["Content-Type"] = "application/problem+json"
    return answer, status


@app.route("/orders", methods=["POST"])
def place():
    order = request.get_json(silent=True)
    if not isinstance(order, dict) or not isinstance(order.get("user_id"), str):
        return problem(422, "who")
    amount = order.get("amount")
    if isinstance(amount, bool) or not isinstance(amount, int) or not 0 < amount < 10**12:
        return problem(422, "how_much")
    database = connect()
    try:
        if not database.execute("SELECT count(*) FROM users WHERE id = ?", (order["user_id"],)).fetchone()[0]:
            return problem(422, "unknown_user")
        made = {"id": f"o-{uuid4()}", "user_id": order["user_id"], "amount": amount}
        database.execute("INSERT INTO orders VALUES (:id, :user_id, :amount)", made)
    finally:
        database.close()
    return made, 201


@app.route("/healthz")
def alive():
    return {"status": "ok"}


@app.route("/readyz")
def ready():
    if subscribed.is_set():
        return {"status": "ready", "checks": {}}
    return {"status": "unready", "checks": {"queue": "is not there yet"}}, 503


def remember(body):
    """Raises sqlite3.OperationalError. A message that says nothing about a registration is passed over."""
    try:
        event = json.loads(body)
        user = event["data"]["user_id"]
        if event["type"] != "user.registered" or not isinstance(user, str):
            return
    except (ValueError, TypeError, KeyError):
        return
    database = connect()
    try:
        database.execute("INSERT INTO users (id) VALUES (?) ON CONFLICT DO NOTHING", (user,))
    finally:
        database.close()


def collect():
    """Look into the queue; what is there is remembered first and acknowledged then."""
    parameters = pika.URLParameters(os.environ["AMQP_URL"])
    while True:
        try:
            connection = pika.BlockingConnection(parameters)
            channel = connection.channel()
            channel.exchange_declare("shop.events", "topic", durable=True)
            channel.queue_declare(QUEUE, durable=True)
            channel.queue_bind(QUEUE, "shop.events", "user.registered")
            subscribed.set()
            while True:
                got, _, body = channel.basic_get(QUEUE)
                if got is None:
                    connection.sleep(0.1)
                    continue
                try:
                    remember(body)
                except sqlite3.OperationalError:
                    channel.basic_nack(got.delivery_tag)
                    connection.sleep(0.3)
                else:
                    channel.basic_ack(got.delivery_tag)
        except (pika.exceptions.AMQPError, OSError) as error:
            line = {"level": "warn", "service": "orders", "msg": f"once more: {error!r}"}
            print(json.dumps({"ts": time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime()), **line}), flush=True)
            time.sleep(0.5)


if __name__ == "__main__":
    setup = connect()
    setup.execute("CREATE TABLE IF NOT EXISTS users (id TEXT PRIMARY KEY)")
    setup.execute("CREATE TABLE IF NOT EXISTS orders (id TEXT PRIMARY KEY, user_id TEXT, amount INTEGER)")
    setup.close()
    threading.Thread(target=collect, daemon=True).start()
    signal.signal(signal.SIGTERM, lambda *_: sys.exit())
    waitress.serve(app, host=os.environ["HOST"], port=int(os.environ["PORT"]), threads=4, _quiet=True)
