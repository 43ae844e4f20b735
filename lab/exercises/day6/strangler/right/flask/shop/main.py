"""Puts the modules that are on together; nobody imports this file."""

import os
import signal
import threading

from flask import Flask
from werkzeug.exceptions import HTTPException
from werkzeug.serving import WSGIRequestHandler, make_server

import toolbox
from modules import notifications, orders, users


def build(switched_on):
    app = Flask("shop")
    app.json.sort_keys = False
    app.config["MAX_CONTENT_LENGTH"] = 2_000_000
    app.teardown_appcontext(toolbox.close)
    app.register_error_handler(toolbox.Refused, lambda error: toolbox.problem(error.status, error.code))
    app.register_error_handler(HTTPException, lambda error: toolbox.problem(error.code, f"http_{error.code}"))
    app.get("/healthz")(lambda: {"status": "ready", "checks": {}})
    app.get("/readyz", endpoint="ready")(lambda: {"status": "ready", "checks": {}})

    if "users" in switched_on:
        app.register_blueprint(users.routes(has_orders=orders.has_orders if "orders" in switched_on else None))
    if "orders" in switched_on:
        known = users.exists if "users" in switched_on else orders.asking(os.environ["USERS_URL"])
        placed = [notifications.order_placed] if "notifications" in switched_on else []
        app.register_blueprint(orders.routes(is_user=known, when_placed=placed))
    if "notifications" in switched_on:
        app.register_blueprint(notifications.routes())
    return app


class Handler(WSGIRequestHandler):
    protocol_version = "HTTP/1.0"

    def log_request(self, code="-", size="-"):
        toolbox.log(self.requestline, status=int(code))


if __name__ == "__main__":
    switched_on = os.environ.get("MODULES") or "users,orders,notifications"
    switched_on = [name.strip() for name in switched_on.split(",")]
    database = toolbox.connect()
    database.execute("PRAGMA journal_mode = WAL")
    for module in (users, orders, notifications):
        if module.__name__.rpartition(".")[2] in switched_on:
            module.create_tables(database)
    database.close()
    server = make_server(
        os.environ["HOST"], int(os.environ["PORT"]), build(switched_on), threaded=True, request_handler=Handler
    )
    server.daemon_threads = False
    signal.signal(signal.SIGTERM, lambda *_: threading.Thread(target=server.shutdown).start())
    server.serve_forever()
