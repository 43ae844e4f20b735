"""The gateway on Flask's threads."""

import os
import threading
from urllib.parse import quote

from flask import Flask, Response, request

from common import Neighbour, number, problem, run, watch

app = Flask(__name__)
users = Neighbour("users", os.environ["USERS_URL"])
orders = Neighbour(
    "orders",
    os.environ["ORDERS_URL"],
    (number("TOTAL_TIMEOUT_MS", 8000) + number("HTTP_TIMEOUT_MS", 2000)) / 1000,
)
places = threading.Semaphore(number("BULKHEAD_ORDERS_MAX", 8))
watch(app, users, orders)


def on(answer):
    status, headers, text = answer
    kept = {name: headers[name] for name in ("Content-Type", "Retry-After") if name in headers}
    return Response(text, status, kept)


@app.get("/users/<id>")
def user(id):
    return on(users.call("GET", f"/users/{quote(id, safe='')}"))


@app.post("/orders")
def order():
    body = request.get_json(silent=True)
    if not isinstance(body, dict) or "user_id" not in body:
        return problem(400, "invalid_request")
    if not places.acquire(timeout=number("BULKHEAD_QUEUE_MS", 200) / 1000):
        return problem(503, "busy", **{"Retry-After": "1"})
    try:
        return on(orders.call("POST", "/orders", body))
    finally:
        places.release()


@app.post("/login")
def login():
    body = request.get_json(silent=True)
    if not isinstance(body, dict):
        return problem(400, "invalid_request")
    return on(users.call("POST", "/sessions", body))


if __name__ == "__main__":
    run(app)
