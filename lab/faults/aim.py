"""Whether a Fault fits a System: the target must exist, and its protocol must be one that the kind of fault is for."""

from __future__ import annotations

import re
from dataclasses import replace

from lab.faults.catalogue import KINDS, fits
from lab.faults.fault import Fault
from lab.faults.plan import matches
from lab.faults.text import FaultError
from lab.locale import tr
from lab.system.kinds import protocols
from lab.system.links import covers, link_id
from lab.system.model import Link, System
from lab.system.names import instead

BYTES = "bytes"
"""How a tap calls what it does not decode."""


def aimed(fault: Fault, system: System) -> Fault:
    """The fault, with its target as the system names it.

    Raises FaultError unless the target exists and the fault makes sense there.
    """
    kind = KINDS[fault.kind]
    links = {link.id: link for link in system.links}
    if kind.scope == "process":
        names = [name for service in system.services for name in dict.fromkeys((service.name, *service.instances))]
        names += [engine.name for engine in system.engines]
        if fault.target not in names:
            raise FaultError(
                tr(
                    "nothing here is called {target!r}{instead}",
                    target=fault.target,
                    instead=instead(fault.target, names),
                )
            )
        return fault
    if kind.scope == "pair":
        one, _, other = fault.target.partition("<->")
        if not any(covers(fault.target, link) for link in links):
            pairs = [f"{link.source}<->{link.target}" for link in system.links]
            raise FaultError(
                tr(
                    "there is no link between {one} and {other}{instead}",
                    one=one,
                    other=other,
                    instead=instead(fault.target, pairs),
                )
            )
        return fault
    found = _link(fault.target, system)
    if not fits(kind.name, found.protocol):
        able = [name for name, other_kind in KINDS.items() if other_kind.scope == "link" and fits(name, found.protocol)]
        raise FaultError(
            tr(
                "{name} is for {protocols}, and {id} speaks {protocol}; there you have {able}",
                name=kind.name,
                protocols=tr(" and ").join(kind.protocols),
                id=found.id,
                protocol=found.protocol,
                able=", ".join(able),
            )
        )
    must_match(fault, found.protocol)
    return replace(fault, target=found.id)


def must_match(fault: Fault, protocol: str) -> None:
    """Raises FaultError if the fault's pattern can match nothing that its kind can hit in this protocol.

    In doubt it can: only what stands before the first wildcard is looked at.
    """
    kind, spoken = KINDS[fault.kind], protocols()[protocol]
    if not fault.match or (not kind.protocols and matches(BYTES, fault.match)):
        return
    if not spoken.session:
        raise FaultError(
            tr(
                '"{pattern}" matches nothing: of {protocol} the lab sees bytes only; '
                "leave the pattern out, or take N% or xN",
                pattern=fault.match,
                protocol=protocol,
            )
        )
    beginning = re.split(r"[*?[]", fault.match, maxsplit=1)[0]
    if kind.verbs:
        can = any(f"{verb} ".startswith(beginning) or beginning.startswith(f"{verb} ") for verb in kind.verbs)
    else:
        can = re.match(spoken.op, beginning) is not None
    if can:
        return
    raise FaultError(
        tr(
            '"{pattern}" matches nothing that {kind} can hit on a link of {protocol}; write it like "{example}"',
            pattern=fault.match,
            kind=kind.name,
            protocol=protocol,
            example=f"{kind.verbs[0]} *" if kind.verbs else spoken.example,
        )
    )


def _link(place: str, system: System) -> Link:
    """The link of this id. A link that says its endpoint need not be called by it where it is the only one of its pair,
    and `orders->users:http` is also the link that goes to the usual endpoint."""
    links = {link.id: link for link in system.links}
    if place in links:
        return links[place]
    usual = {service.name: service.endpoints[0] for service in system.services}
    pair, _, endpoint = place.partition(":")
    fitting = [
        link
        for link in system.links
        if pair == link_id(link.source, link.target) and endpoint in ("", link.endpoint or usual.get(link.target))
    ]
    if len(fitting) == 1:
        return fitting[0]
    if fitting:
        several = ", ".join(link.id for link in fitting)
        raise FaultError(tr("{place} is several links: {several}", place=place, several=several))
    raise FaultError(tr("there is no link {target}{instead}", target=place, instead=instead(place, links)))
