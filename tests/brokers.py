"""Private AMQP brokers for tests and benchmarks: a RabbitMQ node of one's own, the embedded broker.

Each has a free loopback port, keeps its data in a folder that the caller gives, and is gone, with every process that it
started, when its `with` block ends. Both can be stopped, killed and started again on the same port and data.
"""

from __future__ import annotations

import contextlib
import fcntl
import os
import shutil
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from types import TracebackType

import psutil

from lab.runtime.ports import Ports

HEADER = b"AMQP\x00\x00\x09\x01"


def rabbitmq_installed() -> bool:
    """Whether this machine has a RabbitMQ that could be started."""
    return _rabbitmq_script() is not None and shutil.which("epmd") is not None


def free_port() -> int:
    """A loopback port that nobody has at this moment, nor gets for a connection of theirs."""
    ports = Ports()
    try:
        return ports.take()
    finally:
        ports.close()


class PrivateBroker:
    """One broker process: `command` and `environment` are what its two kinds differ in."""

    name = "broker"
    boot_timeout = 10.0

    def __init__(self, folder: Path, port: int | None = None) -> None:
        self.folder = folder
        self.port = port or free_port()
        self.process: subprocess.Popen[bytes] | None = None

    @property
    def url(self) -> str:
        return f"amqp://guest:guest@127.0.0.1:{self.port}/%2F"

    @property
    def log(self) -> Path:
        return self.folder / f"{self.name}.log"

    def command(self) -> list[str]:
        raise NotImplementedError

    def environment(self) -> dict[str, str]:
        return {}

    def start(self) -> float:
        """Start, wait until it greets, and return the seconds that took; RuntimeError with its log if it does not."""
        self.folder.mkdir(parents=True, exist_ok=True)
        began = time.monotonic()
        with self.log.open("ab") as log:
            self.process = subprocess.Popen(
                self.command(),
                env={**os.environ, **self.environment()},
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                start_new_session=True,
            )
        while not self._greets():
            if self.process.poll() is not None or time.monotonic() - began > self.boot_timeout:
                self.kill()
                raise RuntimeError(f"{self.name} did not start:\n{self.log.read_text(errors='replace')[-4000:]}")
            time.sleep(0.02)
        return time.monotonic() - began

    def stop(self, timeout: float = 30.0) -> None:
        """End it as an operator would (TERM); what has not gone after `timeout` seconds is killed."""
        if self.process is not None and self.process.poll() is None:
            self.process.terminate()
            with contextlib.suppress(subprocess.TimeoutExpired):
                self.process.wait(timeout)
        self.kill()

    def kill(self) -> None:
        """End it as a crash would."""
        if self.process is not None:
            with contextlib.suppress(ProcessLookupError):
                os.killpg(self.process.pid, signal.SIGKILL)
            self.process.wait()
            self.process = None

    def server(self) -> psutil.Process:
        """The process that does the work: whose CPU time and memory count."""
        if self.process is None:
            raise RuntimeError(f"{self.name} is not running")
        return psutil.Process(self.process.pid)

    def __enter__(self) -> PrivateBroker:
        self.start()
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        self.kill()

    def _greets(self) -> bool:
        """A broker that listens may still be booting: only its `connection.start` says that it serves."""
        try:
            with socket.create_connection(("127.0.0.1", self.port), timeout=2) as sock:
                sock.sendall(HEADER)
                return sock.recv(1) == b"\x01"
        except OSError:
            return False


class EmbeddedBroker(PrivateBroker):
    name = "embedded"

    def command(self) -> list[str]:
        data = str(self.folder / "data")
        return [sys.executable, "-m", "lab.engines.amqp", "--port", str(self.port), "--data", data]


