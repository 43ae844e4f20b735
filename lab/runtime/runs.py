"""The runs on this machine: where they are kept, which are alive, and what dead ones left behind."""

from __future__ import annotations

import contextlib
import os
import shutil
import signal
import tempfile
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field, replace
from pathlib import Path

import msgspec
import psutil

from lab.locale import tr
from lab.runtime.api import RunOptions
from lab.system.model import System
from lab.system.refusal import Refusal, Unknown

KEPT = 20
"""So many runs are kept; older dead ones are removed when a new one is made."""
SOCKET_LIMIT = 100
"""Bytes that fit into the address of a Unix socket everywhere."""
FULL = 1 << 20
"""Bytes that are free on a disk on which a run can no longer write all it has to."""
SAME = 1.0
"""Two creation times of one process differ by less, in seconds."""


class UnknownRun(Unknown):
    """No run is called so."""

    def __init__(self, word: str, known: Iterable[str]) -> None:
        super().__init__("run", word, known)


class NoRun(Refusal):
    """There is no run to speak of: none that is alive, or none at all."""


@dataclass(frozen=True, slots=True, kw_only=True)
class RunFile:
    """`run.json`: what a run is, and the process that carries it (`pid` 0: not yet)."""

    id: str
    system: System
    options: RunOptions
    socket: str
    started_at: str = ""
    pid: int = 0
    created: float = 0.0


@dataclass(frozen=True, slots=True)
class Pid:
    """A process of a run. `created` tells it from a later one with the same number."""

    name: str
    pid: int
    created: float


@dataclass(frozen=True, slots=True)
class Remains:
    """`pids.json`: what is to be removed if the run dies without doing so."""

    processes: list[Pid] = field(default_factory=list)
    paths: list[str] = field(default_factory=list)


@dataclass(frozen=True, slots=True, kw_only=True)
class RunRecord:
    """One run as its folder tells it. `system` is the system's name; `started` is RFC 3339, wall clock."""

    id: str
    folder: Path
    alive: bool
    system: str
    started: str
    options: RunOptions
    socket: Path
    pid: int

    @property
    def journal(self) -> Path:
        return self.folder / "journal.ndjson"


def home() -> Path:
    """The lab's own folder: `LAB_HOME`, or the platform's place for a user's data."""
    if told := os.environ.get("LAB_HOME"):
        return Path(told).expanduser().absolute()
    import platformdirs

    return platformdirs.user_data_path("lab")


def list_runs() -> list[RunRecord]:
    """All runs that are kept, oldest first."""
    return [record for folder in _folders() if (record := _record(folder))]


def find(ref: str | None) -> RunRecord:
    """The run called `ref` (`0007-day3`, `7` or `0007`); without it the latest alive. Raises NoRun, UnknownRun."""
    records = list_runs()
    if ref is None:
        alive = [record for record in records if record.alive]
        if not alive:
            raise NoRun(tr("no run is alive"))
        return alive[-1]
    for record in reversed(records):
        number = record.id.partition("-")[0]
        if ref == record.id or (ref.isdigit() and int(ref) == int(number)):
            return record
    raise UnknownRun(ref, [record.id for record in records])


def create(system: System, options: RunOptions, started_at: str) -> RunFile:
    """Make the folder of a new run with its `run.json`, and remove the oldest dead ones. Raises OSError."""
    runs = home() / "runs"
    runs.mkdir(parents=True, exist_ok=True)
    folder = _next_folder(runs, system.name)
    socket = folder / "control.sock"
    if len(os.fsencode(socket)) > SOCKET_LIMIT:
        socket = Path(tempfile.mkdtemp(prefix="lab-")) / "control.sock"
    file = RunFile(id=folder.name, system=system, options=options, socket=str(socket), started_at=started_at)
    write(folder / "run.json", file)
    _prune()
    return file


def load(folder: Path) -> RunFile:
    """The `run.json` of a folder. Raises OSError, msgspec.DecodeError."""
    return msgspec.json.decode((folder / "run.json").read_bytes(), type=RunFile)


def write(path: Path, value: object) -> None:
    """Write JSON so that a reader sees the old or the new file, never half of one. Raises OSError."""
    new = path.with_suffix(".new")
    new.write_bytes(msgspec.json.encode(value))
    new.replace(path)


def carries(file: RunFile) -> bool:
    """Whether the process that carries the run is alive."""
    began = created(file.pid) if file.pid else None
    return began is not None and abs(began - file.created) < SAME


def disk_full(folder: Path) -> str:
    """That the disk of this folder is full, with what is left of it; empty if it is not, or if nobody can tell."""
    try:
        left = shutil.disk_usage(folder).free
    except OSError:
        return ""
    return f"the disk is full ({left // 1024} KiB are free in {folder})" if left < FULL else ""


