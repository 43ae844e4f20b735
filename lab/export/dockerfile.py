"""The Dockerfile of a service: what it needs and nothing else, run by nobody special."""

from __future__ import annotations

import json
import re
import sys
from collections.abc import Collection
from pathlib import PurePath

from lab.export.workload import SERVICE_USER, Workload
from lab.system.model import Service

PYTHON = f"python:{sys.version_info.major}.{sys.version_info.minor}-slim"
"""The version that runs here, for the requirements name what was installed for it."""
BASES = {
    "node": "node:22-slim",
    "npm": "node:22-slim",
    "npx": "node:22-slim",
    "deno": "denoland/deno:2",
    "bun": "oven/bun:1",
    "go": "golang:1.25",
    "java": "eclipse-temurin:21-jre",
    "ruby": "ruby:3.4-slim",
    "php": "php:8.4-cli",
    "dotnet": "mcr.microsoft.com/dotnet/sdk:9.0",
}
"""The image in which a program of that name is found."""
OTHERS = "debian:13-slim"
SHELL = ("/bin/sh", "-c")

IN_PYTHON = """\
FROM {base} AS packages
COPY requirements.txt .
RUN python -m venv /packages && /packages/bin/pip install --no-cache-dir --requirement requirements.txt

FROM {base}
"""
NO_PACKAGES = """\
FROM {base}
"""
NODE_PACKAGES = """\
COPY {manifest} /app/
RUN cd /app && npm {install}
"""
USER = """\
# A user of its own, which owns /data and nothing else.
RUN groupadd --gid {uid} app && useradd --uid {uid} --gid {uid} --no-create-home --shell /usr/sbin/nologin app \\
    && install --directory --owner app --group app /data
"""
_VARIABLE = re.compile(r"\$(\$|\{?[A-Za-z_]\w*\}?)")


def python(workload: Workload, service: Service, *, packages: bool) -> str:
    """That of a service in Python, which is in src/; what it needs stands in requirements.txt, if it needs any."""
    ours = workload.hardened
    return _lines(
        (IN_PYTHON if packages else NO_PACKAGES).format(base=PYTHON),
        USER.format(uid=SERVICE_USER),
        "COPY --from=packages /packages /packages\n" if packages else "",
        "COPY src /app\n",
        f"ENV {'PATH=/packages/bin:$PATH ' if packages else ''}PYTHONPATH=/app PYTHONUNBUFFERED=1 "
        "PYTHONDONTWRITEBYTECODE=1\n",
        _run(workload, _command(service), "/data" if ours else "/app"),
    )


def program(workload: Workload, service: Service, files: Collection[str]) -> str:
    """That of any other program, which is in src/: begun as its command says."""
    base = base_of(service)
    node = ""
    if base == BASES["node"] and "package.json" in files:
        locked = "package-lock.json" in files
        manifest = "src/package.json src/package-lock.json" if locked else "src/package.json"
        node = NODE_PACKAGES.format(manifest=manifest, install=f"{'ci' if locked else 'install'} --omit=dev")
    return _lines(
        NO_PACKAGES.format(base=base),
        USER.format(uid=SERVICE_USER),
        node,
        "COPY src /app\n",
        _run(workload, _command(service), "/app"),
    )


def _command(service: Service) -> list[str]:
    """As the lab would start it. Variables in its words are put in by a shell in the container, which knows them."""
    if service.module:
        return ["python", "-m", service.module]
    words = service.command
    if words[:2] == SHELL or not any("$" in word for word in words):
        return list(words)
    return ["sh", "-c", "exec " + " ".join(map(_quoted, words))]


def base_of(service: Service) -> str:
    """The image that has the service's program, or a plain one."""
    return PYTHON if in_python(service) else next((BASES[word] for word in _said(service) if word in BASES), OTHERS)


def in_python(service: Service) -> bool:
    return bool(service.module) or any(word in ("python", "python3") for word in _said(service))


def _said(service: Service) -> list[str]:
    """The words of its command that may name a program: the first one, or all of what a shell runs."""
    if service.command[:2] == SHELL:
        return re.findall(r"[\w.-]+", service.command[2])
    return [PurePath(service.command[0]).name] if service.command else []


def _run(workload: Workload, command: list[str], folder: str) -> str:
    exposed = " ".join(str(port) for port in workload.ports.values())
    lines = [
        f"WORKDIR {folder}",
        f"USER {SERVICE_USER}:{SERVICE_USER}",
        f"EXPOSE {exposed}" if exposed else "",
        f"CMD {json.dumps(command)}",
    ]
    return "".join(f"{line}\n" for line in lines if line)


def _quoted(word: str) -> str:
    """For a shell: a variable is put in, as the lab does, and nothing else happens."""
    parts, at = [], 0
    for match in _VARIABLE.finditer(word):
        parts += [_escaped(word[at : match.start()]), r"\$" if match[1] == "$" else match[0]]
        at = match.end()
    return '"' + "".join([*parts, _escaped(word[at:])]) + '"'


def _escaped(text: str) -> str:
    return re.sub(r'([\\"`$])', r"\\\1", text)


def _lines(*parts: str) -> str:
    return "\n".join(filter(None, parts))
