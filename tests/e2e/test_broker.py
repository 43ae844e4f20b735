"""`lab broker` for somebody's own programs: it serves, it is looked into, and what passes is seen."""

from __future__ import annotations

import json
import signal
import subprocess
from collections.abc import Iterator
from contextlib import closing, contextmanager
from typing import Any

import pika
import pytest

from tests.brokers import PrivateBroker
from tests.e2e.processes import Lab
from tests.waiting import eventually

SYSTEM = '[engine.broker]\nkind = "amqp"\n[service.idle]\nrun = "sleep 1000"\nready = "started"\n'
Command = subprocess.Popen[str]


@contextmanager
def broker(lab: Lab, *words: str) -> Iterator[tuple[Command, str]]:
    """`lab broker` once it is ready, and the URL that it says."""
    with lab.started("broker", "--port", "0", *words) as command:
        yield command, line(command).removeprefix("AMQP broker ready: ")


def line(command: Command) -> str:
    assert command.stdout
    return command.stdout.readline().rstrip("\n")


def heard(command: Command) -> str:
    """The next line that the command says beside its data."""
    assert command.stderr
    return command.stderr.readline().rstrip("\n")


def ended(command: Command, by: signal.Signals = signal.SIGINT) -> tuple[int, str]:
    """The exit code after that signal, and everything that was said and not heard yet."""
    command.send_signal(by)
    command.wait(20)
    assert command.stderr
    return command.returncode, command.stderr.read()


@contextmanager
def channel(url: str) -> Iterator[Any]:
    with closing(pika.BlockingConnection(pika.URLParameters(f"{url}/"))) as connection:
        yield connection.channel()


def status(lab: Lab, *words: str) -> Any:
    """What `lab broker status --json` tells of the only broker."""
    ran = lab("broker", "status", "--json", *words)
    assert ran.returncode == 0, ran.stderr
    told = json.loads(ran.stdout)
    assert told["schema_version"] == 1
    (only,) = told["brokers"]
    return only


def test_kept(lab: Lab) -> None:
    """It serves guest, stops in good order for SIGTERM and Ctrl-C, and has kept what is durable."""
    for number, (how, code) in enumerate(((signal.SIGTERM, 0), (signal.SIGINT, 130), (signal.SIGINT, 130))):
        with broker(lab) as (command, url):
            assert url.startswith("amqp://guest:guest@127.0.0.1:")
            assert str(lab.home / "broker") in heard(command)
            with channel(url) as at:
                queue = at.queue_declare("jobs", durable=True)
                assert queue.method.message_count == number
                at.confirm_delivery()
                at.basic_publish("", "jobs", b"job", pika.BasicProperties(delivery_mode=2))
            returncode, said = ended(command, how)
            assert returncode == code
            assert "Traceback" not in said


def test_taken(lab: Lab) -> None:
    """A port or a folder that is taken is a clear message with the way out."""
    with broker(lab) as (_, url):
        port = url.rpartition(":")[2]
        ran = lab("broker", "--port", port, "--data", "other")
        assert ran.returncode == 3
        assert f"cannot listen on 127.0.0.1:{port}\n  Address already in use" in ran.stderr
        assert "Next: lab broker --port 0 --data other" in ran.stderr
        ran = lab("broker", "--port", "0")
        assert ran.returncode == 3
        assert "the data folder is in use" in ran.stderr
        assert "lab broker status" in ran.stderr
        with broker(lab, "--data", "other") as (_, second):
            assert status(lab, "--data", "other")["url"] == second
            assert status(lab)["url"] == url
    ran = lab("broker", "status")
    assert ran.returncode == 1
    assert "no broker is running" in ran.stderr
    (lab.home / "file").touch()
    ran = lab("broker", "--port", "0", "--data", "file/below")
    assert ran.returncode == 3
    assert "cannot keep data in" in ran.stderr


