"""The catalog on nothing but the standard library: it asks the layer, each time."""

import json
import os
import signal
import sys
import threading
import urllib.error
import urllib.request
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

LAYER = os.environ["CACHE_URL"] + "/cache"
TIMEOUT = int(os.environ.get("HTTP_TIMEOUT_MS", "6000")) / 1000
DIRECTLY = urllib.request.build_opener(urllib.request.ProxyHandler({}))


class Server(ThreadingHTTPServer):
    request_queue_size = 256
    daemon_threads = False


class Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    wbufsize = -1

    def do_GET(self):
        if self.path in ("/healthz", "/readyz"):
            self.answer(200, {"status": "ready", "checks": {}})
        else:
            self.pass_on(None)

    def do_PUT(self):
        self.pass_on(self.rfile.read(int(self.headers.get("Content-Length", 0))))

    def pass_on(self, body):
        if not self.path.startswith("/products/"):
            return self.problem(404, "not_found")
        asked = urllib.request.Request(LAYER + self.path, data=body, method=self.command)
        asked.add_header("Content-Type", "application/json")
        try:
            with DIRECTLY.open(asked, timeout=TIMEOUT) as answer:
                return self.answer(200, json.load(answer))
        except urllib.error.HTTPError as error:
            return self.problem(error.code, "unknown_product" if error.code == 404 else "cache_refused")
        except (OSError, ValueError):
            return self.problem(503, "cache_unavailable")

    def problem(self, status, code):
        self.answer(status, {"title": code, "status": status, "code": code}, "application/problem+json")

    def answer(self, status, body, kind="application/json"):
        text = json.dumps(body).encode()
        self.send_response(status)
        self.send_header("Content-Type", kind)
        self.send_header("Content-Length", str(len(text)))
        self.end_headers()
        self.wfile.write(text)

    def log_message(self, *_args):
        """Silence."""


if __name__ == "__main__":
    server = Server((os.environ.get("HOST", "127.0.0.1"), int(os.environ["PORT"])), Handler)
    signal.signal(signal.SIGTERM, lambda *_: threading.Thread(target=server.shutdown).start())
    server.serve_forever()
    server.server_close()
    sys.exit(0)
