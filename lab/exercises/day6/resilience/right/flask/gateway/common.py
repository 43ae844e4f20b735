"""What both programs share: hooks around requests, and neighbours that are asked with care. Threads, so locks."""

import json
import os
import random
import signal
import sys
import threading
import time
import uuid
from collections import deque
from datetime import UTC, datetime

import requests
from flask import Response, g, has_request_context, request
from prometheus_client import CONTENT_TYPE_LATEST, Counter, Gauge, Histogram, generate_latest
from werkzeug.serving import WSGIRequestHandler, make_server

SERVICE = os.environ.get("SERVICE_NAME", "service")
answered = Counter("http_requests_total", "Answered requests", ["method", "route", "status"])
took = Histogram("http_request_duration_seconds", "Durations", ["method", "route"], buckets=(0.1, 0.25, 0.5, 1, 2, 5))
called = Counter("dependency_requests_total", "Calls", ["dependency", "outcome"])
again = Counter("retries_total", "Calls made again", ["dependency"])
breakers = Gauge("breaker_state", "0 closed, 1 open, 2 half-open", ["name"])
_out = threading.Lock()


def number(name, fallback):
    return int(os.environ.get(name) or fallback)


def say(level, msg, **more):
    line = {"ts": datetime.now(UTC).isoformat(), "level": level, "service": SERVICE, "msg": msg}
    if has_request_context():
        line["request_id"] = g.id
    with _out:
        sys.stdout.write(json.dumps(line | more) + "\n")
        sys.stdout.flush()


class Unavailable(Exception):
    def __init__(self, name):
        self.name = name


class Trouble(Exception):
    """A call that failed, and how; `worth` says whether another one may end better."""

    def __init__(self, why, worth, wait=0.0):
        self.why, self.worth, self.wait = why, worth, wait


class Breaker:
    """Counts failures in a row. Whoever may call gets a ticket, and tickets of another age count for nothing."""

    def __init__(self, name):
        self.name = name
        self.limit, self.rest = number("BREAKER_FAILURES", 5), number("BREAKER_RESET_MS", 2000) / 1000
        self.lock, self.bad, self.until, self.age, self.probing = threading.Lock(), 0, None, 0, False
        breakers.labels(name).set(0)

    def ticket(self):
        with self.lock:
            if self.until is None:
                return self.age
            if time.monotonic() < self.until or self.probing:
                return None
            self.probing = True
            breakers.labels(self.name).set(2)
            return self.age

    def tell(self, ticket, good):
        with self.lock:
            if ticket != self.age:
                return
            if good:
                self.bad = 0
                if self.until is not None:
                    self.until, self.probing, self.age = None, False, self.age + 1
                    breakers.labels(self.name).set(0)
                return
            self.bad += 1
            if self.until is not None or self.bad >= self.limit:
                self.until, self.probing, self.age = time.monotonic() + self.rest, False, self.age + 1
                breakers.labels(self.name).set(1)


