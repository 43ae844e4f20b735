"""The gateway on Flask's threads."""

import os
import signal
import sys
import threading
from urllib.parse import quote

from flask import Flask, request
from werkzeug.serving import WSGIRequestHandler, make_server

from seen import Neighbour, problem, watch

app = Flask(__name__)
TIMEOUT = int(os.environ.get("HTTP_TIMEOUT_MS", "500")) / 1000
users = Neighbour("users", os.environ["USERS_URL"], TIMEOUT)
orders = Neighbour("orders", os.environ["ORDERS_URL"], 2 * TIMEOUT)
watch(app, users, orders)


@app.get("/users/<id>")
def user(id):
    status, found = users.call("GET", f"/users/{quote(id, safe='')}")
    return found if status == 200 else problem(404, "unknown_user")


@app.post("/orders")
def order():
    body = request.get_json(silent=True)
    if not isinstance(body, dict) or "user_id" not in body:
        return problem(400, "invalid_request")
    status, placed = orders.call("POST", "/orders", json=body)
    return (placed, 201) if status == 201 else problem(422, "unknown_user")


@app.post("/login")
def login():
    body = request.get_json(silent=True)
    if not isinstance(body, dict) or not isinstance(body.get("email"), str):
        return problem(400, "invalid_request")
    status, session = users.call("POST", "/sessions", json=body)
    return (session, 201) if status == 201 else problem(401, "wrong_password")


class Quiet(WSGIRequestHandler):
    def log(self, *_args):
        pass


def main():
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
