"""Every program in Go that an exercise stores is as `gofmt` and `go vet` want it, and requires known modules."""

from __future__ import annotations

import os
import shutil
import subprocess
from pathlib import Path

import pytest

from lab.course import catalog
from lab.course.exercise import Exercise
from lab.course.titles import ROOT
from lab.course.variants import Variant, lay_out, missing_tool, variants
from lab.grading.go_sources import debian_sources, required

pytestmark = pytest.mark.skipif(shutil.which("go") is None, reason="go is not installed")

KNOWN = dict(
    line.split()[:2] for line in (ROOT / "shared/go/go.sum").read_text().splitlines() if "/go.mod " not in line
)


def written_in_go(exercise: Exercise, variant: Variant) -> bool:
    return variant.language == "go" or (
        variant.kind == "right" and any((exercise.folder / variant.name).glob("*/go.mod"))
    )


PROGRAMS = [
    pytest.param(exercise, variant, id=f"{exercise.number}-{variant.name}")
    for exercise in catalog.exercises()
    for variant in variants(exercise)
    if written_in_go(exercise, variant)
]


@pytest.mark.parametrize(("exercise", "variant"), PROGRAMS)
def test_a_program_is_formatted_and_vetted(exercise: Exercise, variant: Variant, tmp_path: Path) -> None:
    if missing := missing_tool(exercise, variant):
        pytest.skip(f"{missing} is not installed")
    lay_out(exercise, variant, tmp_path / "all")
    for service in exercise.services:
        folder = tmp_path / "all" / service.name
        assert ran(["gofmt", "-l", "."], folder, {}).stdout == ""
        with debian_sources(folder) as instead:
            place, variables = instead or (folder, {})
            vetted = ran(["go", "vet", "./..."], place, variables)
            assert vetted.returncode == 0, vetted.stderr  # what a C compiler says of a module is no matter of ours


@pytest.mark.parametrize(("exercise", "variant"), PROGRAMS)
def test_what_it_requires_is_what_debian_has_with_its_sums(
    exercise: Exercise, variant: Variant, tmp_path: Path
) -> None:
    lay_out(exercise, variant, tmp_path / "all")
    for service in exercise.services:
        folder = tmp_path / "all" / service.name
        modules = required(folder)
        assert modules.items() <= KNOWN.items()
        sums = (folder / "go.sum").read_text() if modules else ""
        assert all(
            f"{module} {version}{what} h1:" in sums for module, version in modules.items() for what in ("", "/go.mod")
        )
        assert "go 1.19\n" in (folder / "go.mod").read_text()


def ran(command: list[str], folder: Path, variables: dict[str, str]) -> subprocess.CompletedProcess[str]:
    env = os.environ | variables
    return subprocess.run(command, cwd=folder, env=env, capture_output=True, text=True, check=False)
