"""What the bench can tell of a service that does not come up."""

from __future__ import annotations

import socket
import subprocess
import sys

from lab.grading.bench.unhealthy import last_words, listening
from tests.waiting import eventually

WRAPPED = "import subprocess, sys; sys.exit(subprocess.call([sys.executable, '-c', sys.argv[1]]))"
LISTENS = """
import socket, time

s = socket.create_server(('127.0.0.1', 0))
print(s.getsockname()[1], flush=True)
time.sleep(60)
"""


def test_where_it_listens_instead() -> None:
    """Also behind a wrapper, as a script that starts it is one."""
    process = subprocess.Popen(
        [sys.executable, "-c", WRAPPED, LISTENS], stdout=subprocess.PIPE, text=True, start_new_session=True
    )
    try:
        assert process.stdout
        port = int(process.stdout.readline())
        assert listening(process.pid) == [port]
    finally:
        subprocess.run(["kill", "-9", "--", f"-{process.pid}"], check=False)
        process.communicate()
    assert listening(process.pid) == []
    with socket.socket() as free:
        eventually(lambda: free.connect_ex(("127.0.0.1", port)) != 0)


GO = ["2026/11/29 02:00:00 listening", "panic: no DATABASE_URL", "", "goroutine 1 [running]:", "main.main()"]


def test_the_last_words_of_a_go_program_begin_with_its_panic() -> None:
    stacks = [f"goroutine {number} [select]:" for number in range(9)]
    assert last_words([*GO, *stacks]) == ["panic: no DATABASE_URL", *GO[2:], *stacks[:2]]
    assert last_words(GO) == GO


def test_the_last_words_of_others_are_the_last_lines() -> None:
    lines = [*(f"line {number}" for number in range(9)), "ModuleNotFoundError: No module named 'flask'"]
    assert last_words(lines) == lines[-6:]
