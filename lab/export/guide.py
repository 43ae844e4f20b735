"""The README of an exported folder: what is in it, and the commands that run it."""

from __future__ import annotations

import json
import shlex
import time
from collections.abc import Iterator, Sequence
from random import Random

from lab import __version__
from lab.export import compose, kubernetes
from lab.export.workload import Workload
from lab.load.pools import EmptyPool, Pools
from lab.load.template import fill
from lab.locale import tr
from lab.system.model import Request, System

NEXT = 9001
"""The port of the tap that the README puts before an entrance."""


def for_compose(system: System, workloads: Sequence[Workload], plain: Sequence[str]) -> str:
    """`plain` are the services in whose image there may not be all that they need."""
    doors = {name: door.partition("-")[0] for name, door in compose.entrances(workloads).items()}
    some = _some(workloads)
    return _page(
        tr("{name} in Docker Compose", name=system.name),
        _made(system),
        _heading(tr("Run it")),
        _commands(
            ("docker compose up --build --wait", tr("until all of them are healthy")),
            ("docker compose ps", ""),
            *((line, "") for line in _requests(system, doors)),
            (f"docker compose logs --follow {some}", ""),
            ("docker compose down", tr("with --volumes it forgets all that it kept")),
        ),
        tr("Docker Compose 2.30 or newer reads this file."),
        _heading(tr("Disturb it")),
        _commands(
            (f"docker compose pause {some}", tr("frozen; unpause lets it go on")),
            (f"docker compose kill {some}", tr("and docker compose up -d {name} starts it again", name=some)),
            *(
                (f"lab tap http :{NEXT} 127.0.0.1:{door}", tr("what passes, on port {port}", port=NEXT))
                for door in list(doors.values())[:1]
            ),
        ),
        _heading(tr("What is here")),
        _table(compose.FILE, workloads),
        *_remarks(workloads, plain),
    )


def for_kubernetes(system: System, workloads: Sequence[Workload], plain: Sequence[str]) -> str:
    """The same for a cluster."""
    doors = compose.entrances(workloads)
    built = [one for one in workloads if one.built]
    entered = [one for one in workloads if one.entrance]
    here = {one.name: doors[one.name].partition("-")[0] for one in entered}
    within = f"kubectl --namespace {system.name}"
    return _page(
        tr("{name} in Kubernetes", name=system.name),
        _made(system),
        _heading(tr("Run it")),
        tr("Build the images, and bring them to where the cluster finds them: a registry, or with kind as below."),
        _commands(
            *((f"docker build --tag {one.image} services/{one.name}", "") for one in built),
            (f"kind load docker-image {' '.join(one.image for one in built)}", ""),
        ),
        _commands(
            ("kubectl apply --kustomize .", ""),
            (f"{within} get pods --watch", tr("a service may restart until its database answers")),
            *(
                (f"{within} port-forward service/{one.name} {here[one.name]}:{one.ports[one.entrance]}", "")
                for one in entered
            ),
            *((line, "") for line in _requests(system, here)),
            ("kubectl delete --kustomize .", tr("what StatefulSets kept goes with the namespace")),
        ),
        _heading(tr("What is here")),
        _table(kubernetes.FILE, workloads),
        *_remarks(workloads, plain),
    )


def _made(system: System) -> str:
    chosen = " ".join(f"--{name} {text}" for name, text in system.settings.items() if text and text != "off")
    what = " ".join(filter(None, (system.name, chosen)))
    told = f"{tr(system.title)}.\n\n" if system.title else ""
    return told + tr("Written from `{what}` by lab {version}.", what=what, version=__version__)


def _some(workloads: Sequence[Workload]) -> str:
    """A service to try a command on: one that people do not come in by, if there is one."""
    services = [one for one in workloads if not one.engine]
    return next((one.name for one in services if not one.entrance), services[0].name if services else "")


def _requests(system: System, doors: dict[str, str]) -> Iterator[str]:
    """A request of a visitor's, as one types it."""
    for journey in system.journeys:
        request = journey.requests[0]
        if journey.weight and request.service in doors:
            try:
                yield _curl(request, doors[request.service])
            except EmptyPool:
                continue
            return


def _curl(request: Request, door: str) -> str:
    chance = Random(0)
    pools = Pools(time.monotonic, chance)
    url = f"http://127.0.0.1:{door}{fill(request.path, 1, chance, pools)}"
    if request.json is None:
        return f"curl {shlex.quote(url)}"
    body = json.dumps(fill(request.json, 1, chance, pools))
    method = f"-X {request.method} " if request.method != "POST" else ""
    return f"curl {method}-H 'content-type: application/json' -d {shlex.quote(body)} {shlex.quote(url)}"


def _table(file: str, workloads: Sequence[Workload]) -> str:
    rows = [
        (f"`{file}`", tr("all of it, and no password")),
        ("`services/`", tr("a folder for each service: its Dockerfile and what goes into its image")),
        (
            "`secrets/`",
            tr("a file for each who is told a secret; git ignores it and keeps the .example beside it"),
        ),
    ]
    images = ", ".join(f"{one.name}: `{one.image}`" for one in workloads if one.engine)
    if images:
        rows.append((tr("engines"), images))
    lines = [f"| {name} | {about} |" for name, about in rows]
    return "\n".join([f"| {tr('file')} | {tr('what')} |", "| --- | --- |", *lines])


def _remarks(workloads: Sequence[Workload], plain: Sequence[str]) -> Iterator[str]:
    yield _heading(tr("What is different"))
    remarks = [
        tr("Nothing of the lab runs here: no taps, no faults, no visitors. The services are the same, to the byte."),
        tr("Every service has a login of its own, or one that a broker knows; the passwords are random."),
        tr("Engines are single nodes, without TLS and without backups. That is enough to learn, not for a shop."),
    ]
    if any(one.replicas > 1 and "grpc" in one.ports for one in workloads):
        remarks.append(tr("gRPC keeps one connection: behind a plain name one replica gets all the calls of a caller."))
    if plain:
        names = ", ".join(plain)
        remarks.append(tr("Look into the Dockerfile of {names}: what the program needs may be missing.", names=names))
    yield "\n".join(f"- {remark}" for remark in remarks)


def _page(title: str, *parts: str) -> str:
    return "\n\n".join([f"# {title}", *parts]) + "\n"


def _heading(text: str) -> str:
    return f"## {text}"


def _commands(*lines: tuple[str, str]) -> str:
    width = max((len(command) for command, about in lines if about), default=0)
    return "\n".join(f"    {command:<{width}}  # {about}" if about else f"    {command}" for command, about in lines)
