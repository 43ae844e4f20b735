"""A protocol and a kind of engine that the lab does not know: each is a folder, found where the lab looks for them."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import lab.engines
import lab.wire
from lab.system import kinds

HERE = Path(__file__).parent


@contextmanager
def found() -> Iterator[None]:
    """Within it, this process and those that it starts look for protocols and engines here, too."""
    before = os.environ.get("PYTHONPATH")
    os.environ["PYTHONPATH"] = os.pathsep.join(filter(None, (str(HERE / "site"), before)))
    rooms = [(room.__path__, str(HERE / room.__name__.rpartition(".")[2])) for room in (lab.wire, lab.engines)]
    for path, folder in rooms:
        path.append(folder)
    _forget()
    try:
        yield
    finally:
        for path, folder in rooms:
            path.remove(folder)
        _forget()
        if before is None:
            del os.environ["PYTHONPATH"]
        else:
            os.environ["PYTHONPATH"] = before


def _forget() -> None:
    kinds.protocols.cache_clear()
    kinds.engine_kinds.cache_clear()