def test_status(lab: Lab) -> None:
    with broker(lab) as (_, url), channel(url) as at:
        at.exchange_declare("events", "topic", durable=True)
        at.queue_declare("mails", durable=True, arguments={"x-max-length": 100})
        at.queue_bind("mails", "events", "order.*")
        for _ in range(3):
            at.basic_publish("events", "order.created", b"{}")
        at.queue_declare("\x1b[31mred")
        assert at.basic_get("mails")[0]
        held = status(lab)["vhosts"]["/"]
        mails = next(queue for queue in held["queues"] if queue["name"] == "mails")
        assert (mails["ready"], mails["unacked"], mails["consumers"]) == (2, 1, 0)
        at.basic_consume("mails", lambda *_: None, consumer_tag="reader")
        plain = lab("broker", "status").stdout
        rows = [row.split() for row in plain.splitlines()]
        assert ["mails", "0", "3", "1", "0", "durable", "x-max-length=100"] in rows
        assert ["events", "topic", "durable"] in rows
        assert ["events", "order.*", "queue", "mails"] in rows
        assert any(row[:2] == ["reader", "mails"] for row in rows)
        assert any(row[2:] == ["guest", "/", "1", "running"] for row in rows)
        assert "amq.topic" not in plain
        assert r"\x1b[31mred" in plain
        assert "\x1b" not in plain


def test_silent(lab: Lab) -> None:
    """A broker that cannot be asked is not said to be gone."""
    with broker(lab) as (command, _):
        command.send_signal(signal.SIGSTOP)
        ran = lab("broker", "status")
        command.send_signal(signal.SIGCONT)
        assert ran.returncode == 1
        assert "does not answer within 3 s" in ran.stderr
    deep = "d" * 90
    with broker(lab, "--data", deep) as (command, url):
        assert "the status cannot be asked" in heard(command)
        assert "too long a name" in lab("broker", "status", "--data", deep).stderr
        with lab.started("broker", "tail", "amq.topic", "--url", url) as tail:
            assert "from now on" in heard(tail)


def test_tail(lab: Lab) -> None:
    """What passes any kind of exchange is printed on one line each; nobody misses it, and Ctrl-C leaves nothing."""
    with broker(lab) as (_, url), channel(url) as at:
        at.queue_declare("mails")
        at.queue_bind("mails", "amq.topic", "#")
        with (
            lab.started("broker", "tail", "amq.topic", "order.*", "--json") as topic,
            lab.started("broker", "tail", "amq.fanout", "--url", url) as fanout,
            lab.started("broker", "tail", "amq.headers") as headers,
            lab.started("broker", "tail", "amq.direct", "paid") as direct,
        ):
            tails = [topic, fanout, headers, direct]
            for one in tails:
                assert "from now on" in heard(one)
            about = pika.BasicProperties(message_id="m1", correlation_id="c1", headers={"tenant": 7})
            at.basic_publish("amq.topic", "user.created", b"not for us", about)
            at.basic_publish("amq.topic", "order.created", "{\n  “id”: 1".encode() + b"x" * 1000, about)
            seen = json.loads(line(topic))
            assert seen.pop("body") == "{\n  “id”: 1" + "x" * 1000, "whole, and as it was sent"
            assert seen.pop("time").endswith("+00:00")
            assert seen == {
                "exchange": "amq.topic",
                "routing_key": "order.created",
                "message_id": "m1",
                "correlation_id": "c1",
                "content_type": None,
                "headers": {"tenant": 7},
                "size": 1015,
            }
            at.basic_publish("amq.topic", "order.binary", b"\xff" * 1000)
            assert json.loads(line(topic))["body"] == "0x" + "ff" * 1000
            at.basic_publish("amq.fanout", "any", b"\x1b[2J\xff" + b"\0" * 500)
            row = line(fanout)
            assert "any  id -  correlation -  505 B  0x1b5b324aff00" in row
            assert row.endswith("…")
            assert len(row) < 200
            at.basic_publish("amq.headers", "", b"hello\r\n\x1b[2J", about)
            assert line(headers).endswith(r'""  id m1  correlation c1  11 B  hello\r\n\x1b[2J')
            at.basic_publish("amq.direct", "refused", b"1")
            at.basic_publish("amq.direct", "paid", b"2")
            assert line(direct).endswith("paid  id -  correlation -  1 B  2")
            assert at.queue_declare("mails", passive=True).method.message_count == 3
            for one in tails:
                assert ended(one) == (130, "")
        held = status(lab)
        eventually(lambda: [queue["name"] for queue in status(lab)["vhosts"]["/"]["queues"]] == ["mails"])
        assert len(held["vhosts"]["/"]["exchanges"]) == 7


