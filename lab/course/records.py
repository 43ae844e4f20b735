"""The gradings of a workspace as they are kept: `.lab/records/0007-day5.3/` with the report and the services' logs."""

from __future__ import annotations

import hashlib
import re
import shutil
from collections.abc import Iterator, Mapping
from contextlib import suppress
from pathlib import Path
from zipfile import ZIP_DEFLATED, BadZipFile, ZipFile

import msgspec

from lab.course.assignment import Source
from lab.grading.model import Report
from lab.grading.report.record import Unreadable, read_report, report_json
from lab.system.stored import Damaged, decode

CODE = "code"
"""The folder of the workspace's own in which each version that was graded lies once, by its fingerprint."""
LARGEST = 4 << 20
"""Bytes of code up to which a version is kept; what is larger holds more than code."""
KEPT = 50
"""The number of latest gradings that keep their logs; older ones keep only the report."""
REPORT, ATTEMPT = "report.json", "attempt.json"
NOT_WRITTEN = frozenset({"__pycache__", ".venv", "node_modules", "bin", ".git", "target", "dist"})
"""Folders that tools write, not learners."""
_FOLDER = re.compile(r"(\d+)-(day\d+\.\d+)")


class Attempt(msgspec.Struct, frozen=True, kw_only=True):
    """What is known of a grading beside its report: the code that was graded, and whether all of it was."""

    code: str
    whole: bool


def new(own: Path, exercise: str) -> Path:
    """The folder for one more grading. Raises OSError."""
    records = own / "records"
    records.mkdir(parents=True, exist_ok=True)
    number = max((number for number, _ in _folders(own)), default=0) + 1
    while True:
        folder = records / f"{number:04}-{exercise}"
        try:
            folder.mkdir()
        except FileExistsError:
            number += 1
            continue
        _thin_out(own)
        return folder


def keep(folder: Path, report: Report, attempt: Attempt) -> None:
    """Write the report down. Raises OSError."""
    (folder / ATTEMPT).write_bytes(msgspec.json.encode(attempt))
    partly = folder / f"{REPORT}.new"
    partly.write_bytes(report_json(report))
    partly.replace(folder / REPORT)


def read(own: Path) -> Iterator[tuple[Path, Report, Attempt]]:
    """Every grading that can be read, oldest first."""
    for _, folder in _folders(own):
        try:
            report = read_report((folder / REPORT).read_bytes())
            attempt = decode((folder / ATTEMPT).read_bytes(), Attempt)
        except (OSError, Unreadable, Damaged):
            continue
        yield folder, report, attempt


def last(own: Path) -> str:
    """The exercise that was graded last, or nothing."""
    return next((folder.name.partition("-")[2] for _, folder in reversed(_folders(own))), "")


def fingerprint(programs: Mapping[str, Source]) -> str:
    """The same for the same code, whatever was built or run beside it. Raises OSError."""
    digest = hashlib.sha256()
    for name, source in sorted(programs.items()):
        for path in written(source.dir):
            digest.update(f"{name}/{path.relative_to(source.dir)}\0".encode())
            digest.update(hashlib.sha256(path.read_bytes()).digest())
    return digest.hexdigest()


def keep_code(own: Path, code: str, programs: Mapping[str, Source]) -> None:
    """Keep the graded version of the programs, if it is not kept yet. Raises OSError."""
    archive = _archive(own, code)
    files = {
        f"{name}/{path.relative_to(source.dir).as_posix()}": path
        for name, source in sorted(programs.items())
        for path in written(source.dir)
    }
    if archive.exists() or sum(path.stat().st_size for path in files.values()) > LARGEST:
        return
    archive.parent.mkdir(parents=True, exist_ok=True)
    partly = archive.with_suffix(".new")
    with ZipFile(partly, "w", ZIP_DEFLATED) as made:
        for name, path in files.items():
            made.writestr(name, path.read_bytes())
    partly.replace(archive)


def code(own: Path, fingerprint: str) -> dict[str, list[str]] | None:
    """The lines of each text file of a graded version, by `service/path`; None if it is not kept (any more)."""
    found = {}
    try:
        with ZipFile(_archive(own, fingerprint)) as kept:
            for name in kept.namelist():
                with suppress(UnicodeDecodeError):
                    found[name] = kept.read(name).decode().splitlines()
    except (OSError, BadZipFile):
        return None
    return found


def _archive(own: Path, fingerprint: str) -> Path:
    return own / CODE / f"{fingerprint[:20]}.zip"


def written(folder: Path) -> list[Path]:
    """The files in the folder that somebody wrote; none if it is not there."""
    if not folder.is_dir():
        return []
    found = []
    for path in folder.iterdir():
        if path.name in NOT_WRITTEN or path.name.endswith("_cache"):
            continue
        if path.is_symlink() and path.is_dir():
            continue  # the link may form a cycle
        found += written(path) if path.is_dir() else [path] if path.is_file() else []
    return sorted(found)


def _folders(own: Path) -> list[tuple[int, Path]]:
    found = [(match, path) for path in (own / "records").glob("*-day*") if (match := _FOLDER.fullmatch(path.name))]
    return sorted((int(match[1]), path) for match, path in found)


def _thin_out(own: Path) -> None:
    """Old gradings keep only the report, and code stays that one of the others had."""
    old = _folders(own)[:-KEPT]
    if not old:
        return
    needed = {
        _archive(own, attempt.code) for folder, _, attempt in read(own) if folder not in {path for _, path in old}
    }
    for archive in (own / CODE).glob("*.zip"):
        if archive not in needed:
            archive.unlink(missing_ok=True)
    for _, folder in old:
        for path in folder.iterdir():
            if path.name not in (REPORT, ATTEMPT):
                shutil.rmtree(path, ignore_errors=True) if path.is_dir() else path.unlink(missing_ok=True)
