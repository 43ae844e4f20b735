"""The fork server: real processes with their own everything, their ends, and what is left when somebody dies."""

from __future__ import annotations

import asyncio
import os
import signal
import socket
import subprocess
import sys
from collections.abc import AsyncIterator, Sequence
from pathlib import Path

import psutil
import pytest

from lab.runtime import preload
from lab.runtime.forkserver import ALL
from lab.runtime.spawn import Child, ForkClient, Program, SpawnError
from lab.runtime.warmup import ForkServerProcess
from tests.waiting import aeventually

SERVER = """
import socket, sys
from lab.runtime.forkserver import run
run(socket.socket(fileno=int(sys.argv[1])), sys.argv[2:])
"""


def start_server(groups: Sequence[str]) -> ForkServerProcess:
    """One that is not forked off the process of the tests, which has threads."""
    ours, theirs = socket.socketpair()
    with theirs:
        command = [sys.executable, "-P", "-c", SERVER, str(theirs.fileno()), *groups]
        process = subprocess.Popen(command, pass_fds=[theirs.fileno()], start_new_session=True)
    return ForkServerProcess(process.pid, ours)


class Forks:
    """A fork server of the test's own, and whether it was lost."""

    def __init__(self, folder: Path, groups: Sequence[str] = tuple(preload.groups())) -> None:
        self.lost = asyncio.Event()
        self.client = ForkClient(start_server(groups), self.lost.set)
        self.folder = folder

    async def python(self, code: str, **more: object) -> Child:
        """Start a module with this code, as a service would be."""
        (self.folder / "victim.py").write_text(code)
        fields = {"module": "victim", "cwd": str(self.folder), "path": [str(self.folder)], "after": "", "env": {}}
        return await self.client.spawn(Program(**{**fields, **more}))  # type: ignore[arg-type]

    async def shell(self, script: str) -> Child:
        program = Program(argv=["sh", "-c", script], env={"PATH": os.environ["PATH"]}, cwd=str(self.folder))
        return await self.client.spawn(program)


@pytest.fixture
async def forks(tmp_path: Path) -> AsyncIterator[Forks]:
    forks = Forks(tmp_path)
    yield forks
    await forks.client.close()


async def output(fd: int) -> str:
    """Everything up to the end of the pipe."""

    def read() -> str:
        with open(fd, encoding="utf-8") as pipe:
            return pipe.read()

    return await asyncio.to_thread(read)


def alive(pid: int) -> bool:
    try:
        return psutil.Process(pid).status() != psutil.STATUS_ZOMBIE
    except psutil.NoSuchProcess:
        return False


async def test_a_module_runs_as_main_in_a_process_of_its_own(forks: Forks) -> None:
    child = await forks.python(
        "import os, sys\nprint(__name__, os.getpid(), os.getsid(0), os.getcwd(), sys.argv[1:], dict(os.environ))",
        env={"PORT": "8000"},
        argv=["--verbose"],
    )
    assert await output(child.stdout) == (
        f"__main__ {child.pid} {child.pid} {forks.folder} ['--verbose'] "
        f"{{'PORT': '8000', 'LAB_LEADER': '{child.pid}'}}\n"
    )
    assert await child.exited == 0


async def test_a_crash_shows_its_own_traceback_only(forks: Forks) -> None:
    child = await forks.python("def work():\n    raise RuntimeError('out of stock')\nwork()")
    said = await output(child.stderr)
    assert said.startswith("Traceback (most recent call last):\n  File")
    assert said.endswith("RuntimeError: out of stock\n")
    assert "forkserver" not in said
    assert await child.exited == 1


async def test_a_missing_module_is_told_like_python_does(forks: Forks) -> None:
    child = await forks.python("", module="shop.orderz")
    assert "No module named 'shop" in await output(child.stderr)
    assert await child.exited == 1


async def test_exit_codes_and_signals_come_back(forks: Forks) -> None:
    assert await (await forks.python("raise SystemExit(7)")).exited == 7
    child = await forks.python("import time\ntime.sleep(60)")
    os.killpg(child.pid, signal.SIGTERM)
    assert await child.exited == -signal.SIGTERM


async def test_children_that_end_at_once_are_not_missed(forks: Forks) -> None:
    for _ in range(20):
        assert await asyncio.wait_for((await forks.shell("exit 4")).exited, 5) == 4


async def test_chance_differs_between_children(forks: Forks) -> None:
    code = "import random\nprint(random.random())"
    first = await output((await forks.python(code)).stdout)
    assert first != await output((await forks.python(code)).stdout)


async def test_a_command_that_does_not_exist_is_an_error_in_words(forks: Forks) -> None:
    with pytest.raises(SpawnError, match=r"^no-such-program: No such file or directory$"):
        await forks.client.spawn(Program(argv=["no-such-program"], env={"PATH": "/usr/bin"}))
    with pytest.raises(SpawnError, match=r"^/no/such/folder: No such file or directory$"):
        await forks.client.spawn(Program(argv=["sh"], env={"PATH": "/usr/bin:/bin"}, cwd="/no/such/folder"))


async def test_stdin_is_a_pipe_on_request_and_empty_otherwise(forks: Forks) -> None:
    code = "import sys\nprint(repr(sys.stdin.read()))"
    assert await output((await forks.python(code)).stdout) == "''\n"
    child = await forks.python(code, stdin=True)
    os.write(child.stdin, b"hello")
    os.close(child.stdin)
    assert await output(child.stdout) == "'hello'\n"


