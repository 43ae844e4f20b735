"""The librdkafka inside the wheel of confluent-kafka, which can play a Kafka cluster (its mock cluster).

The wheel's Python can start such a cluster, but only on ports of librdkafka's choice and with its waits; the C
interface of the library can do more, and this is as much of it as the lab needs.
"""

from __future__ import annotations

import ctypes
import os
import socket
from collections.abc import Mapping
from importlib.util import find_spec
from pathlib import Path

from lab.engines.recipe import HOST

PRODUCER = 0
QUIET = b"3"
"""Errors and worse (syslog's levels): that a client of no cluster has no bootstrap servers is what is wanted here."""
BACKLOG = 128
REBALANCE_DELAY_MS = 100
"""How long a new group waits for more members. Brokers wait 3 s, which would be most of a system's start."""


class Missing(Exception):
    """There is no librdkafka that can be used here."""


def find() -> Path | None:
    """The library that the wheel brings along, or one of the system. The wheel's package is not imported: all it would
    do here is to take time."""
    found = find_spec("confluent_kafka")
    if found is None or found.origin is None:
        return None
    package = Path(found.origin).parent
    folders = (package.parent / "confluent_kafka.libs", package / ".dylibs")  # as Linux and macOS have it
    return next((path for folder in folders for path in sorted(folder.glob("librdkafka*"))), None)


class Library:
    """librdkafka, loaded. Raises Missing."""

    def __init__(self) -> None:
        path = find()
        if path is None:
            raise Missing("confluent-kafka is not installed")
        try:
            self._c = ctypes.CDLL(str(path))
            self._declare()
        except (OSError, AttributeError) as error:
            raise Missing(str(error)) from None

    @property
    def version(self) -> str:
        said: bytes = self._c.rd_kafka_version_str()
        return said.decode()

    def mock_cluster(self, ports: list[int], topics: Mapping[str, int]) -> None:
        """Start a cluster with a broker on each of these ports, and with these topics and so many partitions of each;
        it lives as long as this process."""
        error = ctypes.create_string_buffer(512)
        settings = self._c.rd_kafka_conf_new()
        self._c.rd_kafka_conf_set(settings, b"log_level", QUIET, error, len(error))
        client = self._c.rd_kafka_new(PRODUCER, settings, error, len(error))
        if not client:
            raise Missing(error.value.decode())
        cluster = self._c.rd_kafka_mock_cluster_new(client, len(ports))
        if not cluster:
            raise Missing("librdkafka started no mock cluster")
        addresses: bytes = self._c.rd_kafka_mock_cluster_bootstraps(cluster)
        listening = [int(address.rpartition(":")[2]) for address in addresses.decode().split(",")]
        for number, (theirs, ours) in enumerate(zip(listening, ports, strict=True), 1):
            _move(theirs, ours)
            self._c.rd_kafka_mock_broker_set_host_port(cluster, number, HOST.encode(), ours)
        for name, partitions in topics.items():
            if self._c.rd_kafka_mock_topic_create(cluster, name.encode(), partitions, 1):
                raise Missing(f"no topic {name} with {partitions} partitions can be made")
        # This one is carried out by the cluster's own thread, which so looks at its sockets again.
        self._c.rd_kafka_mock_group_initial_rebalance_delay_ms(cluster, REBALANCE_DELAY_MS)

    def _declare(self) -> None:
        pointer, text, size, number = ctypes.c_void_p, ctypes.c_char_p, ctypes.c_size_t, ctypes.c_int32
        for name, gives, *takes in (
            ("version_str", text),
            ("conf_new", pointer),
            ("conf_set", ctypes.c_int, pointer, text, text, text, size),
            ("new", pointer, ctypes.c_int, pointer, text, size),
            ("mock_cluster_new", pointer, pointer, ctypes.c_int),
            ("mock_cluster_bootstraps", text, pointer),
            ("mock_topic_create", ctypes.c_int, pointer, text, ctypes.c_int, ctypes.c_int),
            ("mock_broker_set_host_port", ctypes.c_int, pointer, number, text, ctypes.c_int),
            ("mock_group_initial_rebalance_delay_ms", None, pointer, number),
        ):
            function = getattr(self._c, f"rd_kafka_{name}")
            function.restype, function.argtypes = gives, takes


def _move(theirs: int, ours: int) -> None:
    """Have the broker that listens on the port `theirs` listen on `ours`. librdkafka takes any free port and cannot be
    told which; but its listening socket is a descriptor of this process, and one can put another socket there."""
    with socket.socket() as listener:
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        listener.bind((HOST, ours))
        listener.listen(BACKLOG)
        listener.setblocking(False)
        os.dup2(listener.fileno(), _descriptor(theirs))


def _descriptor(port: int) -> int:
    """The descriptor of this process that listens on the port."""
    for entry in Path("/dev/fd").iterdir():
        try:
            with socket.socket(fileno=os.dup(int(entry.name))) as found:
                if found.getsockname()[:2] == (HOST, port):
                    return int(entry.name)
        except OSError:
            pass  # no socket, or closed meanwhile: it was the listing's own
    raise Missing(f"nothing here listens on port {port}")
