"""Wednesday's services as plain processes, started by hand as a reader would: no runtime, no taps."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import uuid
from collections.abc import Iterable
from contextlib import closing, suppress
from pathlib import Path
from typing import Any

import httpx
import pika

from tests.brokers import PrivateBroker, free_port
from tests.waiting import eventually

MODULES = {
    "users": "lab.day3_events.users",
    "orders": "lab.day3_events.orders",
    "payments": "lab.day3_events.payments",
    "notifications": "lab.day3_events.notifications",
    "provider": "lab.neighbours.payment",
    "mail": "lab.neighbours.notify",
}
ORCHESTRATOR = {"orchestrator": "lab.day3_events.orchestrator"}
HURRY = {"RETRY_DELAYS_MS": "100,300,1000", "MAX_DELIVERIES": "8", "REMIND_AFTER_S": "3", "SAGA_TIMEOUT_S": "6"}
"""The services' knobs, turned so that a test need not wait as long as life would."""


class Shop:
    """Services on one broker. `start` and `kill` one, ask it over `http`, look at the broker from the side."""

    def __init__(self, broker: PrivateBroker, folder: Path, saga: str = "choreography") -> None:
        self.broker = broker
        self.folder = folder
        self.saga = saga
        self.modules = MODULES | (ORCHESTRATOR if saga == "orchestration" else {})
        self.ports = {name: free_port() for name in self.modules}
        self.processes: dict[str, subprocess.Popen[bytes]] = {}
        self.http = httpx.Client(timeout=10, trust_env=False)

    def start(self, names: Iterable[str] = ()) -> None:
        """Start these, or all, and wait until they are ready (not only degraded)."""
        names = list(names) or list(self.modules)
        for name in names:
            self.spawn(name, name, self.ports[name])
        for name in names:
            eventually(lambda name=name: self.ready(self.ports[name]), 30)  # type: ignore[misc]

    def spawn(self, service: str, instance: str, port: int) -> None:
        """Start a process of `service`; several may share its database."""
        folder = self.folder / service
        folder.mkdir(parents=True, exist_ok=True)
        with (folder / f"{instance}.log").open("ab") as log:
            self.processes[instance] = subprocess.Popen(
                [sys.executable, "-m", self.modules[service]],
                cwd=folder,
                env=os.environ | self.environment(service, instance, port),
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                start_new_session=True,
            )

    def environment(self, service: str, instance: str, port: int) -> dict[str, str]:
        """What it is told."""
        return HURRY | {
            "PORT": str(port),
            "INSTANCE_ID": instance,
            "SERVICE_NAME": service,
            "SAGA": self.saga,
            "DATABASE_URL": f"sqlite:///{self.folder / service}/{service}.db",
            "AMQP_URL": f"{self.broker.url}?heartbeat=5",
            "PAYMENT_URL": f"http://127.0.0.1:{self.ports['provider']}",
            "NOTIFY_URL": f"http://127.0.0.1:{self.ports['mail']}",
        }

    def ready(self, port: int) -> bool:
        with suppress(httpx.HTTPError):
            return bool(self.http.get(f"http://127.0.0.1:{port}/readyz").json()["status"] == "ready")
        return False

    def kill(self, instance: str) -> None:
        process = self.processes.pop(instance)
        process.kill()
        process.wait()

    def stop(self, instance: str) -> int:
        """Ask it to stop; its exit code."""
        process = self.processes.pop(instance)
        process.send_signal(signal.SIGTERM)
        return process.wait(10)

    def close(self) -> None:
        for instance in list(self.processes):
            self.kill(instance)
        self.http.close()

    # -- the visitor's side ------------------------------------------------------------------------------------------

    def ask(self, method: str, service: str, path: str, body: Any = None, **headers: str) -> httpx.Response:
        url = f"http://127.0.0.1:{self.ports[service]}{path}"
        return self.http.request(method, url, json=body, headers=headers)

    def register(self, known: bool = True) -> str:
        """A new user's id; with `known`, wait until orders has heard of them."""
        user = self.ask("POST", "users", "/users", {"email": f"{uuid.uuid4()}@example.uz", "name": "Test"})
        assert user.status_code == 201, user.text
        ident = str(user.json()["id"])
        if known:
            eventually(lambda: self.knows(ident), 20)
        return ident

    def knows(self, user: str) -> bool:
        return self.ask("GET", "orders", f"/customers/{user}").status_code == 200

    def order(self, user: str, amount: int = 5000, correlation: str = "") -> str:
        headers = {"X-Request-ID": correlation or f"gen-{uuid.uuid4()}"}
        order = self.ask("POST", "orders", "/orders", {"user_id": user, "amount": amount}, **headers)
        assert order.status_code == 201, order.text
        return str(order.json()["id"])

    def state(self, order: str) -> tuple[str, str]:
        found = self.ask("GET", "orders", f"/orders/{order}").json()
        return found["status"], found["reason"]

    def settled(self, order: str, timeout: float = 20.0) -> tuple[str, str]:
        """The final state of the order, when it has one."""
        eventually(lambda: self.state(order)[0] != "pending", timeout)
        return self.state(order)

    # -- behind the scenes -------------------------------------------------------------------------------------------

    def tell(self, stub: str, do: str, key: str = "*", **more: Any) -> None:
        """Tell the provider or the mail server how to behave."""
        self.ask("PUT", stub, "/behaviour", {"key": key, "do": do, **more}).raise_for_status()

    def heal(self, stub: str) -> None:
        self.ask("DELETE", stub, "/behaviour").raise_for_status()

    def charges(self, order: str) -> list[dict[str, Any]]:
        return list(self.ask("GET", "provider", f"/charges?order_id={order}").json()["items"])

    def mails(self, order: str) -> list[dict[str, Any]]:
        return list(self.ask("GET", "mail", f"/mails?order_id={order}").json()["items"])

    def mailed(self, order: str, timeout: float = 20.0) -> list[str]:
        """The templates of the mails about the order, when there is one."""
        eventually(lambda: self.mails(order), timeout)
        return [mail["template"] for mail in self.mails(order)]

    def logs(self, correlation: str) -> list[dict[str, Any]]:
        """All services' lines about one id, in the order of time."""
        lines = []
        for log in self.folder.glob("*/*.log"):
            for line in log.read_text().splitlines():
                with suppress(ValueError):
                    entry = json.loads(line)
                    if entry.get("correlation_id") == correlation:
                        lines.append(entry)
        return sorted(lines, key=lambda entry: str(entry["ts"]))

    def inject(self, routing_key: str, body: bytes, exchange: str = "shop.events", **properties: Any) -> None:
        """Publish something that no service of ours did."""
        with closing(pika.BlockingConnection(pika.URLParameters(self.broker.url))) as connection:
            connection.channel().basic_publish(exchange, routing_key, body, pika.BasicProperties(**properties))

    def event(self, kind: str, **data: Any) -> None:
        """Publish a well-formed event that no service of ours did."""
        ident = str(uuid.uuid4())
        body = {
            "specversion": "1.0",
            "id": ident,
            "source": "/test",
            "type": kind,
            "time": "2026-01-01T00:00:00Z",
            "data": data,
        }
        self.inject(kind, json.dumps(body).encode(), message_id=ident)

    def peek(self, queue: str) -> list[tuple[pika.BasicProperties, bytes]]:
        """The messages that are ready in a queue, which stay in it."""
        found = []
        with closing(pika.BlockingConnection(pika.URLParameters(self.broker.url))) as connection:
            channel = connection.channel()
            for _ in range(channel.queue_declare(queue, passive=True).method.message_count):
                _, properties, body = channel.basic_get(queue)
                if properties is not None and body is not None:
                    found.append((properties, body))
        return found

    def take(self, queue: str) -> list[tuple[pika.BasicProperties, bytes]]:
        """The same, and they are gone."""
        found = self.peek(queue)
        with closing(pika.BlockingConnection(pika.URLParameters(self.broker.url))) as connection:
            connection.channel().queue_purge(queue)
        return found