async def test_a_warm_child_finds_the_heavy_imports_done(forks: Forks) -> None:
    child = await forks.python("import sys\nprint('sqlalchemy.orm' in sys.modules)", after=ALL)
    assert await output(child.stdout) == "True\n"
    assert await forks.client.warm > 0


async def test_a_child_waits_only_for_the_import_it_names(forks: Forks) -> None:
    code = "import sys\nprint([name in sys.modules for name in ('uvicorn', 'sqlalchemy.orm')])"
    engine, plain = await asyncio.gather(forks.python(code, after="uvicorn"), forks.shell("echo at once"))
    assert not forks.client.warm.done()
    assert await output(plain.stdout) == "at once\n"
    assert await output(engine.stdout) == "[True, False]\n"


async def test_only_the_groups_that_were_asked_for_are_imported(tmp_path: Path) -> None:
    forks = Forks(tmp_path, groups=["base", "redis"])
    code = "import sys\nprint([name in sys.modules for name in ('redis', 'tenacity', 'sqlalchemy')])"
    assert await output((await forks.python(code, after=ALL)).stdout) == "[True, False, False]\n"
    await forks.client.close()


async def test_what_a_dead_leader_leaves_behind_is_killed(forks: Forks) -> None:
    child = await forks.shell("sleep 60 & echo $!; exit 3")
    orphan = int(await asyncio.to_thread(os.read, child.stdout, 100))
    assert await child.exited == 3
    await aeventually(lambda: not alive(orphan))


async def test_closing_ends_every_child(forks: Forks) -> None:
    polite = await forks.python("import time\ntime.sleep(60)")
    deaf = await forks.python("import signal, time\nsignal.signal(15, signal.SIG_IGN)\nprint('deaf')\ntime.sleep(60)")
    await asyncio.to_thread(os.read, deaf.stdout, 100)
    frozen = await forks.shell("kill -STOP $$; sleep 60")
    await forks.client.close()
    await aeventually(lambda: not any(alive(child.pid) for child in (polite, deaf, frozen)), timeout=3)
    with pytest.raises(SpawnError):
        await forks.shell("true")


@pytest.mark.skipif(sys.platform != "linux", reason="elsewhere the runtime kills what it knows")
async def test_a_killed_fork_server_takes_its_children_along(forks: Forks) -> None:
    child = await forks.python("import time\ntime.sleep(60)")
    os.kill(forks.client.pid, signal.SIGKILL)
    await asyncio.wait_for(forks.lost.wait(), 3)
    assert await child.exited == -signal.SIGKILL
    await aeventually(lambda: not alive(child.pid), timeout=3)


DAEMONS = """
setsid sleep 6001 &
(setsid sh -c 'echo $$ >> pids; sleep 6002 & echo $! >> pids; exit' &)
(env -i /usr/bin/setsid sh -c 'echo $$ >> pids; sleep 6003' &)
until [ "$(wc -l < pids)" = 3 ]; do :; done
echo $! >> pids
"""


@pytest.mark.skipif(sys.platform != "linux", reason="only Linux hands orphans over")
@pytest.mark.parametrize("end", ["by itself", "killed", "with the server"])
async def test_daemons_end_with_their_leader(forks: Forks, end: str) -> None:
    child = await forks.shell(DAEMONS + ("exit 3" if end == "by itself" else "sleep 600"))
    other = await forks.shell("(setsid sh -c 'echo $$ > other; sleep 600' &) ; sleep 600")
    await aeventually(lambda: (forks.folder / "pids").exists() and (forks.folder / "pids").read_text().count("\n") == 4)
    await aeventually(lambda: (forks.folder / "other").exists() and (forks.folder / "other").read_text())
    daemons = [int(pid) for pid in (forks.folder / "pids").read_text().split()]
    neighbour = int((forks.folder / "other").read_text())
    if end == "with the server":
        await forks.client.close()
        assert not alive(neighbour)
    else:
        if end == "killed":
            os.kill(child.pid, signal.SIGKILL)
        await child.exited
        assert alive(neighbour)
        assert alive(other.pid)
    assert not [pid for pid in daemons if alive(pid)]


async def test_a_hundred_requests_at_once_all_get_their_child(forks: Forks) -> None:
    """The socket takes about fifty; what it cannot take waits."""
    program = Program(argv=["true"], env={**os.environ, "PADDING": "x" * 4_000}, cwd="/")
    children = await asyncio.gather(*(forks.client.spawn(program) for _ in range(100)))
    assert [await child.exited for child in children] == [0] * 100
    for child in children:
        os.close(child.stdout)
        os.close(child.stderr)


@pytest.mark.parametrize(
    ("script", "why"),
    [
        ("echo hello\n", "does not begin with a line like #!/bin/sh"),
        ("#!/bin/sh\r\necho hello\r\n", "ends with CR LF, so /bin/sh is not found"),
        ("#!/no/such/thing\necho hello\n", "/no/such/thing, which its first line names, is not there"),
    ],
)
async def test_a_script_that_cannot_be_executed_says_why(forks: Forks, tmp_path: Path, script: str, why: str) -> None:
    path = tmp_path / "run.sh"
    path.write_bytes(script.encode())
    path.chmod(0o755)
    with pytest.raises(SpawnError, match=why):
        await forks.client.spawn(Program(argv=[str(path)], cwd="/"))
