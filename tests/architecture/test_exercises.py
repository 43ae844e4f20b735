"""What the exercises store: each is complete, and no file is kept twice."""

from __future__ import annotations

from collections import defaultdict

from lab.course import catalog
from lab.course.lint import lint
from lab.course.records import written
from lab.course.titles import ROOT

SHORT = 10
"""A file with fewer lines may stand twice: a link would say no less than the file."""


def test_nothing_is_missing() -> None:
    known, broken = catalog.read()
    assert broken == []
    found = {exercise.id: lint(exercise, known) for exercise in known}
    assert {ident: lacks for ident, lacks in found.items() if lacks} == {}


def test_a_file_that_several_programs_need_is_stored_once() -> None:
    same = defaultdict(list)
    for path in written(ROOT):
        if not path.is_symlink() and len((text := path.read_bytes()).splitlines()) >= SHORT:
            same[text].append(path.relative_to(ROOT).as_posix())
    assert [places for places in same.values() if len(places) > 1] == []