class Neighbour:
    def __init__(self, name, url, patience=None):
        self.name, self.url, self.last = name, url, "ok"
        self.each = patience or number("HTTP_TIMEOUT_MS", 2000) / 1000
        self.all = patience or number("TOTAL_TIMEOUT_MS", 8000) / 1000
        self.breaker = Breaker(name)
        again.labels(name)

    def call(self, method, path, body=None, tries=None):
        """Status, headers and bytes of an answer below 500. Raises Unavailable."""
        end = time.monotonic() + self.all
        left = tries or (number("RETRY_ATTEMPTS", 4) if method == "GET" else 1)
        waits = deque(min(number("RETRY_CAP_MS", 3000), number("RETRY_BASE_MS", 200) * 2**n) for n in range(left))
        while True:
            left -= 1
            ticket = self.breaker.ticket()
            if ticket is None:
                raise Unavailable(self.name)
            try:
                answer = self.once(method, path, body, end)
            except Trouble as trouble:
                self.breaker.tell(ticket, False)
                self.last = trouble.why
                called.labels(self.name, "error").inc()
                say("error", f"{self.name}: {trouble.why}", dependency=self.name, why=trouble.why)
                answer, why = None, trouble
            else:
                self.breaker.tell(ticket, True)
                self.last = "ok"
                called.labels(self.name, "ok").inc()
                if answer[0] != 429:
                    return answer
                why = Trouble("429", True, seconds(answer[1]))
            pause = max(why.wait, waits.popleft() / 1000 * random.uniform(0.5, 1))
            if not left or not why.worth or time.monotonic() + pause > end:
                if answer:
                    return answer
                raise Unavailable(self.name)
            again.labels(self.name).inc()
            time.sleep(pause)

    def once(self, method, path, body, end):
        """One call, read in pieces so that the clock is looked at between them."""
        stop = min(end, time.monotonic() + self.each)
        text = b""
        try:
            with requests.request(
                method, self.url + path, json=body, headers={"X-Request-ID": g.id}, stream=True,
                timeout=max(0.001, stop - time.monotonic()),
            ) as got:  # fmt: skip
                for piece in got.iter_content(1 if got.headers.get("Content-Length", "x").isdecimal() else None):
                    text += piece
                    if time.monotonic() > stop:
                        raise Trouble("timeout", True)
        except requests.exceptions.Timeout:
            raise Trouble("timeout", True) from None
        except requests.exceptions.ConnectionError as error:
            if "timed out" in str(error):
                raise Trouble("timeout", True) from None
            raise Trouble("refused" if "refused" in str(error) else "broken", True) from None
        except requests.RequestException:
            raise Trouble("broken", True) from None
        if got.status_code >= 500:
            raise Trouble("5xx", got.status_code in (502, 503, 504), seconds(got.headers))
        if got.status_code < 300:
            try:
                good = isinstance(json.loads(text), dict)
            except ValueError:
                good = False
            if not good:
                raise Trouble("broken", True)
        return got.status_code, got.headers, text


def seconds(headers):
    said = headers.get("Retry-After", "")
    return float(said) if said.isdecimal() else 0.0


def problem(status, code, **headers):
    body = json.dumps({"status": status, "code": code})
    return Response(body, status, headers, content_type="application/problem+json")


def watch(app, *neighbours):
    @app.before_request
    def begin():
        g.began = time.perf_counter()
        g.id = request.headers.get("X-Request-ID") or uuid.uuid4().hex

    @app.after_request
    def end(response):
        rule = request.url_rule.rule.replace("<", "{").replace(">", "}") if request.url_rule else "none"
        response.headers["X-Request-ID"] = g.id
        answered.labels(request.method, rule, str(response.status_code)).inc()
        took.labels(request.method, rule).observe(time.perf_counter() - g.began)
        if rule not in ("/healthz", "/readyz", "/metrics"):
            say("info", f"{request.method} {rule}", status=response.status_code)
        return response

    @app.errorhandler(Unavailable)
    def unavailable(error):
        return problem(503, f"{error.name}_unavailable")

    @app.get("/metrics")
    def metrics():
        return Response(generate_latest(), content_type=CONTENT_TYPE_LATEST)

    @app.get("/healthz")
    def healthz():
        return {"status": "alive"}

    @app.get("/readyz")
    def readyz():
        checks = {one.name: one.last for one in neighbours}
        return {"status": "ready" if set(checks.values()) <= {"ok"} else "degraded", "checks": checks}


class Quiet(WSGIRequestHandler):
    def log(self, *_args):
        pass


def run(app):
    server = make_server(
        os.environ.get("HOST", "127.0.0.1"), int(os.environ["PORT"]), app, threaded=True, request_handler=Quiet
    )
    signal.signal(signal.SIGTERM, lambda *_: threading.Thread(target=server.shutdown).start())
    server.serve_forever()
    server.server_close()
    sys.exit(0)
