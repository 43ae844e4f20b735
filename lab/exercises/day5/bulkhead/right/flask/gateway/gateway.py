"""The gateway on Flask's threads: semaphores that are tried and never waited for."""

import json
import os
import signal
import sys
import threading
from contextlib import ExitStack, contextmanager
from datetime import UTC, datetime
from urllib.parse import quote

import requests
from flask import Flask, jsonify
from werkzeug.serving import WSGIRequestHandler, make_server

TIMEOUT = int(os.environ.get("HTTP_TIMEOUT_MS", "8000")) / 1000

app = Flask(__name__)


class Busy(Exception):
    pass


class Down(Exception):
    def __init__(self, name):
        self.name = name


class Room:
    def __init__(self, variable, default):
        self.free = threading.BoundedSemaphore(int(os.environ.get(variable, default)))

    @contextmanager
    def entered(self):
        if not self.free.acquire(blocking=False):
            raise Busy
        try:
            yield
        finally:
            self.free.release()


process = Room("MAX_INFLIGHT", "32")
rooms = {"report": Room("BULKHEAD_REPORT_MAX", "4"), "users": Room("BULKHEAD_USERS_MAX", "16")}


def ask(name, path):
    """Status and JSON of a service that works. Raises Busy or Down."""
    with ExitStack() as stack:
        stack.enter_context(process.entered())
        stack.enter_context(rooms[name].entered())
        try:
            answer = requests.get(os.environ[f"{name.upper()}_URL"] + path, timeout=TIMEOUT)
            if answer.status_code >= 500:
                raise Down(name)
            return answer.status_code, answer.json()
        except (requests.RequestException, ValueError) as error:
            log("warn", f"{name}: {error}")
            raise Down(name) from error


@app.get("/report")
def report():
    status, figures = ask("report", "/report")
    if status != 200:
        raise Down("report")
    return jsonify(figures)


@app.get("/users/<user_id>")
def user(user_id):
    status, found = ask("users", f"/users/{quote(user_id, safe='')}")
    if status == 404:
        return problem(404, "unknown_user")
    if status != 200:
        raise Down("users")
    return jsonify(found)


@app.errorhandler(Busy)
def busy(_):
    answer = problem(503, "busy")
    answer.headers["Retry-After"] = "5"
    return answer


@app.errorhandler(Down)
def down(error):
    return problem(503, f"{error.name}_unavailable")


def problem(status, code):
    answer = jsonify(title=code.replace("_", " "), status=status, code=code)
    answer.status_code, answer.content_type = status, "application/problem+json"
    return answer


@app.get("/healthz")
def healthz():
    return jsonify(status="alive")


@app.get("/readyz")
def readyz():
    return jsonify(status="ready", checks={})


def log(level, message):
    line = {"ts": datetime.now(UTC).isoformat(), "level": level, "service": "gateway", "msg": message}
    print(json.dumps(line), flush=True)


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