class RabbitNode(PrivateBroker):
    """A RabbitMQ of the user's own, without plugins, whose epmd, distribution port and cookie are private too."""

    name = "rabbitmq"
    boot_timeout = 90.0

    def __init__(self, folder: Path, port: int | None = None) -> None:
        super().__init__(folder, port)
        self._epmd_port = free_port()
        self._distribution_port = free_port()
        self._epmd: subprocess.Popen[bytes] | None = None

    def command(self) -> list[str]:
        script = _rabbitmq_script()
        if script is None:
            raise RuntimeError("RabbitMQ is not installed")
        return [script]

    def environment(self) -> dict[str, str]:
        home = self.folder
        return {
            "HOME": str(home),
            "ERL_EPMD_ADDRESS": "127.0.0.1",
            "ERL_EPMD_PORT": str(self._epmd_port),
            "RABBITMQ_CONF_ENV_FILE": "/dev/null",
            "RABBITMQ_NODENAME": f"lab{self.port}@localhost",
            "RABBITMQ_NODE_IP_ADDRESS": "127.0.0.1",
            "RABBITMQ_NODE_PORT": str(self.port),
            "RABBITMQ_DIST_PORT": str(self._distribution_port),
            # One scheduler: a node starts on a fifth less of the CPU, which the tests beside it want too.
            "RABBITMQ_SERVER_ADDITIONAL_ERL_ARGS": "-kernel inet_dist_use_interface {127,0,0,1} +S 1:1",
            "RABBITMQ_CONFIG_FILE": str(home / "rabbitmq.conf"),
            "RABBITMQ_ENABLED_PLUGINS_FILE": str(home / "enabled_plugins"),
            "RABBITMQ_MNESIA_BASE": str(home / "mnesia"),
            "RABBITMQ_LOG_BASE": str(home / "log"),
            "RABBITMQ_GENERATED_CONFIG_DIR": str(home / "generated"),
            "RABBITMQ_PID_FILE": str(home / "rabbitmq.pid"),
        }

    def start(self) -> float:
        self.folder.mkdir(parents=True, exist_ok=True)
        (self.folder / "rabbitmq.conf").write_text("disk_free_limit.absolute = 50MB\nlog.file.level = warning\n")
        (self.folder / "enabled_plugins").write_text("[].\n")
        if self._epmd is None:
            # Erlang would leave a daemon of its own behind; this one is ours to end.
            self._epmd = subprocess.Popen(
                ["epmd", "-address", "127.0.0.1", "-port", str(self._epmd_port)],
                stdin=subprocess.DEVNULL,
                stdout=subprocess.DEVNULL,
                stderr=subprocess.DEVNULL,
            )
            self._await_epmd()
        return super().start()

    def _await_epmd(self) -> None:
        """On a busy machine the node would be there first, and start a daemon that nobody ends."""
        deadline = time.monotonic() + self.boot_timeout
        while time.monotonic() < deadline:
            with contextlib.suppress(OSError), socket.create_connection(("127.0.0.1", self._epmd_port), timeout=2):
                return
            time.sleep(0.02)
        raise RuntimeError("epmd did not start")

    def stop(self, timeout: float = 30.0) -> None:
        """Its own operator's tool says good-bye to clients (320), which a plain TERM does not."""
        if self.process is not None and self.process.poll() is None:
            self.control("stop")
        super().stop(timeout)

    def control(self, *words: str) -> str:
        """Runs its operator's tool, rabbitmqctl, on this node; what it printed."""
        tool = str(Path(self.command()[0]).with_name("rabbitmqctl"))
        environment = {**os.environ, **self.environment()}
        done = subprocess.run([tool, *words], env=environment, capture_output=True, text=True, check=False)
        return done.stdout + done.stderr

    def server(self) -> psutil.Process:
        for process in super().server().children(recursive=True):
            if process.name().startswith("beam"):
                return process
        raise RuntimeError("the Erlang machine is not running")

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        super().__exit__(kind, error, at)
        if self._epmd is not None:
            self._epmd.kill()
            self._epmd.wait()
            self._epmd = None


def _rabbitmq_script() -> str | None:
    """The script proper: Debian's wrapper on PATH would change to another user and its one system-wide node."""
    for folder in ("/usr/lib/rabbitmq/bin", "/usr/local/lib/rabbitmq/bin", "/opt/homebrew/opt/rabbitmq/sbin"):
        if (found := shutil.which("rabbitmq-server", path=folder)) is not None:
            return found
    return shutil.which("rabbitmq-server")


@contextlib.contextmanager
def shared_rabbit(folder: Path) -> Iterator[PrivateBroker]:
    """The one RabbitMQ node of all who name the same folder: there from the first to the last of them.

    Who uses it holds a lock, which the system takes from a process that is killed, too. A process of its own keeps the
    node for as long as anybody does.
    """
    folder.mkdir(parents=True, exist_ok=True)
    told = folder / "port"
    with (folder / "using").open("a") as using, (folder / "starting").open("a") as starting:
        fcntl.flock(using, fcntl.LOCK_SH)
        fcntl.flock(starting, fcntl.LOCK_EX)
        if not told.exists():
            with (folder / "keeper.log").open("ab") as log:
                keeper = subprocess.Popen(
                    [sys.executable, "-m", "tests.brokers", str(folder)],
                    stdin=subprocess.DEVNULL,
                    stdout=log,
                    stderr=log,
                    start_new_session=True,
                )
            while not told.exists():
                if keeper.poll() is not None:
                    raise RuntimeError(f"RabbitMQ did not start:\n{(folder / 'keeper.log').read_text()[-4000:]}")
                time.sleep(0.05)
        fcntl.flock(starting, fcntl.LOCK_UN)
        broker = PrivateBroker(folder, int(told.read_text()))
        broker.name = RabbitNode.name
        yield broker


def _keep_rabbit(folder: Path) -> None:
    told, partly = folder / "port", folder / "port.new"
    with RabbitNode(folder / "node") as node, (folder / "using").open("a") as using:
        partly.write_text(str(node.port))
        partly.replace(told)
        fcntl.flock(using, fcntl.LOCK_EX)
        told.unlink()


if __name__ == "__main__":
    _keep_rabbit(Path(sys.argv[1]))
