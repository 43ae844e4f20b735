"""A protocol, a kind of engine and a day that the lab does not know: each is a folder, found where the lab looks."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import lab
import lab.engines
import lab.wire
from lab.system import kinds

HERE = Path(__file__).parent


@contextmanager
def found() -> Iterator[None]:
    """Within it, this process and those that it starts look for protocols, engines and days here, too."""
    before = os.environ.get("PYTHONPATH")
    os.environ["PYTHONPATH"] = os.pathsep.join(filter(None, (str(HERE / "site"), before)))
    rooms = [(lab.__path__, str(HERE)), (lab.wire.__path__, str(HERE / "wire"))]
    rooms += [(lab.engines.__path__, str(HERE / "engines"))]
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
