"""A service as a process: how it starts, refuses to start, and stops."""

from __future__ import annotations

import json
import os
import signal
import socket
import struct
import subprocess
import sys
import threading
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

import httpx
import pytest

from tests.brokers import free_port
from tests.waiting import eventually

SERVICE = """
import logging
import os
import time
import httpx
from fastapi import FastAPI
from lab.chassis.health import Health
from lab.chassis.serve import run
from lab.chassis.settings import ServiceSettings
from lab.chassis.web import create_app

def create(settings: ServiceSettings) -> FastAPI:
    app = create_app("test", Health())

    @app.get("/slow")
    def slow() -> dict[str, bool]:
        logging.info("working")
        time.sleep(1)
        return {"done": True}

    @app.get("/errors")
    async def errors() -> list[str]:  # what httpx says of many calls to somebody
        seen = set()
        async with httpx.AsyncClient(base_url=os.environ["SOMEBODY"], trust_env=False) as somebody:
            for _ in range(200):
                try:
                    await somebody.get("/")
                except Exception as error:
                    seen.add(type(error).__name__ if isinstance(error, httpx.HTTPError) else repr(error))
        return sorted(seen)

    return app

run(ServiceSettings, create, service_name="test")
"""


class Service:
    def __init__(self, folder: Path, **env: str) -> None:
        path = folder / "service.py"
        path.write_text(SERVICE)
        self.port = free_port()
        self.process = subprocess.Popen(
            [sys.executable, str(path)],
            env=os.environ | {"PORT": str(self.port)} | env,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )

    def get(self, path: str) -> httpx.Response | None:
        with suppress(httpx.HTTPError):
            return httpx.get(f"http://127.0.0.1:{self.port}{path}", timeout=10, trust_env=False)
        return None


@pytest.fixture
def service(tmp_path: Path) -> Iterator[Service]:
    service = Service(tmp_path)
    yield service
    service.process.kill()
    service.process.communicate()


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_it_stops_when_asked_with_code_0_and_json_lines_only(service: Service, number: signal.Signals) -> None:
    eventually(lambda: service.get("/readyz"), 20)
    service.process.send_signal(number)
    out, err = service.process.communicate(timeout=10)
    assert service.process.returncode == 0
    assert err == ""
    assert [json.loads(line)["msg"] for line in out.splitlines()][-1] == "stopped"


def test_a_request_under_way_is_finished_before_it_stops(service: Service) -> None:
    eventually(lambda: service.get("/readyz"), 20)
    answers: list[httpx.Response | None] = []
    visitor = threading.Thread(target=lambda: answers.append(service.get("/slow")))
    visitor.start()
    assert service.process.stdout is not None
    while json.loads(service.process.stdout.readline())["msg"] != "working":
        pass
    service.process.terminate()
    assert service.process.wait(10) == 0
    visitor.join()
    assert answers[0] is not None
    assert answers[0].json() == {"done": True}


@pytest.fixture
def resets() -> Iterator[str]:
    """The URL of a server that resets every connection as soon as it has it."""
    with socket.create_server(("127.0.0.1", 0)) as listening:

        def reset_all() -> None:
            with suppress(OSError):  # closed: the test is over
                while True:
                    connection, _ = listening.accept()
                    connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
                    connection.close()

        threading.Thread(target=reset_all, daemon=True).start()
        host, port = listening.getsockname()
        yield f"http://{host}:{port}"
        listening.shutdown(socket.SHUT_RDWR)


def test_a_connection_that_is_cut_while_it_is_made_is_an_error_of_httpx(tmp_path: Path, resets: str) -> None:
    service = Service(tmp_path, SOMEBODY=resets)
    try:
        eventually(lambda: service.get("/readyz"), 20)
        answer = service.get("/errors")
        assert answer is not None
        assert set(answer.json()) <= {"ConnectError", "ReadError", "WriteError"}
    finally:
        service.process.kill()
        service.process.communicate()


def test_a_wrong_variable_is_named_and_the_code_is_2(tmp_path: Path) -> None:
    service = Service(tmp_path, PORT="eighty")
    _, err = service.process.communicate(timeout=20)
    assert service.process.returncode == 2
    assert err == "test cannot start: PORT='eighty' is not a whole number\n"


def test_a_port_that_is_taken_is_a_failure_told_in_the_log(tmp_path: Path) -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        service = Service(tmp_path, PORT=str(taken.getsockname()[1]))
        out, _ = service.process.communicate(timeout=20)
    assert service.process.returncode not in (0, 2)
    assert "address already in use" in out.lower()
    assert all(json.loads(line)["level"] for line in out.splitlines())
