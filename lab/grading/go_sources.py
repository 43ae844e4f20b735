"""Where the modules that a Go service requires come from: out of the network, or from Debian's `golang-*-dev` packages.

Go fetches them by itself, with the versions of `go.mod`. Where it cannot, Debian's sources do as well: they stand
without versions under /usr/share/gocode and are meant for GOPATH mode, in which Debian builds its own programs. There
the service needs a place under `src`, and a link is one, so that nothing of the learner's is copied or changed.
"""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import tempfile
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from functools import lru_cache
from pathlib import Path

DEBIAN = Path("/usr/share/gocode")
WITH_C = "github.com/mattn/go-sqlite3"
"""It is built with a C compiler."""
FETCHING = 60.0
"""Seconds in which the network must give a module."""
MODULE = re.compile(r"^module\s+\"?([^\s\"]+)", re.MULTILINE)
REQUIRED = re.compile(r"^(?:require\s+|\s+)([\w.-]+\.[\w-]+/[^\s]+)\s+(v[^\s]+)(?!.*// indirect)", re.MULTILINE)
EXCLUDED = re.compile(r"^(?:exclude|replace|retract)\s*(?:\([^)]*\)|[^\n]*)", re.MULTILINE)


def required(folder: Path) -> dict[str, str]:
    """The modules that the service in `folder` names itself in its `go.mod`, with their versions."""
    return dict(REQUIRED.findall(EXCLUDED.sub("", _go_mod(folder))))


@contextmanager
def debian_sources(folder: Path) -> Iterator[tuple[Path, dict[str, str]] | None]:
    """The folder in which a command builds the service with Debian's sources, and the variables that it needs for it.

    None if it has no need of them, because Go has what it requires; or no use, because Debian lacks some.
    """
    modules = required(folder)
    name = MODULE.search(_go_mod(folder))
    if not name or not modules or _fetched(modules) or not all(map(_packaged, modules)):
        yield None
        return
    with tempfile.TemporaryDirectory(prefix="lab-go-") as scratch:
        place = Path(scratch).resolve() / "src" / name[1]
        place.parent.mkdir(parents=True)
        place.symlink_to(folder.absolute(), target_is_directory=True)
        yield (
            place,
            {"GO111MODULE": "off", "GOPATH": f"{scratch}:{DEBIAN}", "GOFLAGS": "", "GOENV": "off", "PWD": str(place)},
        )


def missing(folder: Path) -> str:
    """What the service in `folder` needs to be built and this machine cannot have, or nothing."""
    modules = required(folder)
    if WITH_C in modules and not shutil.which(os.environ.get("CC") or _told("CC") or "cc"):
        return "cc"
    if _fetched(modules) or all(map(_packaged, modules)):
        return ""
    return next((module for module, version in modules.items() if not _fetch(module, version)), "")


def _go_mod(folder: Path) -> str:
    try:
        return (folder / "go.mod").read_text(encoding="utf-8", errors="replace")
    except OSError:
        return ""


def _packaged(module: str) -> bool:
    return (DEBIAN / "src" / module).is_dir()


def _fetched(modules: Mapping[str, str]) -> bool:
    """Whether they are in Go's module cache."""
    cache = Path(_told("GOMODCACHE") or os.devnull)
    return all((cache / _escaped(f"{module}@{version}")).is_dir() for module, version in modules.items())


def _escaped(name: str) -> str:
    """As in the cache: a file system may not tell `A` from `a`."""
    return re.sub(r"[A-Z]", lambda found: f"!{found[0].lower()}", name)


@lru_cache
def _fetch(module: str, version: str) -> bool:
    with tempfile.TemporaryDirectory(prefix="lab-go-") as scratch:
        try:
            command = ["go", "mod", "download", f"{module}@{version}"]
            return (
                subprocess.run(command, cwd=scratch, capture_output=True, check=False, timeout=FETCHING).returncode == 0
            )
        except (OSError, subprocess.TimeoutExpired):
            return False


def _told(variable: str) -> str:
    try:
        return subprocess.run(["go", "env", variable], capture_output=True, text=True, check=False).stdout.strip()
    except OSError:
        return ""