def created(pid: int) -> float | None:
    """When the process with this pid began (seconds since 1970), or None if there is none (or only its zombie)."""
    try:
        process = psutil.Process(pid)
        return None if process.status() == psutil.STATUS_ZOMBIE else process.create_time()
    except psutil.Error:
        return None


def clean_leftovers() -> list[str]:
    """End what dead runs left behind: processes, sockets, temporary folders. Returns the names of what was killed.

    A process is known by its pid and creation time, or by the mark of its run in its environment, so a stranger that
    got the same number is left alone.
    """
    dead = [folder for folder in _folders() if (folder / "pids.json").exists() and not _alive(folder)]
    if not dead:
        return []
    killed = [name for folder in dead for name in _kill_recorded(folder)]
    killed += _kill_marked({str(folder) for folder in dead})
    for folder in dead:
        _remove_paths(folder)
    return killed


def _kill_recorded(folder: Path) -> Iterator[str]:
    for known in _remains(folder).processes:
        now = created(known.pid)
        if now is None or abs(now - known.created) > SAME:
            continue
        with contextlib.suppress(ProcessLookupError, PermissionError):
            os.kill(known.pid, signal.SIGKILL)
            yield known.name
        with contextlib.suppress(ProcessLookupError, PermissionError):
            if os.getpgid(known.pid) == known.pid:
                os.killpg(known.pid, signal.SIGKILL)


def _kill_marked(folders: set[str]) -> list[str]:
    """Descendants that outlived their leader carry `LAB_RUN=<folder>`, as everything of a run does."""
    killed = []
    for process in psutil.process_iter(["name"]):
        try:
            if process.pid != os.getpid() and process.environ().get("LAB_RUN") in folders:
                process.kill()
                killed.append(process.info["name"])
        except (psutil.Error, OSError):
            continue
    return killed


def _remove_paths(folder: Path) -> None:
    for path in map(Path, _remains(folder).paths):
        if path.parent.name.startswith("lab-") and path.name == "control.sock":
            shutil.rmtree(path.parent, ignore_errors=True)
        elif path.is_dir():
            shutil.rmtree(path, ignore_errors=True)
        else:
            path.unlink(missing_ok=True)
    (folder / "pids.json").unlink(missing_ok=True)


def _remains(folder: Path) -> Remains:
    try:
        return msgspec.json.decode((folder / "pids.json").read_bytes(), type=Remains)
    except (OSError, msgspec.DecodeError):
        return Remains()


def _record(folder: Path) -> RunRecord | None:
    try:
        file = load(folder)
    except (OSError, msgspec.DecodeError):
        return None
    return RunRecord(
        id=file.id,
        folder=folder,
        alive=carries(file),
        system=file.system.name,
        started=file.started_at,
        options=file.options,
        socket=Path(file.socket),
        pid=file.pid,
    )


def _alive(folder: Path) -> bool:
    try:
        return carries(load(folder))
    except (OSError, msgspec.DecodeError):
        return False


def _folders() -> list[Path]:
    runs = home() / "runs"
    if not runs.is_dir():
        return []
    return sorted((folder for folder in runs.iterdir() if folder.name[:4].isdigit()), key=_number)


def _number(folder: Path) -> int:
    number = folder.name.partition("-")[0]
    return int(number) if number.isdigit() else 0


def _next_folder(runs: Path, name: str) -> Path:
    number = max(map(_number, _folders()), default=0)
    while True:
        number += 1
        folder = runs / f"{number:04}-{name}"
        try:
            folder.mkdir(mode=0o700)
        except FileExistsError:
            continue
        return folder


def _prune() -> None:
    records = list_runs()
    for record in records[: max(0, len(records) - KEPT)]:
        if not record.alive:
            _remove_paths(record.folder)
            shutil.rmtree(record.folder, ignore_errors=True)


def claim(folder: Path) -> RunFile:
    """This process carries the run from now on, and alone knows the credentials in its engines' URLs: the file that
    stays has none. Raises OSError."""
    pid = os.getpid()
    file = replace(load(folder), pid=pid, created=created(pid) or 0.0)
    tiers = {kind: _bare(tier) for kind, tier in file.options.tiers.items()}
    write(folder / "run.json", replace(file, options=replace(file.options, tiers=tiers)))
    return file


def _bare(tier: str) -> str:
    """A URL without user, password and options; the name of a tier as it is."""
    scheme, mark, rest = tier.partition("://")
    return f"{scheme}{mark}{rest.partition('?')[0].rpartition('@')[2]}"
