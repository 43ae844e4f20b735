"""Aiming a Fault at a System: its target must be there, and of a protocol that the fault speaks."""

from __future__ import annotations

from lab.faults.catalogue import KINDS, fits
from lab.faults.fault import Fault
from lab.faults.text import FaultError
from lab.locale import tr
from lab.system.model import System
from lab.system.names import instead


def check(fault: Fault, system: System) -> None:
    """Raises FaultError unless the fault's target exists in the system and the fault makes sense there."""
    kind = KINDS[fault.kind]
    links = {link.id: link for link in system.links}
    if kind.scope == "process":
        names = [service.name for service in system.services] + [engine.name for engine in system.engines]
        if fault.target not in names:
            raise FaultError(
                tr(
                    "nothing here is called {target!r}{instead}",
                    target=fault.target,
                    instead=instead(fault.target, names),
                )
            )
        return
    if kind.scope == "pair":
        one, _, other = fault.target.partition("<->")
        if f"{one}->{other}" not in links and f"{other}->{one}" not in links:
            pairs = [f"{link.source}<->{link.target}" for link in system.links]
            raise FaultError(
                tr(
                    "there is no link between {one} and {other}{instead}",
                    one=one,
                    other=other,
                    instead=instead(fault.target, pairs),
                )
            )
        return
    found = links.get(fault.target)
    if found is None:
        raise FaultError(
            tr("there is no link {target}{instead}", target=fault.target, instead=instead(fault.target, links))
        )
    if not fits(kind.name, found.protocol):
        able = [name for name, other_kind in KINDS.items() if other_kind.scope == "link" and fits(name, found.protocol)]
        raise FaultError(
            tr(
                "{name} is for {protocols}, and {id} speaks {protocol}; there you have {able}",
                name=kind.name,
                protocols=" and ".join(kind.protocols),
                id=found.id,
                protocol=found.protocol,
                able=", ".join(able),
            )
        )
