"""Sets up a private PostgreSQL cluster if there is none yet, and becomes its server.

python -m lab.engines.sql.cluster --programs /usr/lib/postgresql/17/bin --port 5432 --data DIR --database orders

PostgreSQL refuses to run as root: then everything is done as the user `postgres` or, where there is none, `nobody`.
Every user of this machine reaches its port, and its only role may run programs, so it asks for the password that it
finds in the variable PASSWORD.
"""

from __future__ import annotations

import argparse
import os
import pwd
import subprocess
import sys
from pathlib import Path
from tempfile import NamedTemporaryFile

from lab.engines.lifetime import die_with_parent
from lab.engines.recipe import HOST
from lab.engines.sql.tiers import PASSWORD, ROLE
from lab.locale import tr


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("--programs", type=Path, required=True)
    parser.add_argument("--port", required=True)
    parser.add_argument("--data", type=Path, required=True)
    parser.add_argument("--database", action="append", default=[])
    options = parser.parse_args()
    password = os.environ.pop(PASSWORD)
    cluster = options.data / "cluster"
    _leave_root(options.data)
    if not (cluster / "PG_VERSION").exists():
        _create(options.programs, cluster, options.database, password)
    server = options.programs / "postgres"
    settings = {
        "listen_addresses": HOST,
        "port": options.port,
        "unix_socket_directories": "",
        "log_min_messages": "warning",
        "max_connections": "200",
    }
    os.execv(server, ["postgres", "-D", str(cluster), *(f"--{name}={value}" for name, value in settings.items())])


def _leave_root(data: Path) -> None:
    if os.geteuid() != 0:
        return
    try:
        user = pwd.getpwnam("postgres")
    except KeyError:
        user = pwd.getpwnam("nobody")
    parent = os.getppid()
    for path in (data, *data.rglob("*")):
        os.chown(path, user.pw_uid, user.pw_gid, follow_symlinks=False)
    os.initgroups(user.pw_name, user.pw_gid)
    os.setgid(user.pw_gid)
    os.setuid(user.pw_uid)
    os.chdir(data)
    os.environ["HOME"] = str(data)
    die_with_parent(parent)


def _create(programs: Path, cluster: Path, databases: list[str], password: str) -> None:
    with NamedTemporaryFile("w", dir=cluster.parent) as file:  # as an argument everybody could read it
        file.write(password)
        file.flush()
        access = ["--auth=scram-sha-256", f"--pwfile={file.name}"]
        _must([programs / "initdb", "-D", cluster, "-U", ROLE, *access, "--encoding=UTF8", "--no-sync"])
    statements = "".join(f"CREATE DATABASE {name};\n" for name in databases)
    _must([programs / "postgres", "--single", "-j", "-D", cluster, "postgres"], statements.replace(";\n", ";\n\n"))


def _must(command: list[str | Path], given: str = "") -> None:
    done = subprocess.run(command, input=given, capture_output=True, text=True, check=False)
    if done.returncode:
        sys.exit(
            tr(
                "{command} failed with code {returncode}:\n{stderr}",
                command=command[0],
                returncode=done.returncode,
                stderr=done.stderr.strip(),
            )
        )


if __name__ == "__main__":
    main()
