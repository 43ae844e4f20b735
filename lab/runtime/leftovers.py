"""What runs that died left behind is removed, and only that: nothing that is merely said to be theirs.

A run's folder may have been edited, or received from somebody else. So a process is only ended if it carries the mark
of the run, or is the very one that was written down; a path is only removed inside the run's folder, and a temporary
folder only if its name says that it was made for the run.
"""

from __future__ import annotations

import contextlib
import os
import shutil
import signal
import socket
import tempfile
from collections.abc import Iterable
from dataclasses import dataclass, field
from functools import partial
from hashlib import sha256
from pathlib import Path

import psutil

from lab.runtime.identity import identity
from lab.system.stored import Damaged, decode

FILE = "pids.json"
MARK = "LAB_RUN"
"""The environment variable with the run's folder that everything of a run carries."""
RUNTIME = "runtime"
"""The name under which a runtime writes itself down."""


@dataclass(frozen=True, slots=True)
class Pid:
    """A process of a run. `born` is its identity."""

    name: str
    pid: int
    born: str = ""


@dataclass(frozen=True, slots=True)
class Remains:
    """`pids.json`: what is to be removed if the run dies without doing so."""

    processes: list[Pid] = field(default_factory=list)
    paths: list[str] = field(default_factory=list)


def scratch(folder: Path) -> Path:
    """A new temporary folder for the run of that folder; its name says whose it is. Raises OSError."""
    return Path(tempfile.mkdtemp(prefix=f"lab-{_tag(folder)}-"))


def with_scratch(folders: Iterable[Path]) -> list[Path]:
    """Those of these runs' folders that have a temporary one."""
    there = {path.name.split("-")[1] for path in Path(tempfile.gettempdir()).glob("lab-*-*")}
    return [folder for folder in folders if _tag(folder) in there]


def clean(folders: Iterable[Path]) -> list[str]:
    """End and remove what the dead runs of these folders left behind. Returns the names of the processes killed.

    A run that lives in truth, whatever one of its files says, is left alone.
    """
    dead = [folder for folder in folders if not _lives(folder)]
    killed = [name for folder in dead for name in _kill_recorded(folder)]
    killed += kill_marked({str(folder) for folder in dead})
    for folder in dead:
        remove(folder)
    return killed


def remove(folder: Path) -> None:
    """Remove the sockets and temporary folders of a dead run."""
    for path in (*_scratches(folder), *filter(partial(_inside, folder), map(Path, recorded(folder).paths))):
        with contextlib.suppress(OSError, ValueError):
            shutil.rmtree(path) if path.is_dir() else path.unlink(missing_ok=True)
    with contextlib.suppress(OSError):
        (folder / FILE).unlink(missing_ok=True)


def _inside(folder: Path, path: Path) -> bool:
    """Whether the path is in the run's folder, and so the run's to remove."""
    if ".." in path.parts or not path.is_absolute() or path == folder:
        return False
    with contextlib.suppress(OSError, ValueError):
        return path.parent.resolve().is_relative_to(folder.resolve())
    return False


def _scratches(folder: Path) -> list[Path]:
    """The run's temporary folders, also those that it had no time to write down."""
    found = Path(tempfile.gettempdir()).glob(f"lab-{_tag(folder)}-*")
    return [path for path in found if not path.is_symlink() and path.stat().st_uid == os.getuid()]


def _tag(folder: Path) -> str:
    return sha256(os.fsencode(folder.resolve())).hexdigest()[:10]


def _kill_recorded(folder: Path) -> Iterable[str]:
    for known in recorded(folder).processes:
        if not known.born or identity(known.pid) != known.born or known.pid == os.getpid():
            continue
        with contextlib.suppress(ProcessLookupError, PermissionError):
            if os.getpgid(known.pid) == known.pid:
                os.killpg(known.pid, signal.SIGKILL)
            else:
                os.kill(known.pid, signal.SIGKILL)
            yield known.name


def kill_marked(folders: set[str]) -> list[str]:
    """Kill the leaders of these runs, and descendants that outlived theirs: all carry the mark. This process is spared.
    Returns the names of those killed."""
    killed = []
    for process in psutil.process_iter(["name"]):
        with contextlib.suppress(psutil.Error, OSError):
            if process.pid != os.getpid() and process.environ().get(MARK) in folders:
                process.kill()
                killed.append(process.info["name"])
    return killed


def _lives(folder: Path) -> bool:
    """Whether the runtime that was written down is there, or somebody answers on the run's socket."""
    remains = recorded(folder)
    if any(one.name == RUNTIME and one.born and identity(one.pid) == one.born for one in remains.processes):
        return True
    sockets = {folder / "control.sock", *(Path(path) for path in remains.paths if path.endswith(".sock"))}
    return any(map(_answers, sockets))


def _answers(path: Path) -> bool:
    with contextlib.suppress(OSError, ValueError), socket.socket(socket.AF_UNIX) as line:
        line.settimeout(1.0)
        line.connect(str(path))
        return True
    return False


def recorded(folder: Path) -> Remains:
    """What the run wrote down; nothing where that cannot be read."""
    try:
        return decode((folder / FILE).read_bytes(), Remains)
    except (OSError, Damaged):
        return Remains()
