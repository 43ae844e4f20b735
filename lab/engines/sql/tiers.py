"""How a SQL database is started on each tier."""

from __future__ import annotations

import os
import re
import secrets
import shutil
import signal
import subprocess
from dataclasses import replace
from pathlib import Path
from urllib.parse import urlsplit

from lab.engines.recipe import EngineUnavailable, Place, Recipe
from lab.engines.sql.kind import KIND
from lab.engines.sql.ready import accepts_sessions
from lab.locale import tr
from lab.system.extras import missing

ROLE = "lab"
PASSWORD = "LAB_SQL_PASSWORD"
"""The variable in which the cluster finds the password of its role."""
INSTALLED = ("/usr/lib/postgresql", "/usr/local/opt", "/opt/homebrew/opt")


def embedded(place: Place) -> Recipe:
    url = f"sqlite:///{place.data.parent}/{{user}}/{{user}}.db"
    return Recipe(tier="embedded", title="SQLite", url=url, ready=None)


def native(place: Place) -> Recipe:
    programs = find()
    if programs is None:
        raise EngineUnavailable(tr("no PostgreSQL server is installed; to get it: {native}", native=KIND.native))
    port = place.port()
    data, paths = place.data, tuple[Path, ...]()
    if os.geteuid() == 0:
        # PostgreSQL refuses root, and the user it runs as instead cannot enter root's folders.
        data = place.scratch()
        paths = (data,)
    password = secrets.token_hex(16)
    argv = ["--programs", programs, "--port", str(port), "--data", str(data)]
    for user in place.users:
        argv += ["--database", database(user)]
    return Recipe(
        tier="native",
        title=version() or "PostgreSQL",
        url=f"postgresql+psycopg://{ROLE}:{password}@{{address}}/{{user}}",
        module="lab.engines.sql.cluster",
        argv=tuple(argv),
        env={PASSWORD: password},
        port=port,
        ready=accepts_sessions,
        boot=tr("usually 1-4 s"),
        stop=signal.SIGINT,
        paths=paths,
    )


def elsewhere(place: Place, url: str, made: Recipe) -> Recipe:
    """The same with a database for each service, which the run makes and takes away: services share no tables. Where
    there is no driver to make them with, all have the database that the URL names."""
    if not urlsplit(url).scheme.startswith("postgresql") or missing("psycopg"):
        return made
    from lab.engines.sql.elsewhere import Databases

    databases = Databases(url, place.users)
    of_each = urlsplit(made.url)._replace(path=f"/{databases.prefix}{{user}}").geturl()
    return replace(made, url=of_each, begin=databases.make, end=databases.remove, remains="")


def database(user: str) -> str:
    """The name of a service's database."""
    return user.replace("-", "_")


def find() -> str | None:
    """The folder with `postgres` and `initdb`: on PATH, or where packages put them off it."""
    if (on_path := shutil.which("initdb")) and shutil.which("postgres"):
        return str(Path(on_path).parent)
    found = [path.parent for root in INSTALLED for path in Path(root).glob("*/bin/initdb")]
    found = [folder for folder in found if (folder / "postgres").exists()]
    return str(max(found, key=_number)) if found else None


def _number(folder: Path) -> int:
    return int((re.findall(r"\d+", folder.parent.name) or ["0"])[-1])


def version() -> str | None:
    """`PostgreSQL 15.6`, or None where none is installed."""
    if (programs := find()) is None:
        return None
    command = [f"{programs}/postgres", "--version"]
    try:
        said = subprocess.run(command, capture_output=True, text=True, timeout=5, check=False).stdout
    except (OSError, subprocess.TimeoutExpired):
        return None
    number = re.search(r"\d+(\.\d+)*", said)
    return f"PostgreSQL {number[0]}" if number else "PostgreSQL"
