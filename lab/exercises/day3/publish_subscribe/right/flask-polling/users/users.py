"""Users: Flask under waitress; one thread owns the connection to the broker and is handed events."""

import contextlib
import json
import os
import queue
import sqlite3
import sys
import threading
import time
import uuid

import pika
import waitress
from flask import Flask, Response, request

app = Flask(__name__)
outbound: queue.Queue = queue.Queue()
stopping = threading.Event()


def say(level, message):
    stamp = time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime())
    print(json.dumps({"ts": stamp, "level": level, "service": "users", "msg": message}), flush=True)


def refused(status, code):
    body = json.dumps({"title": code, "status": status, "code": code})
    return Response(body, status, content_type="application/problem+json")


def execute(sql, *values):
    connection = sqlite3.connect(os.environ["DATABASE_URL"][len("sqlite:///") :], timeout=2)
    try:
        with connection:
            connection.execute(sql, values)
    finally:
        connection.close()


@app.post("/users")
def register():
    fields = request.get_json(silent=True, force=True)
    if not isinstance(fields, dict):
        return refused(400, "bad_json")
    email, name = fields.get("email"), fields.get("name")
    if not (isinstance(email, str) and "@" in email and isinstance(name, str)):
        return refused(422, "bad_fields")
    ident = "user-" + uuid.uuid4().hex
    try:
        execute("INSERT INTO users (id, email, name) VALUES (?, ?, ?)", ident, email, name)
    except sqlite3.IntegrityError:
        return refused(409, "email_taken")
    except sqlite3.OperationalError:
        return refused(503, "try_later")
    outbound.put(
        {
            "specversion": "1.0",
            "type": "user.registered",
            "source": "/users",
            "id": uuid.uuid4().hex,
            "time": time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime()),
            "correlationid": request.headers.get("X-Request-ID", uuid.uuid4().hex),
            "data": {"user_id": ident, "email": email, "name": name},
        }
    )
    return {"id": ident, "email": email, "name": name}, 201


@app.get("/healthz")
@app.get("/readyz")
def health():
    return {"status": "ready", "checks": {}}


def publish_for_ever():
    waiting = None
    while True:
        try:
            with contextlib.closing(pika.BlockingConnection(pika.URLParameters(os.environ["AMQP_URL"]))) as connection:
                channel = connection.channel()
                channel.exchange_declare("shop.events", "topic", durable=True)
                channel.confirm_delivery()
                while True:
                    connection.process_data_events(0)  # heartbeats
                    if waiting is None:
                        with contextlib.suppress(queue.Empty):
                            waiting = outbound.get(timeout=0.2)
                    if waiting is not None:
                        channel.basic_publish("shop.events", waiting["type"], json.dumps(waiting), properties(waiting))
                        waiting = None
                    elif stopping.is_set():
                        return
        except (pika.exceptions.AMQPError, OSError) as error:
            say("warn", f"no broker: {error!r}")
            if stopping.is_set():
                return
            time.sleep(0.5)


def properties(event):
    return pika.BasicProperties(
        content_type="application/cloudevents+json",
        delivery_mode=pika.DeliveryMode.Persistent.value,
        message_id=event["id"],
        correlation_id=event["correlationid"],
    )


if __name__ == "__main__":
    import signal

    execute("CREATE TABLE IF NOT EXISTS users (id TEXT PRIMARY KEY, email TEXT NOT NULL UNIQUE, name TEXT NOT NULL)")
    publisher = threading.Thread(target=publish_for_ever)
    publisher.start()
    signal.signal(signal.SIGTERM, lambda *_: sys.exit())
    try:
        waitress.serve(app, host=os.environ["HOST"], port=int(os.environ["PORT"]), threads=8, _quiet=True)
    finally:
        stopping.set()
        publisher.join(6)
