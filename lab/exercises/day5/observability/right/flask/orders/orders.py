"""Orders on Flask's threads."""

import os
import signal
import sys
import threading
import uuid
from urllib.parse import quote

from flask import Flask, request
from werkzeug.serving import WSGIRequestHandler, make_server

from seen import Neighbour, problem, watch

app = Flask(__name__)
users = Neighbour("users", os.environ["USERS_URL"], int(os.environ.get("HTTP_TIMEOUT_MS", "500")) / 1000)
watch(app, users)


@app.post("/orders")
def place():
    body = request.get_json(silent=True)
    if not isinstance(body, dict) or not isinstance(body.get("user_id"), str):
        return problem(400, "invalid_request")
    status, _ = users.call("GET", f"/users/{quote(body['user_id'], safe='')}")
    if status != 200:
        return problem(422, "unknown_user")
    return {"id": uuid.uuid4().hex, "user_id": body["user_id"], "item": body.get("item")}, 201


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
