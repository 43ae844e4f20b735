"""How a broker is started on each tier: the lab's own, or a private RabbitMQ node that touches nothing else."""

from __future__ import annotations

import re
import secrets
import shlex
import shutil
from pathlib import Path

from lab.engines.amqp.kind import KIND
from lab.engines.amqp.ready import greets
from lab.engines.recipe import HOST, EngineUnavailable, Place, Recipe
from lab.locale import tr

URL = "amqp://guest:guest@{address}"

# Connections that end without a goodbye are its readiness probes, once a second, or are told by the taps anyway.
CONFIGURATION = """\
listeners.tcp.1 = {host}:{port}
log.console = true
log.console.level = warning
log.connection.level = error
log.file = false
disk_free_limit.absolute = 50MB
default_user = lab
default_pass = {password}
"""


def embedded(place: Place) -> Recipe:
    port = place.port()
    return Recipe(
        tier="embedded",
        title="lab broker",
        url=URL,
        module="lab.engines.amqp",
        argv=("--port", str(port), "--data", str(place.data)),
        port=port,
        ready=greets,
    )


def native(place: Place) -> Recipe:
    """A node with its own name, ports, data, cookie and name server (epmd), all in the engine's process group."""
    server, epmd = find(), shutil.which("epmd")
    if server is None or epmd is None:
        raise EngineUnavailable(tr("no rabbitmq-server is on PATH; to get it: {native}", native=KIND.native))
    port, distribution, names = place.port(), place.port(), place.port()
    data = place.data
    password = secrets.token_hex(16)  # every user of this machine reaches the port
    (data / "rabbitmq.conf").write_text(CONFIGURATION.format(host=HOST, port=port, password=password))
    (data / "enabled_plugins").write_text("[].\n")
    (data / "environment").write_text("# instead of the machine's own rabbitmq-env.conf\n")
    env = {
        "HOME": str(data),
        "ERL_EPMD_ADDRESS": HOST,
        "ERL_EPMD_PORT": str(names),
        "RABBITMQ_NODENAME": f"lab-{port}@localhost",
        "RABBITMQ_NODE_IP_ADDRESS": HOST,
        "RABBITMQ_NODE_PORT": str(port),
        "RABBITMQ_DIST_PORT": str(distribution),
        "RABBITMQ_MNESIA_BASE": str(data / "mnesia"),
        "RABBITMQ_LOG_BASE": str(data / "log"),
        "RABBITMQ_LOGS": "-",
        "RABBITMQ_CONFIG_FILE": str(data / "rabbitmq.conf"),
        "RABBITMQ_CONF_ENV_FILE": str(data / "environment"),
        "RABBITMQ_ADVANCED_CONFIG_FILE": str(data / "advanced.config"),
        "RABBITMQ_ENABLED_PLUGINS_FILE": str(data / "enabled_plugins"),
        "RABBITMQ_GENERATED_CONFIG_DIR": str(data / "config"),
        "RABBITMQ_PID_FILE": str(data / "pid"),
        "RABBITMQ_SERVER_ADDITIONAL_ERL_ARGS": "-start_epmd false -kernel inet_dist_use_interface {127,0,0,1}",
    }
    script = f"{shlex.quote(epmd)} -address {HOST} -port {names} & exec {shlex.quote(server)}"
    return Recipe(
        tier="native",
        title=version() or "RabbitMQ",
        url=f"amqp://lab:{password}@{{address}}",
        argv=("/bin/sh", "-c", script),
        env=env,
        port=port,
        ready=greets,
        ports=(distribution, names),
        boot=tr("usually 5-24 s"),
    )


def find() -> str | None:
    """The server's own script. Debian's wrapper on PATH would change the user and the folder."""
    on_path = shutil.which("rabbitmq-server") or shutil.which("rabbitmq-server", path="/usr/sbin:/usr/local/sbin")
    if on_path is None:
        return None
    real = Path(on_path).resolve()
    if real.name == "rabbitmq-script-wrapper":
        real = real.with_name("rabbitmq-server")
    return str(real) if real.exists() else on_path


def version() -> str | None:
    """`RabbitMQ 3.10.8`, read from where it is installed, because asking the node takes seconds."""
    if (server := find()) is None:
        return None
    home = Path(server).resolve().parent.parent
    folders = [home.name, *(folder.name for folder in home.glob("lib/rabbitmq_server-*"))]
    numbers = [match[1] for name in folders if (match := re.search(r"(\d+\.\d+\.\d+)", name))]
    return f"RabbitMQ {numbers[-1]}" if numbers else "RabbitMQ"
