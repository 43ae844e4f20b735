"""Containers started by hand, without containers: each service by its exact command, with what its file says it is
told, as the user that it says, and with nothing to import but what its image has; private real servers for engines."""

from __future__ import annotations

import contextlib
import os
import re
import subprocess
import sys
import time
from collections.abc import Iterator, Mapping, Sequence
from functools import cache
from importlib.metadata import packages_distributions, requires
from pathlib import Path
from urllib.parse import urlsplit

import httpx
from packaging.requirements import Requirement

from lab.engines.sql import tiers as sql
from tests import postgres
from tests.brokers import RabbitNode, free_port
from tests.export.written import Container

PATIENCE = 90.0
"""Seconds for something to become ready on a machine that has much else to do."""
HOST = "127.0.0.1"
FINDER = """\
import os, sys
BLOCKED = frozenset(os.environ.pop("BLOCKED").split(","))
class Finder:
    @staticmethod
    def find_spec(name, path=None, target=None):
        if name.partition(".")[0] in BLOCKED:
            raise ModuleNotFoundError(f"{name} is not in the image", name=name)
sys.meta_path.insert(0, Finder)
"""


@contextlib.contextmanager
def running(containers: Sequence[Container], folder: Path, scratch: Path) -> Iterator[dict[str, str]]:
    """All of them until the block ends; the addresses of all, by name."""
    engines = [one for one in containers if one.folder is None]
    services = [one for one in containers if one.folder is not None]
    ports = {one.name: free_port() for one in containers}
    inside = {one.name: port for one in engines for port in _declared(one.image)}
    inside |= {one.name: one.port for one in services}
    with contextlib.ExitStack() as stack:
        for one in engines:
            stack.enter_context(_engine(one, ports[one.name], folder, scratch / one.name))
        started = [
            (one, stack.enter_context(_service(one, _told(one, ports, inside), scratch / one.name))) for one in services
        ]
        for one, process in started:
            _await_ready(one, process, ports[one.name], scratch / one.name)
        yield {name: f"http://{HOST}:{port}" for name, port in ports.items()}


def _declared(image: str) -> list[int]:
    return [{"postgres": 5432, "rabbitmq": 5672, "redis": 6379, "apache/kafka": 9092}[image.partition(":")[0]]]


def _told(one: Container, ports: Mapping[str, int], inside: Mapping[str, int]) -> dict[str, str]:
    """Its variables, with the addresses of this machine in place of the names that only a network of containers has."""
    env = {**one.env, "PORT": str(ports[one.name]), "HOST": HOST}
    for name, port in inside.items():
        pattern = re.compile(rf"(?<![\w.-]){re.escape(name)}:{port}\b")
        env = {key: pattern.sub(f"{HOST}:{ports[name]}", value) for key, value in env.items()}
    if "GRPC_PORT" in env:
        env["GRPC_PORT"] = str(free_port())
    return env


@contextlib.contextmanager
def _service(one: Container, env: Mapping[str, str], data: Path) -> Iterator[subprocess.Popen[bytes]]:
    assert one.folder is not None
    data.mkdir()
    guard = data.with_name(f"{data.name}-guard")
    guard.mkdir()
    (guard / "sitecustomize.py").write_text(FINDER)
    program, *words = one.command
    assert program == "python"
    user = one.user if can_be(one.user) else None
    if user is not None:
        os.chown(data, user, user)
    process = subprocess.Popen(
        [sys.executable, *words],
        env={
            **env,
            "PATH": os.environ["PATH"],
            "PYTHONPATH": f"{guard}:{one.folder / 'src'}",
            "PYTHONUNBUFFERED": "1",
            "PYTHONDONTWRITEBYTECODE": "1",
            "BLOCKED": ",".join(not_in(one.folder / "requirements.txt")),
        },
        cwd=data,
        user=user,
        group=user,
        extra_groups=None if user is None else [],
        stdin=subprocess.DEVNULL,
        stdout=(guard / "log").open("wb"),
        stderr=subprocess.STDOUT,
    )
    with _ended(process):
        yield process


