"""The gateway: Flask on threads, requests for the call, tenacity for the attempts."""

import json
import os
import queue
import signal
import sys
import threading
import time
from datetime import UTC, datetime
from urllib.parse import quote

import requests
import tenacity
from flask import Flask, Response, jsonify
from werkzeug.serving import WSGIRequestHandler, make_server


def seconds(name, fallback_ms):
    return int(os.environ.get(name, fallback_ms)) / 1000


USERS = os.environ["USERS_URL"] + "/users/"
HTTP_TIMEOUT = seconds("HTTP_TIMEOUT_MS", 4000)
TOTAL_TIMEOUT = seconds("TOTAL_TIMEOUT_MS", 8000)
BASE = seconds("RETRY_BASE_MS", 200)
CAP = seconds("RETRY_CAP_MS", 3000)
ATTEMPTS = int(os.environ.get("RETRY_ATTEMPTS", "4"))
TEMPORARY = {429, 502, 503, 504}

app = Flask(__name__)


class NoAnswer(Exception):
    pass


class Budget:
    """The retries that the whole process has left: one each, and a tenth comes back with each request."""

    def __init__(self, size):
        self._size = self._left = size
        self._lock = threading.Lock()

    def put_back(self):
        with self._lock:
            self._left = min(self._size, self._left + 0.1)

    def take(self):
        with self._lock:
            if self._left < 1:
                return False
            self._left -= 1
            return True


budget = Budget(int(os.environ.get("RETRY_BUDGET", "100")))


def log(level, message, **more):
    line = {"ts": datetime.now(UTC).isoformat(), "level": level, "service": "gateway", "msg": message, **more}
    print(json.dumps(line), flush=True)


def call(user_id, limit):
    """One attempt, over within the limit: requests' own timeout bounds each read, not the whole answer."""
    outcome = queue.SimpleQueue()

    def ask():
        try:
            outcome.put(requests.get(USERS + quote(user_id, safe=""), timeout=limit, allow_redirects=False))
        except requests.RequestException as error:
            outcome.put(error)

    threading.Thread(target=ask, daemon=True).start()
    try:
        answer = outcome.get(timeout=limit)
    except queue.Empty:
        raise NoAnswer("timeout") from None
    if isinstance(answer, Exception):
        raise NoAnswer(repr(answer))
    return answer


def worth_another(answer):
    return answer.status_code in TEMPORARY and answer.headers.get("X-Should-Retry") != "false"


def retry_after(outcome):
    """Seconds that users asks for, or none."""
    if outcome.failed:
        return 0
    try:
        return float(outcome.result().headers.get("Retry-After", 0))
    except ValueError:
        return 0


full_jitter = tenacity.wait_random_exponential(multiplier=BASE, max=CAP)


def pause(state):
    return retry_after(state.outcome) + full_jitter(state)


def attempts():
    """A policy for one request; the budget is asked last, when nothing else speaks against a retry."""
    return tenacity.Retrying(
        retry=tenacity.retry_if_exception_type(NoAnswer) | tenacity.retry_if_result(worth_another),
        wait=pause,
        stop=tenacity.stop_any(
            tenacity.stop_after_attempt(ATTEMPTS),
            tenacity.stop_before_delay(TOTAL_TIMEOUT),
            lambda _state: not budget.take(),
        ),
        before_sleep=lambda state: log("warn", "users is asked again", attempt=state.attempt_number),
        retry_error_callback=lambda state: None if state.outcome.failed else state.outcome.result(),
    )


@app.get("/users/<path:user_id>")
def show(user_id):
    budget.put_back()
    deadline = time.monotonic() + TOTAL_TIMEOUT
    answer = attempts()(lambda: call(user_id, max(0.001, min(HTTP_TIMEOUT, deadline - time.monotonic()))))
    if answer is None or answer.status_code >= 500:
        return given_up(jsonify(title="Service Unavailable", status=503, code="users_unavailable"), 503)
    passed = Response(answer.content, answer.status_code, content_type=answer.headers.get("Content-Type"))
    if "Retry-After" in answer.headers:
        passed.headers["Retry-After"] = answer.headers["Retry-After"]
    return given_up(passed, 429) if answer.status_code == 429 else passed


def given_up(answer, status):
    """Whoever stands before us need not try again."""
    answer.status_code = status
    answer.headers["X-Should-Retry"] = "false"
    if status == 503:
        answer.content_type = "application/problem+json"
    return answer


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
