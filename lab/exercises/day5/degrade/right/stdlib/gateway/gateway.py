"""The gateway on Python's standard library: http.server in front, urllib behind, a thread for each part of a page."""

import json
import os
import signal
import sys
import threading
import time
from collections import OrderedDict
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime
from http.client import HTTPException
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from urllib.error import HTTPError
from urllib.parse import quote, unquote
from urllib.request import ProxyHandler, build_opener

TIMEOUT = int(os.environ.get("HTTP_TIMEOUT_MS", "1000")) / 1000
STALE_MAX = float(os.environ.get("STALE_MAX_S", "60"))
OPTIONAL = {
    "reco": os.environ["RECO_URL"] + "/recommendations/{}",
    "orders": os.environ["ORDERS_URL"] + "/orders?user_id={}",
}

opener = build_opener(ProxyHandler({}))
workers = ThreadPoolExecutor(max_workers=200)


class Down(Exception):
    pass


class Unknown(Exception):
    pass


class Memory:
    """The last good list of each user and dependency; the oldest go when there are too many."""

    def __init__(self, most=10_000):
        self._most = most
        self._lists = OrderedDict()
        self._lock = threading.Lock()

    def keep(self, key, items):
        with self._lock:
            self._lists[key] = (time.monotonic(), items)
            self._lists.move_to_end(key)
            if len(self._lists) > self._most:
                self._lists.popitem(last=False)

    def recall(self, key):
        """The list, or None if there is none that is young enough."""
        with self._lock:
            kept_at, items = self._lists.get(key, (float("-inf"), None))
        return items if time.monotonic() - kept_at <= STALE_MAX else None


memory = Memory()
fallbacks = dict.fromkeys(OPTIONAL, 0)
fallbacks_lock = threading.Lock()


def log(level, message, **more):
    line = {"ts": datetime.now(UTC).isoformat(), "level": level, "service": "gateway", "msg": message, **more}
    print(json.dumps(line), flush=True)


def fetch(url):
    """A JSON object. Raises Unknown after a 404, Down for whatever else is no answer."""
    try:
        with opener.open(url, timeout=TIMEOUT) as answer:
            body = json.loads(answer.read())
    except HTTPError as error:
        raise (Unknown if error.code == 404 else Down)(error.code) from error
    except (OSError, HTTPException, ValueError) as error:
        raise Down(repr(error)) from error
    if not isinstance(body, dict):
        raise Down("not an object")
    return body


def fetch_items(url):
    items = fetch(url).get("items")
    if not isinstance(items, list):
        raise Down("no items")
    return items


def within(deadline, future):
    """urllib bounds each read; the whole is bounded here."""
    try:
        return future.result(max(0, deadline - time.monotonic()))
    except TimeoutError:
        raise Down("timeout") from None


def home(user_id):
    deadline = time.monotonic() + TIMEOUT
    quoted = quote(user_id, safe="")
    user = workers.submit(fetch, f"{os.environ['USERS_URL']}/users/{quoted}")
    parts = {name: workers.submit(fetch_items, url.format(quoted)) for name, url in OPTIONAL.items()}
    page = {"user": within(deadline, user), "degraded": [], "stale": False}
    for name, field in (("reco", "recommendations"), ("orders", "orders")):
        try:
            page[field] = within(deadline, parts[name])
            memory.keep((user_id, name), page[field])
        except (Down, Unknown) as error:
            log("warn", f"{name} is replaced", error=repr(error))
            page["degraded"].append(name)
            known = memory.recall((user_id, name))
            page[field] = known or []
            page["stale"] |= known is not None
    with fallbacks_lock:
        for name in page["degraded"]:
            fallbacks[name] += 1
    return page


class Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def do_GET(self):
        if self.path.startswith("/home/"):
            try:
                self.answer(200, home(unquote(self.path.removeprefix("/home/"))))
            except Unknown:
                self.problem(404, "unknown_user")
            except Down as error:
                log("error", "users is down", error=repr(error))
                self.problem(503, "users_unavailable")
        elif self.path == "/metrics":
            lines = [f'fallback_total{{dependency="{name}"}} {count}\n' for name, count in fallbacks.items()]
            self.send(200, "text/plain; version=0.0.4", "".join(lines).encode())
        elif self.path == "/healthz":
            self.answer(200, {"status": "alive"})
        elif self.path == "/readyz":
            self.answer(200, {"status": "ready", "checks": {}})
        else:
            self.problem(404, "not_found")

    def answer(self, status, body):
        self.send(status, "application/json", json.dumps(body).encode())

    def problem(self, status, code):
        body = {"title": self.responses[status][0], "status": status, "code": code}
        self.send(status, "application/problem+json", json.dumps(body).encode())

    def send(self, status, kind, body):
        self.send_response(status)
        self.send_header("Content-Type", kind)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_args):
        """Our own lines say enough."""


def main():
    server = ThreadingHTTPServer((os.environ.get("HOST", "127.0.0.1"), int(os.environ["PORT"])), Handler)
    signal.signal(signal.SIGTERM, lambda *_: threading.Thread(target=server.shutdown).start())
    server.serve_forever()
    sys.exit(0)


if __name__ == "__main__":
    main()
