"""Systems of somebody else's that days and gradings use: a payment provider, a mail server, an origin.

Each is a module here with one subclass of Stub. It is found by its name, as days are, and nothing imports it by name:
the grader opens one inside its own process (`open_stub("payment")`), and a System runs one as a process of its own
(`module="lab.neighbours.payment"`, see `stub.process`).
"""

from __future__ import annotations

from importlib import import_module
from pkgutil import iter_modules
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from lab.neighbours.stub import Stub


def names() -> list[str]:
    """The names of all neighbours, in alphabetical order."""
    return sorted(module.name for module in iter_modules(__path__) if not module.ispkg)


def open_stub(name: str, host: str = "127.0.0.1", port: int = 0) -> Stub:
    """The neighbour of this name, listening in this process.

    Raises ValueError if there is none, OSError if the port is taken.
    """
    from lab.neighbours.stub import Stub

    if name not in names():
        raise ValueError(f"no stub is named {name!r}; there are {', '.join(names())}")
    module = import_module(f"{__name__}.{name}")
    kinds = [kind for kind in vars(module).values() if isinstance(kind, type) and kind.__module__ == module.__name__]
    stub = next(kind for kind in kinds if issubclass(kind, Stub))()
    stub.open(host, port)
    return stub
