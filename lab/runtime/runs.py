"""The runs on this machine: where they are kept, which are alive, and what dead ones left behind."""

from __future__ import annotations

import os
import re
import shutil
from collections.abc import Iterable
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Literal

import msgspec

from lab.locale import tr
from lab.locale.home import expanded, folder
from lab.runtime import leftovers
from lab.runtime.api import RunOptions
from lab.runtime.identity import identity
from lab.runtime.leftovers import Pid
from lab.system.model import System
from lab.system.refusal import Refusal, Unknown
from lab.system.secrets import without_login
from lab.system.stored import Damaged, decode

KEPT = 20
"""So many runs are kept, and as many gradings; older dead ones are removed when a new one is made."""
SOCKET_LIMIT = 100
"""Bytes that fit into the address of a Unix socket everywhere."""
FULL = 1 << 20
"""Bytes that are free on a disk on which a run can no longer write all it has to."""
FOLDER, NUMBER = re.compile(r"[0-9]{4}"), re.compile(r"([0-9]{1,9})(-|$)")
READY, KEEP = "ready", "keep"
"""Files in a run's folder that say: it was ready once, and it is not to be removed."""


class UnknownRun(Unknown):
    """No run is called so."""

    def __init__(self, word: str, known: Iterable[str]) -> None:
        super().__init__("run", word, known)


class NoRun(Refusal):
    """There is no run to speak of: none that is alive, or none at all."""


@dataclass(frozen=True, slots=True, kw_only=True)
class RunFile:
    """`run.json`: what a run is, the process that started it, and the one that carries it (`pid` 0: not yet)."""

    id: str
    system: System
    options: RunOptions
    socket: str
    started_at: str = ""
    pid: int = 0
    born: str = ""
    """The identity of that process."""
    starter: Pid | None = None


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

    @property
    def kept(self) -> bool:
        """Whether the reader wants it kept."""
        return (self.folder / KEEP).exists()

    @property
    def kind(self) -> Literal["run", "grading", "failed"]:
        """What it is counted as; `failed` is a start after which the run never became ready."""
        if self.options.grading:
            return "grading"
        return "run" if (self.folder / READY).exists() else "failed"


def home() -> Path:
    """The lab's own folder: `LAB_HOME`, or the platform's place for a user's data. Raises NoHome."""
    if told := os.environ.get("LAB_HOME"):
        return expanded(told).absolute()
    return folder("data")


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
    number = 0 if "-" in ref else _number(ref)  # who gives the name means that name
    for record in reversed(records):
        if ref == record.id or (number and number == _number(record.folder.name)):
            return record
    raise UnknownRun(ref, [record.id for record in records])


def create(system: System, options: RunOptions, started_at: str) -> RunFile:
    """Make the folder of a new run with its `run.json`, and remove the oldest dead ones. Raises OSError."""
    runs = home() / "runs"
    runs.mkdir(parents=True, exist_ok=True)
    folder = _next_folder(runs, system.name)
    socket = folder / "control.sock"
    if len(os.fsencode(socket)) > SOCKET_LIMIT:
        socket = leftovers.scratch(folder) / "control.sock"
    starter = Pid("starter", os.getpid(), identity(os.getpid()) or "")
    file = RunFile(
        id=folder.name, system=system, options=options, socket=str(socket), started_at=started_at, starter=starter
    )
    write(folder / "run.json", file)
    _prune()
    return file


def load(folder: Path) -> RunFile:
    """The `run.json` of a folder. Raises OSError, Damaged."""
    return decode((folder / "run.json").read_bytes(), RunFile)


def write(path: Path, value: object) -> None:
    """Write JSON so that a reader sees the old or the new file, never half of one. Raises OSError."""
    new = path.with_suffix(".new")
    new.write_bytes(msgspec.json.encode(value))
    new.replace(path)


def carries(file: RunFile) -> bool:
    """Whether the process that carries the run is alive."""
    return bool(file.born) and identity(file.pid) == file.born


def disk_full(folder: Path) -> str:
    """That the disk of this folder is full, with what is left of it; empty if it is not, or if nobody can tell."""
    try:
        left = shutil.disk_usage(folder).free
    except OSError:
        return ""
    return (
        tr("the disk is full ({left} KiB are free in {folder})", left=left // 1024, folder=folder)
        if left < FULL
        else ""
    )


def clean_leftovers() -> list[str]:
    """End what dead runs left behind: processes, sockets, temporary folders. Returns the names of what was killed."""
    written = [folder for folder in _folders() if (folder / leftovers.FILE).exists()]
    silent = [folder for folder in leftovers.with_scratch(_folders()) if folder not in written]
    dead = [
        *(folder for folder in written if not _alive(folder)),
        *(folder for folder in silent if _died_at_birth(folder)),
    ]
    return leftovers.clean(dead) if dead else []


def _record(folder: Path) -> RunRecord | None:
    try:
        file = load(folder)
    except (OSError, Damaged):
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
    except (OSError, Damaged):
        return False


def _died_at_birth(folder: Path) -> bool:
    """Whether nobody carries the run, and nobody is left who could be starting it."""
    try:
        file = load(folder)
    except (OSError, Damaged):
        return False
    starter = file.starter
    return not carries(file) and starter is not None and bool(starter.born) and identity(starter.pid) != starter.born


def _folders() -> list[Path]:
    runs = home() / "runs"
    if not runs.is_dir():
        return []
    numbered = {folder: _number(folder.name) for folder in runs.iterdir() if FOLDER.match(folder.name)}
    return sorted(numbered, key=lambda folder: numbered[folder])


def _number(name: str) -> int:
    """The number in `0007-day3`, `0007` or `7`; 0 if there is none."""
    found = NUMBER.match(name)
    return int(found[1]) if found else 0


def _next_folder(runs: Path, name: str) -> Path:
    number = max((_number(folder.name) for folder in _folders()), default=0)
    while True:
        number += 1
        folder = runs / f"{number:04}-{name}"
        try:
            folder.mkdir(mode=0o700)
        except FileExistsError:
            continue
        return folder


def _prune() -> None:
    """Of runs, of gradings and of starts that failed the latest are kept, each for themselves, and what the reader
    wants to keep."""
    kinds: dict[str, list[RunRecord]] = {}
    for record in list_runs():
        kinds.setdefault(record.kind, []).append(record)
    for records in kinds.values():
        for record in records[: max(0, len(records) - KEPT)]:
            if not (record.alive or record.kept):
                leftovers.remove(record.folder)
                shutil.rmtree(record.folder, ignore_errors=True)


def keep(record: RunRecord) -> None:
    """Have the run kept until somebody removes its folder. Raises OSError."""
    (record.folder / KEEP).touch()


def claim(folder: Path) -> RunFile:
    """This process carries the run from now on, and alone knows the credentials in its engines' URLs: the file that
    stays has none. Raises OSError."""
    pid = os.getpid()
    file = replace(load(folder), pid=pid, born=identity(pid) or "")
    tiers = {kind: without_login(tier) for kind, tier in file.options.tiers.items()}
    write(folder / "run.json", replace(file, options=replace(file.options, tiers=tiers)))
    return file
