"""Run each client's program on a real redis-server, on the embedded one and through a tap; compare what it tells."""

from __future__ import annotations

import argparse
import asyncio
import contextlib
import os
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

from lab.engines.redis import tiers
from lab.wire.session import Address
from tests.redis_servers import redis_server
from tests.wire.rig import tapped

HERE = Path(__file__).parent
DEADLINE_S = 300.0
BEHIND_TAP = "behind a tap"


@dataclass(frozen=True)
class Client:
    """A program that tells what it meets, a line each. `prepare` makes it ready in a folder and gives its command; what
    it needs and this machine lacks is said by the LookupError that it raises."""

    name: str
    prepare: Callable[[Path], list[str]]
    told: Callable[[str], list[str]] = str.splitlines


def main() -> int:
    parser = argparse.ArgumentParser(prog="run.sh", description=__doc__)
    parser.add_argument("--client", action="append", choices=[client.name for client in CLIENTS], help="only this one")
    parser.add_argument("--work", type=Path, help="keep downloads and transcripts in this folder")
    options = parser.parse_args()
    with contextlib.ExitStack() as stack:
        work = options.work or Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="lab-conformance-")))
        differing = [_beside(client, work.resolve()) for client in CLIENTS if client.name in (options.client or NAMES)]
    return int(any(differing))


def _beside(client: Client, work: Path) -> bool:
    """Whether the client told of anything else than on Redis, or the tap lost the thread."""
    try:
        command = client.prepare(work)
    except LookupError as lacking:
        print(f"{client.name}: skipped: {lacking}")
        return False
    transcripts = {where: client.told(text) for where, text in _transcripts(client, command, work)}
    yardstick = next(iter(transcripts.values()))
    wrong = [
        f"  {where}: {line}"
        for where, told in transcripts.items()
        for line in (*set(told) - set(yardstick), *(f"lacks {line!r}" for line in set(yardstick) - set(told)))
    ]
    print(f"{client.name}: {len(yardstick)} lines, {len(wrong)} that differ ({', '.join(transcripts)})")
    print("".join(f"{line}\n" for line in sorted(wrong)), end="", flush=True)
    return bool(wrong)


def _transcripts(client: Client, command: list[str], work: Path) -> Iterator[tuple[str, str]]:
    for where in (*(["redis-server"] if tiers.find() else []), "embedded", BEHIND_TAP):
        with redis_server("native" if where == "redis-server" else "embedded", work / client.name / where) as address:
            text = asyncio.run(_through_tap(command, address) if where == BEHIND_TAP else _said(command, address))
        (work / client.name / f"{where}.txt").write_text(text)
        yield where, text


async def _through_tap(command: list[str], address: Address) -> str:
    async with tapped("redis", address) as rig:
        text = await _said(command, rig.address)
    lost = {flow.detail for flow in rig.flows if flow.op == "undecoded"}
    return text + "".join(f"{detail}\n" for detail in sorted(lost))


async def _said(command: list[str], address: Address) -> str:
    host, port = address
    env = {**os.environ, "REDIS_URL": f"redis://{host}:{port}"}
    words = [word.format(host=host, port=port) for word in command]
    process = await asyncio.create_subprocess_exec(
        *words, env=env, stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.STDOUT
    )
    try:
        out, _ = await asyncio.wait_for(process.communicate(), DEADLINE_S)
    except TimeoutError:
        process.kill()
        await process.wait()
        return f"still at work after {DEADLINE_S:.0f} s\n"
    code = f"exit code {process.returncode}\n" if process.returncode else ""
    return out.decode(errors="replace") + code


def _node(program: str) -> Callable[[Path], list[str]]:
    def prepare(work: Path) -> list[str]:
        node, npm = _program("node"), _program("npm")
        folder = work / "node"
        shutil.copytree(HERE / "node", folder, dirs_exist_ok=True)
        if not (folder / "node_modules").exists():
            _run([npm, "install", "--no-audit", "--no-fund", "--silent"], folder)
        return [node, str(folder / program)]

    return prepare


def _go(work: Path) -> list[str]:
    folder = work / "go"
    folder.mkdir(parents=True, exist_ok=True)
    os.environ["GO111MODULE"] = "off"  # the library is that of the system's packages, or of GOPATH
    os.environ["GOPATH"] = os.pathsep.join(filter(None, (os.environ.get("GOPATH"), "/usr/share/gocode")))
    try:
        _run([_program("go"), "build", "-o", str(folder / "redigo"), str(HERE / "redigo.go")], folder)
    except subprocess.CalledProcessError:
        raise LookupError("no github.com/gomodule/redigo in GOPATH") from None
    return [str(folder / "redigo")]


def _ruby(_: Path) -> list[str]:
    ruby = _program("ruby")
    if subprocess.run([ruby, "-rredis", "-e", ""], capture_output=True, check=False).returncode:
        raise LookupError("no gem redis")
    return [ruby, str(HERE / "redis.rb")]


def _benchmark(_: Path) -> list[str]:
    return [_program("redis-benchmark"), "-h", "{host}", "-p", "{port}", "-n", "2000", "-c", "50", "-P", "8", "--csv"]


def _names(csv: str) -> list[str]:
    """What was measured, without the figures."""
    return [line.rpartition('",')[0].split('","')[0].strip('"') for line in csv.splitlines()]


def _shell(_: Path) -> list[str]:
    return ["sh", str(HERE / "redis_cli.sh"), _program("redis-cli")]


def _program(name: str) -> str:
    found = shutil.which(name)
    if found is None:
        raise LookupError(f"no {name} on PATH")
    return found


def _run(command: list[str], folder: Path) -> None:
    subprocess.run(command, cwd=folder, check=True, capture_output=True)


CLIENTS = (
    Client("ioredis", _node("ioredis.js")),
    Client("node-redis", _node("node_redis.js")),
    Client("redigo", _go),
    Client("redis-rb", _ruby),
    Client("redis-cli", _shell),
    Client("redis-benchmark", _benchmark, _names),
)
NAMES = [client.name for client in CLIENTS]

if __name__ == "__main__":
    sys.exit(main())
