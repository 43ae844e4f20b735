"""Greets people with Python's own HTTP server."""

import json
import os
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

LANGUAGE = os.environ["LANGUAGE"]
WORDS = {"en": "Hello", "uz": "Salom"}


class Handler(BaseHTTPRequestHandler):
    def do_GET(self):
        if self.path.startswith("/greet/"):
            name = self.path.rpartition("/")[2]
            self.answer(200, {"greeting": f"{WORDS[LANGUAGE]}, {name}!"})
        elif self.path in ("/healthz", "/readyz"):
            self.answer(200, {"status": "ready", "checks": {}})
        else:
            self.answer(404, {"title": "Not Found", "status": 404, "code": "not_found"})

    def answer(self, status, body):
        content = json.dumps(body).encode()
        self.send_response(status)
        self.send_header("Content-Length", str(len(content)))
        self.end_headers()
        self.wfile.write(content)


if __name__ == "__main__":
    ThreadingHTTPServer((os.environ["HOST"], int(os.environ["PORT"])), Handler).serve_forever()
