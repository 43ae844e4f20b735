"""Payments without a framework: http.server answers, and one message at a time is fetched with basic.get."""

import http.client
import json
import os
import signal
import sqlite3
import threading
import time
from contextlib import closing
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from urllib.parse import parse_qs, urlsplit

import pika
from pika.exceptions import AMQPError

QUEUE = "payments.order-created"
ENV = os.environ


class Undecided(Exception):
    """The provider has not said yes or no, or the decision could not be written down."""


def database():
    path = ENV["DATABASE_URL"].partition("sqlite:///")[2]
    return closing(sqlite3.connect(path, timeout=2, isolation_level=None))


def payment_of(order):
    with database() as db:
        rows = db.execute("SELECT order_id, amount, status, charge_id FROM payments WHERE order_id = ?", (order,))
        return [dict(zip(("order_id", "amount", "status", "charge_id"), row, strict=True)) for row in rows]


def charge(order, amount):
    """(status, charge_id), asked with no transaction open."""
    provider = urlsplit(ENV["PAYMENT_URL"])
    connection = http.client.HTTPConnection(provider.netloc, timeout=int(ENV.get("HTTP_TIMEOUT_MS", 2000)) / 1000)
    body = json.dumps({"order_id": order, "amount": amount})
    try:
        connection.request(
            "POST",
            provider.path + "/charges",
            body,
            {"Content-Type": "application/json", "Idempotency-Key": order},
        )
        answer = connection.getresponse()
        if answer.status not in (201, 402):
            raise Undecided(f"the provider says {answer.status}")
        said = json.loads(answer.read())
    except (OSError, http.client.HTTPException, ValueError) as error:
        raise Undecided(f"no answer: {error!r}") from error
    finally:
        connection.close()
    return ("approved" if answer.status == 201 else "declined"), said.get("id")


def settle(body):
    """Raises Undecided. Whatever is no new order is done with."""
    try:
        event = json.loads(body)
        kind, order, amount = event["type"], event["data"]["order_id"], event["data"]["amount"]
    except (ValueError, KeyError, TypeError):
        return say("warn", f"unreadable: {body[:80]!r}")
    if kind != "order.created":
        return None
    try:
        if payment_of(order):
            return None
        status, ident = charge(order, amount)
        with database() as db:
            db.execute("INSERT OR IGNORE INTO payments VALUES (?, ?, ?, ?)", (order, amount, status, ident))
    except sqlite3.Error as error:
        raise Undecided(str(error)) from error
    return None


def work():
    while True:
        try:
            with pika.BlockingConnection(pika.URLParameters(ENV["AMQP_URL"])) as connection:
                channel = connection.channel()
                channel.exchange_declare("shop.events", exchange_type="topic", durable=True)
                channel.queue_declare(QUEUE, durable=True)
                channel.queue_bind(QUEUE, "shop.events", "order.created")
                while True:
                    method, _properties, body = channel.basic_get(QUEUE)
                    if method is None:
                        connection.sleep(0.05)
                        continue
                    try:
                        settle(body)
                        channel.basic_ack(method.delivery_tag)
                    except Undecided as why:
                        say("warn", str(why))
                        channel.basic_nack(method.delivery_tag, requeue=True)
                        connection.sleep(0.4)
        except (AMQPError, OSError) as error:
            say("warn", f"the broker: {error!r}")
            time.sleep(0.4)


def say(level, text):
    stamp = time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime())
    print(json.dumps({"ts": stamp, "level": level, "service": "payments", "msg": text}), flush=True)


class Handler(BaseHTTPRequestHandler):
    def do_GET(self):
        asked = urlsplit(self.path)
        if asked.path == "/payments":
            self.answer(200, {"items": payment_of(parse_qs(asked.query).get("order_id", [""])[0])})
        elif asked.path in ("/healthz", "/readyz"):
            self.answer(200, {"status": "ready", "checks": {}})
        else:
            self.answer(404, {"title": "Not Found", "status": 404, "code": "not_found"})

    def answer(self, status, fields):
        body = json.dumps(fields).encode()
        self.send_response(status)
        self.send_header("Content-Type", "application/json" if status == 200 else "application/problem+json")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, form, *values):
        say("info", form % values)


if __name__ == "__main__":
    with database() as db:
        db.execute("PRAGMA journal_mode = WAL")
        db.execute(
            "CREATE TABLE IF NOT EXISTS payments (order_id TEXT UNIQUE, amount INTEGER, status TEXT, charge_id TEXT)"
        )
    threading.Thread(target=work, daemon=True).start()
    server = ThreadingHTTPServer((ENV["HOST"], int(ENV["PORT"])), Handler)
    signal.signal(signal.SIGTERM, lambda *_: threading.Thread(target=server.shutdown).start())
    server.serve_forever()