def _await_ready(one: Container, process: subprocess.Popen[bytes], port: int, data: Path) -> None:
    until = time.monotonic() + PATIENCE
    while True:
        with contextlib.suppress(httpx.TransportError):
            if httpx.get(f"http://{HOST}:{port}{one.probe}", timeout=5, trust_env=False).status_code == 200:
                return
        log = data.with_name(f"{data.name}-guard") / "log"
        assert process.poll() is None, f"{one.name} ended: {log.read_text()[-3000:]}"
        assert time.monotonic() < until, f"{one.name} is not ready: {log.read_text()[-3000:]}"
        time.sleep(0.05)


@contextlib.contextmanager
def _engine(one: Container, port: int, folder: Path, data: Path) -> Iterator[None]:
    data.mkdir()
    kind = one.image.partition(":")[0]
    starts = {"postgres": _postgres, "rabbitmq": _rabbitmq, "redis": _redis, "apache/kafka": _kafka}
    with starts[kind](one, port, folder, data):
        yield


@contextlib.contextmanager
def _postgres(one: Container, port: int, folder: Path, data: Path) -> Iterator[None]:
    """A cluster of this machine's PostgreSQL, in which the script that was written makes the databases."""
    with postgres.private(data, port) as url:
        password = urlsplit(url).password or ""
        as_admin = {"PGHOST": HOST, "PGPORT": str(port), "PGPASSWORD": password, "POSTGRES_USER": sql.ROLE}
        path = f"{sql.find()}:{os.environ['PATH']}"
        done = subprocess.run(
            [str(folder / f"engines/{one.name}/databases.sh")],
            env={**one.env, **as_admin, "PATH": path},
            capture_output=True,
            text=True,
            check=False,
        )
        assert done.returncode == 0, done.stderr
        yield


@contextlib.contextmanager
def _rabbitmq(one: Container, port: int, folder: Path, data: Path) -> Iterator[None]:  # noqa: ARG001
    class Told(RabbitNode):
        def environment(self) -> dict[str, str]:
            return {**super().environment(), **one.env}

    with Told(data / "node", port):
        yield


@contextlib.contextmanager
def _redis(one: Container, port: int, folder: Path, data: Path) -> Iterator[None]:  # noqa: ARG001
    """By the exact command, but for its port and its folder."""
    shell, flag, script = one.command
    script = script.replace("port 6379", f"port {port}").replace("dir /data", f"dir {data}")
    process = subprocess.Popen([shell, flag, script], env={**one.env, "PATH": os.environ["PATH"]}, stdout=-3)
    with _ended(process):
        yield


@contextlib.contextmanager
def _kafka(one: Container, port: int, folder: Path, data: Path) -> Iterator[None]:  # noqa: ARG001
    """There is no small Kafka: the cluster in librdkafka stands for it."""
    command = [sys.executable, "-m", "lab.engines.kafka", "--port", str(port)]
    with _ended(subprocess.Popen(command, cwd=data, stdout=-3, stderr=-3)):
        yield


@contextlib.contextmanager
def _ended(process: subprocess.Popen[bytes]) -> Iterator[None]:
    try:
        yield
    finally:
        process.terminate()
        try:
            process.wait(20)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()


@cache
def can_be(user: int) -> bool:
    """Whether this process may run Python as somebody else."""
    if os.geteuid() != 0:
        return False
    try:
        return subprocess.run([sys.executable, "-c", ""], user=user, group=user, check=False).returncode == 0
    except OSError:
        return False


def not_in(requirements: Path) -> set[str]:
    """What can be imported here, and not where only these requirements are installed."""
    allowed = set[str]()
    waiting = [Requirement(line) for line in requirements.read_text().splitlines()]
    while waiting:
        wanted = waiting.pop()
        allowed.add(_same(wanted.name))
        extras = {"", *wanted.extras}
        for line in requires(wanted.name) or []:
            further = Requirement(line)
            marker = further.marker
            if _same(further.name) not in allowed and (
                marker is None or any(marker.evaluate({"extra": extra}) for extra in extras)
            ):
                waiting.append(further)
    owners = packages_distributions()
    return {name for name, by in owners.items() if not {_same(one) for one in by} & allowed} - {"lab"}


def _same(name: str) -> str:
    return re.sub(r"[-_.]+", "-", name).lower()
