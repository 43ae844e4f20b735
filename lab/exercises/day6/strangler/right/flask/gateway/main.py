"""The gateway: one lock that every write to users holds from its beginning to the end of its copy. So a switch, which
takes the same lock, finds nobody on his way. The other side is given everybody at once, each time."""

import http.client
import json
import os
import random
import signal
import sqlite3
import sys
import threading
from urllib.parse import quote, urlsplit

from flask import Flask, Response, jsonify, request
from werkzeug.serving import WSGIRequestHandler, make_server

PATH = os.environ["DATABASE_URL"].removeprefix("sqlite:///")
TIMEOUT = int(os.environ.get("HTTP_TIMEOUT_MS", "4000")) / 1000
METHODS = ["GET", "POST", "PUT", "PATCH", "DELETE"]
app = Flask(__name__)
writing = threading.RLock()
counting = threading.Lock()


class Silent(Exception):
    """There was no answer."""


class Side:
    def __init__(self, variable):
        self.address = urlsplit(os.environ[variable])

    def ask(self, method, path, body=None, kind="application/json"):
        connection = http.client.HTTPConnection(self.address.hostname, self.address.port, timeout=TIMEOUT)
        try:
            headers = {"Content-Type": kind, "X-Request-ID": request.headers.get("X-Request-ID", "") if request else ""}
            connection.request(method, path, body, headers)
            answer = connection.getresponse()
            return answer.status, answer.getheader("Content-Type", ""), answer.read()
        except (OSError, http.client.HTTPException) as error:
            raise Silent(f"{self.address.netloc}: {error!r}") from None
        finally:
            connection.close()

    def everybody(self):
        found, cursor = [], ""
        while True:
            status, _, body = self.ask("GET", f"/users?limit=100{cursor}")
            if status != 200:
                raise Silent(f"{status} instead of users")
            page = json.loads(body)
            found += page["items"]
            if not page["next_cursor"]:
                return found
            cursor = "&cursor=" + quote(page["next_cursor"])

    def take(self, users):
        status, _, _ = self.ask("PUT", "/from-the-other-side", json.dumps({"users": users}))
        if status != 204:
            raise Silent(f"{status} instead of 204")


SHOP, USERS = Side("SHOP_URL"), Side("USERS_URL")
state = {"target": "legacy", "alike": False, "mismatches": 0}


def table(sql, *values):
    with sqlite3.connect(PATH) as db:
        return db.execute(sql, values).fetchall()


def sides(target):
    return (USERS, SHOP) if target == "new" else (SHOP, USERS)


def problem(status, code):
    answer = jsonify(title=code, status=status, code=code)
    answer.mimetype = "application/problem+json"
    return answer, status


def passed(answer):
    status, kind, body = answer
    return Response(body, status, content_type=kind)


def copy():
    """Everything, with the lock held."""
    decides, follows = sides(state["target"])
    state["alike"] = False
    follows.take(decides.everybody())
    state["alike"] = True


def share(target):
    number = target.removeprefix("percent:")
    return int(number) if target.startswith("percent:") and number.isdecimal() and int(number) <= 100 else None


@app.put("/admin/routes")
def turn():
    asked = request.get_json(force=True)
    target = asked.get("target")
    if asked.get("prefix") != "/users" or not (target in ("legacy", "new", "shadow") or share(str(target)) is not None):
        return problem(422, "unknown_target")
    with writing:
        if target != "legacy" or state["target"] == "new":
            try:
                copy()
            except Silent:
                return problem(503, "not_copied")
        table("INSERT OR REPLACE INTO routes VALUES ('/users', ?)", target)
        state["target"] = target
    return asked


@app.route("/users", methods=METHODS)
@app.route("/users/<path:ident>", methods=METHODS)
def users(ident=""):
    path = request.environ["REQUEST_URI"]
    body, kind = request.get_data(), request.headers.get("Content-Type", "application/json")
    try:
        if request.method != "GET":
            return write(path, body, kind)
        if not ident:
            return passed(sides(state["target"])[0].ask("GET", path))
        return read(state["target"], path)
    except Silent:
        return problem(503, "users_unavailable")


def write(path, body, kind):
    with writing:
        state["alike"] = False
        answer = sides(state["target"])[0].ask(request.method, path, body, kind)
        if state["target"] != "legacy":
            try:
                copy()
            except Silent as reason:
                print(json.dumps({"level": "warn", "msg": f"not copied: {reason}"}), flush=True)
    return passed(answer)


def read(target, path):
    if target == "new" or (state["alike"] and random.random() * 100 < (share(target) or 0)):
        try:
            answer = USERS.ask("GET", path)
            if answer[0] < 500:
                return passed(answer)
        except Silent:
            pass
        answer = SHOP.ask("GET", path)
        return problem(503, "users_unavailable") if target == "new" and answer[0] != 200 else passed(answer)
    answer = SHOP.ask("GET", path)
    if target == "shadow":
        threading.Thread(target=compare, args=(path, answer), daemon=True).start()
    return passed(answer)


def compare(path, answer):
    for old in (answer, None):
        try:
            old, new = old or SHOP.ask("GET", path), USERS.ask("GET", path)
        except Silent:
            continue
        if old[0] == new[0] and (old[0] != 200 or json.loads(old[2]) == json.loads(new[2])):
            return
    with counting:
        state["mismatches"] += 1


def keep_up():
    while True:
        threading.Event().wait(1)
        with writing:
            if state["target"] != "legacy" and not state["alike"]:
                try:
                    copy()
                except Silent:
                    pass


@app.get("/metrics")
def metrics():
    text = f"# TYPE shadow_mismatch_total counter\nshadow_mismatch_total {state['mismatches']}\n"
    return Response(text, content_type="text/plain; version=0.0.4")


@app.get("/healthz")
@app.get("/readyz")
def health():
    return {"status": "ready", "checks": {}}


@app.route("/<path:_>", methods=METHODS)
def everything_else(_):
    kind = request.headers.get("Content-Type", "application/json")
    try:
        return passed(SHOP.ask(request.method, request.environ["REQUEST_URI"], request.get_data(), kind))
    except Silent:
        return problem(503, "shop_unavailable")


class Handler(WSGIRequestHandler):
    def log_request(self, code="-", size="-"):
        print(json.dumps({"level": "info", "service": "gateway", "msg": self.requestline}), flush=True)


if __name__ == "__main__":
    table("CREATE TABLE IF NOT EXISTS routes (prefix TEXT PRIMARY KEY, target TEXT)")
    for (target,) in table("SELECT target FROM routes"):
        state["target"] = target
    threading.Thread(target=keep_up, daemon=True).start()
    server = make_server(os.environ["HOST"], int(os.environ["PORT"]), app, threaded=True, request_handler=Handler)
    signal.signal(signal.SIGTERM, lambda *_: threading.Thread(target=server.shutdown).start())
    server.serve_forever()
    sys.exit(0)
