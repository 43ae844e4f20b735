"""`lab broker status`: what a running broker holds."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from lab.cli.broker import running as brokers
from lab.cli.failure import Failure
from lab.cli.options import Json
from lab.cli.output import out, paint, say, size, table
from lab.journal.visible import visible
from lab.locale import tr

EXAMPLES = (
    "lab broker status",
    "lab broker status --data ./broker-data",
    "lab broker status --json | jq '.brokers[0].vhosts[\"/\"].queues'",
)
PREDECLARED = "amq."


def status(data: brokers.Data = None, run_id: brokers.OfRun = None, as_json: Json = False) -> None:
    """List the queues, exchanges, bindings, consumers and connections of every broker that runs.

    That is lab broker's, and those of live runs. A RabbitMQ has tools of its own for this.
    """
    found = brokers.find(data, run_id)
    embedded = [broker for broker in found if broker.status is not None]
    foreign = [broker for broker in found if broker.status is None]
    if not embedded:
        why = tr("Only the embedded broker tells what it holds; RabbitMQ has rabbitmqctl for that.\n")
        why += tr("lab dash shows the queues of a run with their depths; lab broker tail works with RabbitMQ, too.")
        raise Failure(tr("{name} is no embedded broker", name=foreign[0].name), why=why, next="lab dash")
    for broker in foreign:
        say(tr("{name} is no embedded broker: see rabbitmqctl", name=broker.name))
    if as_json:
        import json

        told = [{"name": broker.name, **(broker.status or {})} for broker in embedded]
        out(json.dumps({"schema_version": 1, "brokers": told}))
        return
    for number, broker in enumerate(embedded):
        if number:
            out()
        _broker(broker.name, broker.status or {})


def _broker(name: str, told: Mapping[str, Any]) -> None:
    out(
        tr(
            "{name} at {url} · {size} of messages in memory",
            name=paint(name, "title"),
            url=told["url"],
            size=size(told["memory"]),
        )
    )
    for alarm in told["alarms"]:
        out(paint(tr("alarm: {alarm}; publishers are blocked", alarm=alarm), "warn"))
    for vhost, held in told["vhosts"].items():
        if len(told["vhosts"]) > 1:
            out()
            out(paint(tr("Virtual host {name}", name=visible(vhost)), "title"))
        _vhost(held)
    _section(
        "connections",
        ("CONNECTION", "FROM", "USER", "VHOST", "CHANNELS", "STATE"),
        [
            (each["name"], each["peer"], each["user"], each["vhost"], str(each["channels"]), each["state"])
            for each in told["connections"]
        ],
    )


def _vhost(held: Mapping[str, Any]) -> None:
    _section(
        "queues",
        ("QUEUE", "READY", "UNACKED", "CONSUMERS", "BYTES", "PROPERTIES"),
        [
            (each["name"], *(str(each[key]) for key in ("ready", "unacked", "consumers", "bytes")), _kind(each))
            for each in held["queues"]
        ],
    )
    in_use = {each["source"] for each in held["bindings"]} | {
        each["destination"] for each in held["bindings"] if each["to"] == "exchange"
    }
    shown = [
        each
        for each in held["exchanges"]
        if each["name"] in in_use or not (each["name"] == "" or each["name"].startswith(PREDECLARED))
    ]
    _section(
        tr("exchanges but those that every broker has"),
        ("EXCHANGE", "TYPE", "PROPERTIES"),
        [(each["name"], each["type"], _kind(each)) for each in shown],
    )
    _section(
        "bindings",
        ("BINDING FROM", "KEY", "TO", "ARGUMENTS"),
        [
            (each["source"], each["routing_key"], f"{each['to']} {each['destination']}", _arguments(each))
            for each in held["bindings"]
        ],
    )
    _section(
        "consumers",
        ("CONSUMER", "QUEUE", "CONNECTION", "PREFETCH", "UNACKED", "PROPERTIES"),
        [
            (
                *(each[key] for key in ("tag", "queue", "connection")),
                str(each["prefetch"] or tr("no limit")),
                str(each["unacked"]),
                ", ".join(
                    word
                    for word, holds in (
                        ("acks", each["ack"]),
                        ("exclusive", each["exclusive"]),
                        (tr("waits for its turn"), not each["active"]),
                        (tr("priority {priority}", priority=each["priority"]), each["priority"]),
                    )
                    if holds
                ),
            )
            for each in held["consumers"]
        ],
    )


def _section(what: str, head: Sequence[str], rows: Sequence[Sequence[str]]) -> None:
    """Print a blank line and the table; without rows, a line that says what is missing."""
    out()
    if rows:
        table(head, rows, {0: ["name"] * len(rows)})
    else:
        out(paint(tr("No {what}.", what=what), "dim"))


def _kind(each: Mapping[str, Any]) -> str:
    words = [word for word in ("durable", "exclusive", "auto_delete", "internal") if each.get(word)]
    return " ".join([", ".join(words).replace("_", "-") or "transient", _arguments(each)]).rstrip()


def _arguments(each: Mapping[str, Any]) -> str:
    return " ".join(f"{name}={value}" for name, value in each["arguments"].items())
