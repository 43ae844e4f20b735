"""The learner's progress: attempts and opened hints, in `.lab/progress.db` of a workspace; what was answered in quizzes
and katas, which belong to none, in a file like it in the lab's own folder.

A workspace's file can always be lost: the records of the gradings say again what it knows of attempts.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Collection, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, date, datetime
from pathlib import Path
from typing import Any, Literal

from sqlalchemy import Boolean, Column, Engine, Integer, MetaData, String, Table, create_engine, event, select
from sqlalchemy.dialects.sqlite import insert
from sqlalchemy.exc import DatabaseError, OperationalError

from lab.course import records
from lab.course.records import Attempt
from lab.course.spacing import Answered
from lab.grading.model import Report
from lab.locale import tr
from lab.system.refusal import Refusal

FILE = "progress.db"
VERSION = 1
PATIENCE = 5.0
"""Seconds to wait while another command locks the file."""


class NewerProgress(Refusal):
    """A newer lab wrote the file."""

    def __init__(self, path: Path) -> None:
        super().__init__(
            tr("your progress was written by a newer lab"),
            tr("{path}; this lab reads version {version}", path=path, version=VERSION),
        )


TABLES = MetaData()
ATTEMPTS = Table(
    "attempts",
    TABLES,
    Column("id", Integer, primary_key=True),
    Column("record", String, nullable=False, unique=True),
    Column("exercise", String, nullable=False, index=True),
    Column("at", String, nullable=False),
    Column("seed", Integer, nullable=False),
    Column("passed", Boolean, nullable=False),
    Column("honest", Boolean, nullable=False),
    Column("gold", Integer, nullable=False),
    Column("failing", String, nullable=False),
    Column("code", String, nullable=False),
)
HINTS = Table(
    "hints",
    TABLES,
    Column("exercise", String, primary_key=True),
    Column("number", Integer, primary_key=True),
    Column("at", String, nullable=False),
)


REVIEWS = Table(
    "reviews",
    TABLES,
    Column("exercise", String, primary_key=True),
    Column("misconception", String, primary_key=True),
    Column("on", String, nullable=False),
    Column("good", Integer, nullable=False),
)
ANSWERS = Table(
    "answers",
    TABLES,
    Column("part", String, primary_key=True),
    Column("day", String, primary_key=True),
    Column("name", String, primary_key=True),
    Column("on", String, nullable=False),
    Column("good", Integer, nullable=False),
    Column("wrong", Integer, nullable=False),
)
Part = Literal["quiz", "kata"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Standing:
    """How the learner stands with one exercise.

    `failures` counts honest ones: whole gradings of different code in which a behaviour failed. `gold` is the most
    gold behaviours of a pass; `failing` are those of the last attempt. So many `hints` are open.
    """

    attempts: int = 0
    failures: int = 0
    passed: bool = False
    gold: int = 0
    failing: tuple[str, ...] = ()
    hints: int = 0
    last: str = ""


class Progress:
    """The progress of one workspace. `rebuilt` is where a corrupt file was put, if it had to be."""

    def __init__(self, own: Path) -> None:
        """Open or create the file. Raises NewerProgress, OSError."""
        self._own = own
        self.rebuilt: Path | None = None
        own.mkdir(parents=True, exist_ok=True)
        try:
            self._engine = _open(own / FILE)
        except OperationalError as error:
            raise OSError(tr("{file} cannot be opened: {error}", file=own / FILE, error=error.orig)) from None
        except DatabaseError:
            self.rebuilt = _put_aside(own / FILE)
            self._engine = _open(own / FILE)
            for folder, report, attempt in records.read(own):
                self.note(folder.name, report, attempt)

    def close(self) -> None:
        self._engine.dispose()

    def note(self, record: str, report: Report, attempt: Attempt) -> None:
        """One more attempt. A grading of some behaviours only, or one that the lab itself spoilt, is none."""
        if not attempt.whole or report.broken or not report.findings:
            return
        failing = [finding.behaviour for finding in report.findings if finding.verdict == "fail" and not finding.gold]
        noted = insert(ATTEMPTS).values(
            record=record,
            exercise=report.exercise,
            at=report.started_at,
            seed=report.seed,
            passed=report.passed,
            honest=bool(failing),
            gold=sum(finding.gold and finding.verdict == "pass" for finding in report.findings),
            failing=json.dumps(failing),
            code=attempt.code,
        )
        with self._engine.begin() as connection:
            connection.execute(noted)

    def open_hint(self, exercise: str, number: int) -> None:
        """Record that the learner has seen the hint."""
        at = datetime.now(UTC).isoformat(timespec="seconds")
        opened = insert(HINTS).values(exercise=exercise, number=number, at=at).on_conflict_do_nothing()
        with self._engine.begin() as connection:
            connection.execute(opened)

    def hints(self, exercise: str) -> frozenset[int]:
        """The numbers of the hints that are open."""
        with self._engine.connect() as connection:
            return frozenset(connection.scalars(select(HINTS.c.number).where(HINTS.c.exercise == exercise)))

    def review(self, exercise: str, misconception: str, on: date, good: int) -> None:
        """Record an answer about the misconception, with the number of good ones in a row."""
        of = {"exercise": exercise, "misconception": misconception}
        self._put(REVIEWS, of, on=on.isoformat(), good=good)

    def reviews(self) -> dict[tuple[str, str], tuple[date, int]]:
        """By exercise and misconception: the day of the last answer, and how many good ones in a row there were."""
        with self._engine.connect() as connection:
            rows = connection.execute(select(REVIEWS)).all()
        return {(row.exercise, row.misconception): (date.fromisoformat(row.on), row.good) for row in rows}

    def answer(self, part: Part, day: str, name: str, answered: Answered) -> None:
        """Record how a question or a card of a day stands now."""
        of = {"part": part, "day": day, "name": name}
        self._put(ANSWERS, of, on=answered.on.isoformat(), good=answered.good, wrong=answered.wrong)

    def answers(self, part: Part) -> dict[str, dict[str, Answered]]:
        """By day and name: how each that was answered stands."""
        with self._engine.connect() as connection:
            rows = connection.execute(select(ANSWERS).where(ANSWERS.c.part == part)).all()
        found: dict[str, dict[str, Answered]] = {}
        for row in rows:
            answered = Answered(on=date.fromisoformat(row.on), good=row.good, wrong=row.wrong)
            found.setdefault(row.day, {})[row.name] = answered
        return found

    def _put(self, table: Table, key: dict[str, str], **values: str | int) -> None:
        """The row with that key has these values from now on."""
        made = insert(table).values(**key, **values)
        with self._engine.begin() as connection:
            connection.execute(made.on_conflict_do_update(index_elements=list(key), set_=values))

    def standing(self, exercise: str, *, untouched: Collection[str] = ()) -> Standing:
        """How it stands. Failures of an `untouched` starter, by its fingerprint, are nobody's."""
        with self._engine.connect() as connection:
            rows = connection.execute(
                select(ATTEMPTS).where(ATTEMPTS.c.exercise == exercise).order_by(ATTEMPTS.c.id)
            ).all()
        passes = [row for row in rows if row.passed]
        return Standing(
            attempts=len(rows),
            failures=len({row.code for row in rows if row.honest and not row.passed} - set(untouched)),
            passed=bool(passes),
            gold=max((row.gold for row in passes), default=0),
            failing=tuple(json.loads(rows[-1].failing)) if rows else (),
            hints=len(self.hints(exercise)),
            last=rows[-1].at if rows else "",
        )


