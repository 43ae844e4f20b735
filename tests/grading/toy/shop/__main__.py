"""A service as small as can be: what it is asked decides how well it behaves."""

import json
import os
import sqlite3
import sys
import time
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from urllib.request import urlopen

HOARD: list[bytes] = []


class Handler(BaseHTTPRequestHandler):
    def do_GET(self) -> None:
        match self.path:
            case "/readyz":
                self.answer(200, {"status": "ready"})
            case "/crash":
                os._exit(7)
            case "/slow":
                time.sleep(30)
            case "/dawdle":
                time.sleep(0.5)
                self.answer(200, {})
            case "/nested":
                self.wfile.write(b"HTTP/1.0 200 OK\r\n\r\n" + b"[" * 200_000)
            case "/visits":
                with sqlite3.connect(os.environ["DATABASE_URL"].removeprefix("sqlite:///")) as database:
                    database.execute("CREATE TABLE IF NOT EXISTS visits (id INTEGER PRIMARY KEY)")
                    database.execute("INSERT INTO visits DEFAULT VALUES")
                    (count,) = database.execute("SELECT count(*) FROM visits").fetchone()
                self.answer(200, {"visits": count, "colour": os.environ.get("COLOUR")})
            case "/hoard":
                HOARD.append(b"x" * 50_000_000)
                self.answer(200, {"bytes": len(HOARD[-1])})
            case "/user":
                with urlopen(os.environ["USERS_URL"] + "/users/u-1") as answer:
                    self.answer(200, json.load(answer))
            case _:
                self.answer(404, {"code": "no_such_thing"})

    def answer(self, status: int, body: object) -> None:
        data = json.dumps(body).encode()
        self.send_response(status)
        self.send_header("Content-Length", str(len(data)))
        self.send_header("X-Request-ID", self.headers.get("X-Request-ID", ""))
        self.end_headers()
        self.wfile.write(data)

    def log_message(self, format: str, *args: object) -> None:
        line = {"level": "warning", "msg": format % args, "request_id": self.headers.get("X-Request-ID")}
        sys.stdout.write(json.dumps(line) + "\n")
        sys.stdout.flush()


if os.environ.get("LEAVES"):
    sys.exit(0)
if os.environ.get("SICK"):
    sys.exit("I do not feel well")
ThreadingHTTPServer(("127.0.0.1", int(os.environ["PORT"])), Handler).serve_forever()
