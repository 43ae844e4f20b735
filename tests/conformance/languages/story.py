"""One story told by clients of other languages: orders are published, one comes twice, one is found among the dead.

Each program stands beside this file, connects to the port that it is given, and tells what it meets, a line each. They
tell the same: what clients differ in is how they say it to the broker. One that is not installed is skipped.
"""

from __future__ import annotations

import os
import shutil
import subprocess
from pathlib import Path

import pytest

HERE = Path(__file__).parent
PORT = os.environ.get("AMQP_PORT", "5672")
JARS = [Path("/usr/share/java") / f"{name}.jar" for name in ("amqp-client", "slf4j-api", "slf4j-nop")]

WORKED = """\
confirmed true
waiting 3
came order 1 1 order.eu.created false
again order 1 true
last order 3
"""
DIED = "died order 2 rejected 1\n"
WHOLE = f"""\
{WORKED}{DIED}\
returned 312 NO_ROUTE nowhere
answered answer
large true
missing 404
closed
"""
TOOLS = """\
story-work
got one
consumed two
consumed three
empty 2
large 300000
missing
deleted 0
"""


def told(*command: str) -> str:
    done = subprocess.run([*command, PORT], cwd=HERE, capture_output=True, text=True, timeout=80, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


def needs(*command: str) -> None:
    """Skips unless the command succeeds, which it does where the client is installed."""
    installed = shutil.which(command[0]) is not None
    if not installed or subprocess.run(command, capture_output=True, check=False).returncode:
        pytest.skip(f"{' '.join(command)} fails here")


def test_rabbitmq_c() -> None:
    """Its tools wait for no confirm."""
    needs("amqp-publish", "--help")
    assert told("sh", "story.sh") == TOOLS


def test_bunny() -> None:
    needs("ruby", "-e", "require 'bunny'")
    assert told("ruby", "story.rb") == WHOLE


def test_php_amqplib() -> None:
    needs("php", "-r", "require 'PhpAmqpLib/autoload.php';")
    assert told("php", "story.php") == WHOLE


def test_the_java_client() -> None:
    needs("ls", *map(str, JARS))
    needs("java", "-version")
    assert told("java", "-cp", ":".join(map(str, JARS)), "Story.java") == WHOLE


def test_anyevent_rabbitmq() -> None:
    """It cannot read a long in a header, so it reads no `x-death`; from RabbitMQ neither."""
    needs("perl", "-MAnyEvent::RabbitMQ", "-e", "1")
    assert told("perl", "story.pl") == f"{WORKED}large true\nclosed\n"


def test_rascal_and_amqp_connection_manager() -> None:
    needs("node", "-e", "require('rascal')")
    assert told("node", "story.js") == f"managed 7\n{WORKED}{DIED}returned\nclosed\n"
