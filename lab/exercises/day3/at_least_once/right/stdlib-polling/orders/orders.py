"""Orders without a framework: http.server answers, and each order opens a connection to the broker of its own."""

import json
import os
import signal
import threading
import uuid
from datetime import UTC, datetime
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pika
from pika.exceptions import AMQPError

ENV = os.environ
PATIENCE = int(ENV.get("CONFIRM_TIMEOUT_MS", "3000")) / 1000


def broker():
    parameters = pika.URLParameters(ENV["AMQP_URL"])
    parameters.socket_timeout = parameters.stack_timeout = PATIENCE
    return pika.BlockingConnection(parameters)


def publish(event, outcome):
    """Set the outcome when the broker has said yes. Runs in a thread that nobody waits for longer than PATIENCE."""
    properties = pika.BasicProperties(
        message_id=event["id"],
        correlation_id=event["correlationid"],
        content_type="application/cloudevents+json",
        delivery_mode=2,
    )
    for _ in range(2):
        try:
            with broker() as connection:
                channel = connection.channel()
                channel.exchange_declare("shop.events", exchange_type="topic", durable=True)
                channel.confirm_delivery()
                channel.basic_publish("shop.events", event["type"], json.dumps(event), properties)
                outcome.set()
            return
        except (AMQPError, OSError) as error:
            say(f"not published: {error!r}")


def say(text):
    stamp = datetime.now(UTC).isoformat()
    print(json.dumps({"ts": stamp, "level": "info", "service": "orders", "msg": text}), flush=True)


class Handler(BaseHTTPRequestHandler):
    def do_GET(self):
        known = self.path in ("/healthz", "/readyz")
        self.answer(*((200, {"status": "ready", "checks": {}}) if known else (404, {"status": 404, "code": "unknown"})))

    def do_POST(self):
        wanted = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
        made = {"id": uuid.uuid4().hex, "user_id": wanted["user_id"], "amount": wanted["amount"]}
        event = {
            "specversion": "1.0",
            "id": uuid.uuid4().hex,
            "source": "/orders",
            "type": "order.created",
            "time": datetime.now(UTC).isoformat(),
            "correlationid": self.headers.get("X-Request-ID", ""),
            "data": {"order_id": made["id"], "user_id": made["user_id"], "amount": made["amount"]},
        }
        confirmed = threading.Event()
        threading.Thread(target=publish, args=(event, confirmed), daemon=True).start()
        if confirmed.wait(PATIENCE):
            self.answer(201, made)
        else:
            self.answer(503, {"title": "Service Unavailable", "status": 503, "code": "broker_unavailable"})

    def answer(self, status, fields):
        body = json.dumps(fields).encode()
        self.send_response(status)
        self.send_header("Content-Type", "application/json" if status < 400 else "application/problem+json")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, form, *values):
        say(form % values)


if __name__ == "__main__":
    ThreadingHTTPServer.request_queue_size = 64
    server = ThreadingHTTPServer((ENV["HOST"], int(ENV["PORT"])), Handler)
    signal.signal(signal.SIGTERM, lambda *_: threading.Thread(target=server.shutdown).start())
    server.serve_forever()
