"""The gateway: Flask on threads, requests, and a breaker before each of two upstreams."""

import json
import os
import signal
import sys
import threading
from datetime import UTC, datetime
from urllib.parse import quote

import requests
from flask import Flask, Response, jsonify
from werkzeug.serving import WSGIRequestHandler, make_server

from breaker import Breaker, Open

TIMEOUT = int(os.environ.get("HTTP_TIMEOUT_MS", "1500")) / 1000

app = Flask(__name__)


class Down(Exception):
    pass


def log(level, message, **more):
    line = {"ts": datetime.now(UTC).isoformat(), "level": level, "service": "gateway", "msg": message, **more}
    print(json.dumps(line), flush=True)


def breaker(name):
    return Breaker(
        name,
        failures=int(os.environ.get("BREAKER_FAILURES", "5")),
        reset=int(os.environ.get("BREAKER_RESET_MS", "2000")) / 1000,
        probes=int(os.environ.get("BREAKER_HALF_OPEN_MAX", "1")),
        told=lambda name, state: log("warn", f"the breaker of {name} is {state}", event="breaker", state=state),
    )


users, reco = breaker("users"), breaker("reco")


def fetch(guard, url):
    """Status and JSON of an upstream that works, whatever it says. Raises Down or Open."""
    with guard.call(Down):
        try:
            answer = requests.get(url, timeout=TIMEOUT, allow_redirects=False)
            if answer.status_code >= 500:
                raise Down(answer.status_code)
            return answer.status_code, answer.json() if answer.ok else None
        except (requests.RequestException, ValueError) as error:
            raise Down from error


@app.get("/order-view/<path:customer>")
def order_view(customer):
    page = {"user": None, "recommendations": [], "degraded": False}
    try:
        status, user = fetch(users, f"{os.environ['USERS_URL']}/users/{quote(customer, safe='')}")
        if 400 <= status < 500:
            code = "unknown_user" if status == 404 else "users_refused"
            problem = jsonify(title="There is no page", status=status, code=code)
            problem.content_type = "application/problem+json"
            return problem, status
        page["user"] = user
    except (Down, Open):
        page["degraded"] = True
    try:
        status, body = fetch(reco, f"{os.environ['RECO_URL']}/recommendations/{quote(customer, safe='')}")
        page["recommendations"] = body["items"] if status == 200 else []
        page["degraded"] |= status != 200
    except (Down, Open):
        page["degraded"] = True
    return jsonify(page)


@app.get("/metrics")
def metrics():
    lines = []
    for guard in (users, reco):
        lines.append(f'breaker_state{{name="{guard.name}"}} {guard.state.metric}')
        lines.append(f'breaker_transitions_total{{name="{guard.name}"}} {guard.transitions}')
    return Response("\n".join(lines) + "\n", content_type="text/plain; version=0.0.4")


@app.get("/healthz")
def healthz():
    return jsonify(status="alive")


@app.get("/readyz")
def readyz():
    return jsonify(status="ready", checks={})


class Quiet(WSGIRequestHandler):
    def log(self, *_args):
        """Our own lines say enough."""


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