@contextmanager
def opened(own: Path, rebuilt: Callable[[Path], None] = lambda _: None) -> Iterator[Progress]:
    """The progress while it is needed. A file that cannot be read is put aside, which `rebuilt` is told, and made anew
    from the records. Raises NewerProgress, OSError."""
    progress = Progress(own)
    if progress.rebuilt:
        rebuilt(progress.rebuilt)
    try:
        yield progress
    finally:
        progress.close()


def _open(path: Path) -> Engine:
    engine = create_engine(f"sqlite:///{path}", connect_args={"timeout": PATIENCE})

    @event.listens_for(engine, "connect")
    def durable(connection: Any, _: object) -> None:
        connection.execute("PRAGMA synchronous = FULL")

    try:
        with engine.begin() as connection:
            sound = connection.exec_driver_sql("PRAGMA quick_check").scalar()
            if sound != "ok":
                raise DatabaseError("PRAGMA quick_check", None, ValueError(str(sound)))
            version = connection.exec_driver_sql("PRAGMA user_version").scalar() or 0
            if version > VERSION:
                raise NewerProgress(path)
            TABLES.create_all(connection)
            connection.exec_driver_sql(f"PRAGMA user_version = {VERSION}")
    except BaseException:
        engine.dispose()
        raise
    return engine


def _put_aside(path: Path) -> Path:
    """Keep the corrupt file under a dated name."""
    stamp = datetime.now().astimezone().strftime("%Y%m%d-%H%M%S")
    aside = path.with_name(f"{path.name}.{stamp}.bak")
    path.replace(aside)
    for rest in ("-wal", "-shm", "-journal"):
        path.with_name(path.name + rest).unlink(missing_ok=True)
    return aside
