"""The days of the course, found as data: each is a package `lab.day<n>_<topic>` whose `system.py` has a SYSTEM."""

from __future__ import annotations

import pkgutil
import re
from importlib import import_module

import lab
from lab.system.model import System

_DAY = re.compile(r"(day\d+)_\w+")


def names() -> list[str]:
    """`day3` and its like, in order; nothing of theirs is imported."""
    return sorted(_packages())


def find(name: str) -> System:
    """The system of the day. Raises KeyError for a day that there is not."""
    package = _packages()[name]
    system = import_module(f"{package}.system").SYSTEM
    assert isinstance(system, System)
    return system


def _packages() -> dict[str, str]:
    found = {}
    for module in pkgutil.iter_modules(lab.__path__):
        if module.ispkg and (day := _DAY.fullmatch(module.name)):
            found[day[1]] = f"lab.{module.name}"
    return found
