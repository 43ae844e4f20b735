"""Notifications without a framework: one message at a time is fetched with basic.get, and a thread of its own works on
it while this one keeps the connection alive."""

import http.client
import json
import os
import signal
import threading
import time
from datetime import UTC, datetime
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from urllib.parse import urlsplit

import pika
from pika.exceptions import AMQPError

QUEUE = "notifications.order-created"
ENV = os.environ


def say(text):
    stamp = datetime.now(UTC).isoformat()
    print(json.dumps({"ts": stamp, "level": "info", "service": "notifications", "msg": text}), flush=True)


def mail(body):
    """Whether the message is done with."""
    try:
        event = json.loads(body)
        kind, order, user = event["type"], event["data"]["order_id"], event["data"]["user_id"]
    except (ValueError, KeyError, TypeError):
        say(f"unreadable: {body[:80]!r}")
        return True
    if kind != "order.created":
        return True
    mailer = urlsplit(ENV["NOTIFY_URL"])
    connection = http.client.HTTPConnection(mailer.netloc, timeout=int(ENV.get("HTTP_TIMEOUT_MS", "20000")) / 1000)
    letter = json.dumps({"user_id": user, "template": "order_created", "order_id": order})
    try:
        connection.request(
            "POST", mailer.path + "/notify", letter, {"Content-Type": "application/json", "Idempotency-Key": order}
        )
        return connection.getresponse().status == 202
    except (OSError, http.client.HTTPException) as error:
        say(f"no answer: {error!r}")
        return False
    finally:
        connection.close()


def work():
    while True:
        try:
            with pika.BlockingConnection(pika.URLParameters(ENV["AMQP_URL"])) as connection:
                fetch(connection)
        except (AMQPError, OSError) as error:
            say(f"the broker: {error!r}")
        time.sleep(0.4)


def fetch(connection):
    channel = connection.channel()
    channel.exchange_declare("shop.events", exchange_type="topic", durable=True)
    channel.queue_declare(QUEUE, durable=True)
    channel.queue_bind(QUEUE, "shop.events", "order.created")
    while True:
        method, _properties, body = channel.basic_get(QUEUE)  # fails where the queue is gone
        if method is None:
            connection.sleep(0.05)
            continue
        done = []
        worker = threading.Thread(target=lambda body=body, done=done: done.append(mail(body)), daemon=True)
        worker.start()
        while worker.is_alive():
            connection.sleep(0.01)
        if done and done[0]:
            channel.basic_ack(method.delivery_tag)
        else:
            connection.sleep(0.3)
            channel.basic_nack(method.delivery_tag, requeue=True)


class Handler(BaseHTTPRequestHandler):
    def do_GET(self):
        body = json.dumps({"status": "ready", "checks": {}}).encode()
        self.send_response(200 if self.path in ("/healthz", "/readyz") else 404)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, form, *values):
        say(form % values)


if __name__ == "__main__":
    threading.Thread(target=work, daemon=True).start()
    server = ThreadingHTTPServer((ENV["HOST"], int(ENV["PORT"])), Handler)
    signal.signal(signal.SIGTERM, lambda *_: threading.Thread(target=server.shutdown).start())
    server.serve_forever()
