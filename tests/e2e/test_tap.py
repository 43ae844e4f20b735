"""`lab tap` before a service of somebody's own."""

from __future__ import annotations

import http.server
import json
import signal
import threading
from collections.abc import Iterator
from typing import Any

import httpx
import pytest

from tests.e2e.processes import Lab


class Hello(http.server.BaseHTTPRequestHandler):
    def do_GET(self) -> None:
        self.send_response(200)
        self.send_header("Content-Length", "5")
        self.end_headers()
        self.wfile.write(b"hello")

    def log_message(self, *_: Any) -> None:
        pass


@pytest.fixture
def server() -> Iterator[str]:
    """HOST:PORT of a service that knows nothing of the lab."""
    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), Hello) as serving:
        threading.Thread(target=serving.serve_forever, daemon=True).start()
        yield f"127.0.0.1:{serving.server_port}"
        serving.shutdown()


def test_a_tap_alone_shows_and_disturbs_each_request_until_ctrl_c(lab: Lab, server: str) -> None:
    with lab.started("tap", "http", ":0", server, "--fault", "status 503 x1", "--json") as tap:
        assert tap.stdout
        ready = json.loads(tap.stdout.readline())
        port = ready["text"].split(" on 127.0.0.1:")[1].split()[0]
        answers = [httpx.get(f"http://127.0.0.1:{port}/items/{n}").status_code for n in range(3)]
        assert answers == [503, 200, 200]
        tap.send_signal(signal.SIGINT)
        tap.wait(20)
        out, err = tap.stdout.read(), tap.stderr.read() if tap.stderr else ""
    events = [json.loads(line) for line in out.splitlines()]
    flows = [event for event in events if event["kind"] == "flow"]
    assert [(flow["op"], flow["status"]) for flow in flows] == [
        ("GET /items/0", "503"),
        ("GET /items/1", "200"),
        ("GET /items/2", "200"),
    ]
    assert [event["seq"] for event in events] == list(range(2, len(events) + 2))
    assert all(event["t"] >= 0 for event in events)
    assert "3 exchanges, 1 errors" in err
    assert tap.returncode == 130


def test_plain_lines_tell_each_request(lab: Lab, server: str) -> None:
    with lab.started("tap", "http", ":0", server) as tap:
        assert tap.stdout
        port = tap.stdout.readline().split(" on 127.0.0.1:")[1].split()[0]
        httpx.get(f"http://127.0.0.1:{port}/items")
        assert "client asked server GET /items: 200" in tap.stdout.readline()


def test_a_port_that_is_taken_is_a_clear_message(lab: Lab, server: str) -> None:
    ran = lab("tap", "http", server, server)
    assert ran.returncode == 3
    assert f"cannot listen on {server}" in ran.stderr
    assert "Traceback" not in ran.stderr
