"""The stubs that exercises name in `stubs`."""

from __future__ import annotations

from lab.grading.stubs.inventory import Inventory
from lab.grading.stubs.notify import Notify
from lab.grading.stubs.orders import Orders
from lab.grading.stubs.origin import Origin
from lab.grading.stubs.payment import Payment
from lab.grading.stubs.reco import Reco
from lab.grading.stubs.report import Report
from lab.grading.stubs.stub import Stub
from lab.grading.stubs.users import Users

STUBS: dict[str, type[Stub]] = {
    kind.name: kind for kind in (Users, Orders, Payment, Notify, Origin, Reco, Inventory, Report)
}


def open_stub(name: str, host: str = "127.0.0.1", port: int = 0) -> Stub:
    """The stub of this name, listening. Raises KeyError if there is none, OSError if the port is taken."""
    if name not in STUBS:
        raise KeyError(f"no stub is named {name!r}; there are {', '.join(sorted(STUBS))}")
    stub = STUBS[name]()
    stub.open(host, port)
    return stub