def test_tail_refused(lab: Lab) -> None:
    with broker(lab) as (command, url):
        ran = lab("broker", "tail", "evnts")
        assert ran.returncode == 1
        assert 'there is no exchange "evnts"' in ran.stderr
        with channel(url) as at:
            at.exchange_declare("payments", "direct", durable=True)
            at.queue_declare("ledger", exclusive=True)
            at.queue_bind("ledger", "payments", "paid")
            ran = lab("broker", "tail", "payments")
        assert ran.returncode == 2
        assert "Next: lab broker tail payments paid" in ran.stderr
        ran = lab("broker", "tail", "payments", "--url", url.replace("guest:guest", "guest:wrong"))
        assert ran.returncode == 1
        assert "ACCESS_REFUSED" in ran.stderr
        assert "wrong" not in ran.stderr
        with lab.started("broker", "tail", "payments", "paid") as tail:
            heard(tail)
            ended(command, signal.SIGTERM)
            assert "went away" in heard(tail)
            assert tail.wait(20) == 1
    ran = lab("broker", "tail", "payments", "--url", url)
    assert ran.returncode == 1
    assert "Connection refused" in ran.stderr


def test_of_run(lab: Lab) -> None:
    """The broker of a live run is looked into past its taps; of several brokers a tail wants one."""
    (lab.home / "mine.toml").write_text(SYSTEM)
    assert lab("run", "./mine.toml", "--detach").returncode == 0
    told = status(lab)
    assert told["name"] == "broker of 0001-mine"
    with lab.started("broker", "tail", "amq.topic", "--run", "1") as tail, channel(told["url"]) as at:
        heard(tail)
        at.basic_publish("amq.topic", "order.created", b"{}")
        assert "order.created" in line(tail)
    with broker(lab):
        assert len(json.loads(lab("broker", "status", "--json").stdout)["brokers"]) == 2
        assert lab("broker", "status").stdout.count("of messages in memory") == 2
        ran = lab("broker", "tail", "amq.topic")
        assert ran.returncode == 2
        assert "which broker?" in ran.stderr
        assert "broker of 0001-mine" in ran.stderr
    lab("down")
    assert "0001-mine has ended" in lab("broker", "status", "--run", "1").stderr


@pytest.mark.rabbitmq
def test_rabbitmq(lab: Lab, rabbitmq_node: PrivateBroker) -> None:
    """A tail works on RabbitMQ as well, the status says whose tool does; an exchange's kind is found out there, too."""
    url = rabbitmq_node.url.removesuffix("/%2F")
    for direct in ("amq.direct", "mine"):
        with channel(url) as at:
            at.exchange_declare("mine", "direct", auto_delete=True)
        assert "is a direct exchange" in lab("broker", "tail", direct, "--url", url).stderr
    assert "there is no exchange" in lab("broker", "tail", "nope", "--url", url).stderr
    with lab.started("broker", "tail", "amq.headers", "--url", url) as tail, channel(url) as at:
        assert "from now on" in heard(tail)
        at.basic_publish("amq.headers", "key", b"{}", pika.BasicProperties(headers={"a": 1}))
        assert line(tail).endswith("key  id -  correlation -  2 B  {}")
        assert ended(tail) == (130, "")
    (lab.home / "mine.toml").write_text(SYSTEM)
    assert lab("run", "./mine.toml", "--detach", "--engine", "amqp=native").returncode == 0
    ran = lab("broker", "status")
    assert ran.returncode == 1
    assert "broker of 0001-mine is no embedded broker" in ran.stderr
    with lab.started("broker", "tail", "amq.topic") as tail:
        assert "from now on" in heard(tail)
