"""How Redis is started on each tier."""

from __future__ import annotations

import shutil
import subprocess

from lab.engines.recipe import HOST, EngineUnavailable, Place, Recipe
from lab.engines.redis.kind import KIND
from lab.locale import tr

URL = "redis://{address}"


def embedded(place: Place) -> Recipe:
    port = place.port()
    return Recipe(
        tier="embedded",
        title="fakeredis",
        url=URL,
        module="lab.engines.redis.server",
        after="fakeredis",
        argv=("--port", str(port)),
        port=port,
    )


def native(place: Place) -> Recipe:
    server = find()
    if server is None:
        raise EngineUnavailable(
            tr("no redis-server or valkey-server is on PATH; to get one: {native}", native=KIND.native)
        )
    port = place.port()
    settings = {
        "port": str(port),
        "bind": HOST,
        "dir": str(place.data),
        "save": "",
        "appendonly": "yes",
        "daemonize": "no",
        "loglevel": "warning",
    }
    argv = (server, *(word for name, value in settings.items() for word in (f"--{name}", value)))
    return Recipe(tier="native", title=version() or "Redis", url=URL, argv=argv, port=port)


def find() -> str | None:
    return shutil.which("redis-server") or shutil.which("valkey-server")


def version() -> str | None:
    """`Redis 7.0.15`, or None where none is installed."""
    if (server := find()) is None:
        return None
    try:
        said = subprocess.run([server, "--version"], capture_output=True, text=True, timeout=5, check=False).stdout
    except (OSError, subprocess.TimeoutExpired):
        return None
    number = next((word.removeprefix("v=") for word in said.split() if word.startswith("v=")), "")
    return f"{'Valkey' if 'valkey' in server else 'Redis'} {number}".strip()
